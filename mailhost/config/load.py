"""Loads a settings file, and reports all its problems together.

A file with wrong values is checked completely: wrong values are reported and left out, and the rest
is checked as if they had never been there. This module does not import the reactor.
"""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Iterator, Mapping
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from mailhost.config import plausible
from mailhost.config.check import check, check_names
from mailhost.config.explain import Location, explain, place
from mailhost.config.files import unreadable
from mailhost.config.model import Settings
from mailhost.config.ownership import check_settings_file
from mailhost.config.problems import BadSettings, Problem, key_of
from mailhost.config.secrets import Secrets, read_secrets
from mailhost.config.toml_faults import explained

__all__ = ["BadSettings", "Loaded", "Problem", "data_of", "load"]

# Values that take the place of wrong ones while the rest is checked. They clash with no others, and
# findings about them are not reported. Keys are those of the table or list around the value, or its
# own at the top.
_STAND_INS: dict[str, object] = {
    "version": 1,
    "hostname": "stand-in.invalid",
    "data": "stand-in",
    "listen": {"protocol": "smtp", "endpoint": "tcp:0"},
    "certificate": {"chain": "stand-in", "key": "stand-in"},
    "route": {"via": "stand-in.invalid"},
    "networks": "127.0.0.1",
    "servers": "127.0.0.1:53",
    "filter": {"kind": "size", "limit": 1},
    "accounts": "stand-in@stand-in.invalid",
    "domain": {"catch_all": "postmaster"},
    "account": {},
    "alias": ["postmaster"],
}
_NEEDED = {key: _STAND_INS[key] for key in ("version", "hostname", "data")}
_PASSES = 10
SEVERAL = ("listen", "filter", "relay.route", "tls.certificate")  # tables in double brackets


@dataclass(frozen=True, slots=True)
class Loaded:
    """Settings that can be used: they are checked, their paths are absolute, and their secrets are
    read.

    `path` is the absolute path of the settings file; `warnings` are for the operator.
    """

    settings: Settings
    secrets: Secrets
    path: str
    warnings: tuple[Problem, ...] = ()


def load(path: str, environment: Mapping[str, str] = os.environ) -> Loaded:
    """Read and check the settings file at `path`. Blocks for the disk.

    Raises BadSettings with every problem that was found.
    """
    path = os.path.abspath(path)
    raw = _read(path)
    context = {"folder": os.path.dirname(path)}
    problems: list[Problem] = []
    try:
        settings = Settings.model_validate(raw, context=context)
    except ValidationError as error:
        problems = explain(error)
        settings = _rest(raw, error, context)
    secrets, unread = read_secrets(settings, environment)
    found = [*check_names(raw), *check(settings), *plausible.faults(settings), *unread]
    problems += [problem for problem in found if not _reported_already(problem, problems)]
    problems += check_settings_file(path)
    if problems:
        raise BadSettings(path, problems)
    settings = _with_demo_path(settings)
    return Loaded(settings, secrets, path, tuple(plausible.warnings(settings)))


def data_of(path: str) -> str:
    """Return the data folder that a settings file names, whatever else is wrong with the file.

    Raises BadSettings.
    """
    path = os.path.abspath(path)
    data = _read(path).get("data")
    if not isinstance(data, str) or not data:
        raise BadSettings(path, [Problem("data", 'is missing; write data = "/var/lib/mailhost"')])
    return os.path.normpath(os.path.join(os.path.dirname(path), os.path.expanduser(data)))


def _read(path: str) -> dict[str, Any]:
    try:
        with open(path, "rb") as file:
            contents = file.read()
        text = contents.decode("utf-8-sig")  # editors of Windows put a byte order mark in front
        raw = tomllib.loads(text)
        places = list(_places_of_nul((), raw))
    except OSError as error:
        explanation = unreadable(path, error)
        if isinstance(error, FileNotFoundError):
            explanation += "; `mailhost init` writes one"
    except UnicodeDecodeError as error:
        line = contents.count(b"\n", 0, error.start) + 1
        explanation = f"line {line} is not UTF-8; save the file as UTF-8"
    except tomllib.TOMLDecodeError as error:
        explanation = explained(text, error, SEVERAL)
    except RecursionError:
        explanation = "is nested too deeply"
    else:
        if not places:
            return raw
        keys = [key_of(place).replace("\0", "\\u0000") for place in places]
        text = "has a NUL character in it; remove it"
        raise BadSettings(path, [Problem(key, text) for key in keys])
    raise BadSettings(path, [Problem("", explanation)])


def _places_of_nul(above: Location, value: Any) -> Iterator[Location]:
    """Yield the places with a NUL. The system's calls for paths and users raise ValueError for
    it."""
    if isinstance(value, str) and "\0" in value:
        yield above
    elif isinstance(value, dict | list):
        for part, item in value.items() if isinstance(value, dict) else enumerate(value):
            if isinstance(part, str) and "\0" in part:
                yield (*above, part)
            yield from _places_of_nul((*above, part), item)


def _rest(raw: dict[str, Any], error: ValidationError, context: dict[str, str]) -> Settings:
    """Return the settings without the wrong values, for further checks only."""
    remaining = deepcopy(raw)
    for _ in range(_PASSES):
        for details in reversed(error.errors(include_url=False)):
            _leave_out(remaining, details)
        try:
            return Settings.model_validate(remaining, context=context)
        except ValidationError as again:
            error = again
    return Settings.model_validate(_NEEDED, context=context)


def _leave_out(data: dict[str, Any], details: ErrorDetails) -> None:
    """Take one wrong value out of the file's data, or put a stand-in in its place."""
    location = place(details["loc"])
    if details["type"] == "missing" and len(location) > 1:
        location = location[:-1]  # a table that lacks something is of no use
    around, last = _around(data, location)
    named = location != details["loc"] or details["type"] == "extra_forbidden"
    if isinstance(around, list) and isinstance(last, int) and last < len(around):
        around[last] = _stand_in(location)
    elif isinstance(around, dict):
        around.pop(last, None)
        stand_in = None if named else _stand_in(location)
        if stand_in is not None:
            around[last] = stand_in


def _around(data: Any, location: Location) -> tuple[Any, str | int]:
    for part in location[:-1]:
        data = data[part] if _has(data, part) else None
    return data, location[-1]


def _has(data: Any, part: str | int) -> bool:
    if isinstance(part, int):
        return isinstance(data, list) and part < len(data)
    return isinstance(data, dict) and part in data


def _stand_in(location: Location) -> object:
    *above, last = location
    if not above:
        return deepcopy(_STAND_INS.get(str(last))) if last in _NEEDED else None
    if above[-1] == "aliases":
        return f"stand-in-{last}.{str(above[1])[:100]}.invalid"
    if len(above) > 2 and above[-2] == "alias":
        return "postmaster"  # a target
    return deepcopy(_STAND_INS.get(str(above[-1])))


def _reported_already(problem: Problem, problems: list[Problem]) -> bool:
    """True if a wrong value in the same place, or in the same filter, is reported already: this
    problem then follows from that one."""
    parts = _steps(problem.key)
    if parts[:1] == ["filter"]:
        parts = parts[:2]
    return any(
        parts[: len(reported)] == reported or reported[: len(parts)] == parts
        for reported in map(_steps, (known.key for known in problems))
    )


def _steps(key: str) -> list[str]:
    return re.findall(r'"[^"]*"|[^.\["]+|\[\d+\]', key)


def _with_demo_path(settings: Settings) -> Settings:
    if settings.demo is None:
        return settings
    path = os.path.normpath(os.path.join(settings.data, settings.demo.password_file))
    demo = settings.demo.model_copy(update={"password_file": path})
    return settings.model_copy(update={"demo": demo})
