"""DMARC policy records as values (RFC 9989 §4.7, §4.8).

Only the version is strict. A fault in another tag gives the default of that tag, and unknown tags
are ignored. `pct`, `rf` and `ri` of RFC 7489 are still read, because many records have them; they
have no effect on the result.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum
from functools import lru_cache

LONGEST_RECORD = 8192  # octets
MOST_ADDRESSES = 20  # of rua= or ruf= that are read
_VERSION = re.compile(rb"v[ \t]*=[ \t]*DMARC1[ \t]*(?:;|$)")
_URI = re.compile(r"[ \t]*(?:mailto:[^@\s]+@[^@\s]+|(?!mailto:)[a-z][a-z0-9+.-]*:\S+)[ \t]*")
_NUMBER = re.compile(r"[0-9]{1,9}")
_SIZE = re.compile(r"![0-9]+[kmgt]?", re.IGNORECASE)  # RFC 7489 §6.2; to be ignored


class Policy(Enum):
    """The treatment that a domain asks for if a message does not pass."""

    NONE = "none"
    QUARANTINE = "quarantine"
    REJECT = "reject"


class Suffix(Enum):
    """Whether the domain is a public suffix (`psd=`)."""

    YES = "y"
    NO = "n"
    UNKNOWN = "u"


@dataclass(frozen=True, slots=True)
class DMARCRecord:
    """One record. `subdomains` (sp) and `nonexistent` (np) are already those that apply where the
    tags are missing. `reports` (rua) and `failure_reports` (ruf) are URIs. `percent` (pct),
    `report_format` (rf) and `report_interval` (ri, seconds) are of RFC 7489, None where they are
    not given."""

    policy: Policy = Policy.NONE
    subdomains: Policy = Policy.NONE
    nonexistent: Policy = Policy.NONE
    suffix: Suffix = Suffix.UNKNOWN
    testing: bool = False
    strict_dkim: bool = False
    strict_spf: bool = False
    reports: tuple[str, ...] = ()
    failure_reports: tuple[str, ...] = ()
    failure_options: str = "0"
    percent: int | None = None
    report_format: str | None = None
    report_interval: int | None = None


def is_dmarc(record: bytes) -> bool:
    """True for a TXT record that is one of DMARC: `v=DMARC1` comes first, in this case."""
    return _VERSION.match(record) is not None


@lru_cache(maxsize=1000)
def parse_record(record: bytes) -> DMARCRecord | None:
    """Return the record, None for one by which no policy can be applied: p, sp or np has an
    unknown value, and there is no address for reports (RFC 9989 §4.10.1)."""
    tags = _tags(record[:LONGEST_RECORD].decode("utf-8", "replace"))
    reports = _addresses(tags.get("rua", ""))
    policies = {name: _policy(tags[name]) for name in ("p", "sp", "np") if name in tags}
    if None in policies.values():
        if not reports:
            return None
        policies = {}
    policy = policies.get("p") or Policy.NONE
    subdomains = policies.get("sp") or policy
    percent = _number(tags, "pct")
    return DMARCRecord(
        policy=policy,
        subdomains=subdomains,
        nonexistent=policies.get("np") or subdomains,
        suffix=_suffix(tags.get("psd", "u")),
        testing=tags.get("t", "n").lower() == "y",
        strict_dkim=tags.get("adkim", "r").lower() == "s",
        strict_spf=tags.get("aspf", "r").lower() == "s",
        reports=reports,
        failure_reports=_addresses(tags.get("ruf", "")),
        failure_options=tags.get("fo", "0"),
        percent=percent if percent is not None and percent <= 100 else None,
        report_format=tags.get("rf"),
        report_interval=_number(tags, "ri"),
    )


def faulty_tags(record: bytes) -> tuple[str, ...]:
    """Return the tags of a record that have a value that cannot be used, as `name=value`. Receivers
    take the default of such a tag."""
    tags = _tags(record[:LONGEST_RECORD].decode("utf-8", "replace"))
    return tuple(
        f"{name}={value}"
        for name, value in tags.items()
        if name in _VALUES and not _VALUES[name](value.lower())
    )


def _are_uris(value: str) -> bool:
    """True for a list of URIs; those that are no `mailto:` are ignored, and are no fault."""
    return all(map(_URI.fullmatch, value.split(",")))


_POLICIES = frozenset(policy.value for policy in Policy)
_VALUES: Mapping[str, Callable[[str], bool]] = {
    **dict.fromkeys(("p", "sp", "np"), _POLICIES.__contains__),
    **dict.fromkeys(("adkim", "aspf"), frozenset("rs").__contains__),
    **dict.fromkeys(("rua", "ruf"), _are_uris),
    "psd": frozenset("ynu").__contains__,
    "t": frozenset("yn").__contains__,
}


def _tags(text: str) -> dict[str, str]:
    """Return the tags; of several with one name the first, and none that cannot be read."""
    tags = dict[str, str]()
    for part in text.split(";"):
        name, equals, value = part.partition("=")
        if equals:
            tags.setdefault(name.strip().lower(), value.strip())
    return tags


def _policy(value: str) -> Policy | None:
    try:
        return Policy(value.lower())
    except ValueError:
        return None


def _suffix(value: str) -> Suffix:
    try:
        return Suffix(value.lower())
    except ValueError:
        return Suffix.UNKNOWN


def _number(tags: dict[str, str], name: str) -> int | None:
    value = tags.get(name, "")
    return int(value) if _NUMBER.fullmatch(value) else None


def _addresses(value: str) -> tuple[str, ...]:
    """Return the `mailto:` URIs of a list; all others are ignored."""
    texts = [text.strip() for text in value.split(",")[:MOST_ADDRESSES]]
    uris = [_SIZE.sub("", text) for text in texts if text.isascii() and text.isprintable()]
    return tuple(uri for uri in uris if uri.lower().startswith("mailto:") and "@" in uri)
