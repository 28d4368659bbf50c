"""The test suite of RFC 7208 by the openspf project, from the source archive of pyspf.

`make` fetches the archive from the package index into the virtual environment.
"""

from __future__ import annotations

import sys
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from mailhost.interfaces.dns import Found, MXRecord

FOLDER = Path(sys.prefix) / "suites"
_MEMBER = "test/rfc7208-tests.yml"
_TYPES = ("A", "AAAA", "MX", "TXT", "PTR")


@dataclass(frozen=True)
class Case:
    """One case: what is asked, what DNS has, which results are right."""

    name: str
    host: str
    hello: str
    mail_from: str
    results: tuple[str, ...]
    explanation: str | None
    records: dict[tuple[str, str], Any]


def archive() -> Path | None:
    """Where the archive is, None for a machine that could not fetch it."""
    return next(iter(sorted(FOLDER.glob("pyspf-*.tar.gz"))), None)


def cases(path: Path) -> Iterator[Case]:
    """Yield all cases."""
    with tarfile.open(path) as archived:
        member = next(each for each in archived.getnames() if each.endswith(_MEMBER))
        file = archived.extractfile(member)
        assert file is not None
        scenarios = list(yaml.safe_load_all(file.read()))
    for scenario in scenarios:
        records = _records(scenario["zonedata"])
        for name, test in scenario["tests"].items():
            results = test["result"]
            yield Case(
                name,
                test["host"],
                test["helo"] or "",
                test["mailfrom"] or "",
                (results,) if isinstance(results, str) else tuple(results),
                test.get("explanation"),
                records,
            )


def _records(zone: dict[str, list[Any]]) -> dict[tuple[str, str], Any]:
    rows = {name.lower(): list(_rows(found)) for name, found in zone.items()}
    records = dict[tuple[str, str], Any]()
    for name in rows:
        for kind in _TYPES:
            found = [value for row, value in _followed(rows, name) if row == kind]
            silent = any(row == "TIMEOUT" for row, _ in rows[name]) and not found
            records[kind, name] = Found.FAILED if silent or "TIMEOUT" in found else found
    return records


def _followed(rows: dict[str, list[Any]], name: str) -> Iterator[tuple[str, Any]]:
    for kind, value in rows[name]:
        if kind == "CNAME" and value.lower() in rows:
            yield from rows[value.lower()]
        else:
            yield kind, value


def _rows(found: list[Any]) -> Iterator[tuple[str, Any]]:
    """Yield the records of a name. One of the old type SPF stands for a TXT record, unless there
    is one."""
    rows = [("TIMEOUT", "") if row == "TIMEOUT" else next(iter(row.items())) for row in found]
    texts = any(kind == "TXT" for kind, _ in rows)
    for kind, value in rows:
        if kind == "SPF" and not texts:
            kind = "TXT"
        if value == "NONE":
            continue
        yield kind, value if value == "TIMEOUT" else _value(kind, value)


def _value(kind: str, value: Any) -> Any:
    if kind == "TXT":
        return "".join([value] if isinstance(value, str) else value).encode()
    if kind == "MX":
        return MXRecord(value[0], value[1].lower().rstrip("."))
    return value.lower().rstrip(".") if kind == "PTR" else value
