"""The state of each certificate and name that is kept over restarts, in certificates/state.json:

    {"version":1, "certificates":{NAME:{...}}, "names":{NAME:{...}}, "directories":{URL:{...}}}

So a host that is restarted often asks the authority no more often. All times are in seconds since
1970. A damaged file counts as missing: then the schedules begin anew.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any, TypeVar

VERSION = 1

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Retry:
    """Failed attempts in a row, and when the next one is allowed. `text` is the last failure."""

    failures: int = 0
    at: float = 0.0
    next: float = 0.0
    text: str = ""


NEVER_FAILED = Retry()


@dataclass(frozen=True, slots=True)
class Schedule:
    """When a certificate is renewed. `directory` is where it was ordered. `start` and `end` are the
    window that the authority suggested, 0 if it did not; `ask` is when it is asked again. `warned`
    is the highest warning about the end of the certificate that was sent. `since` is when it was
    obtained."""

    directory: str = ""
    renew: float = 0.0
    start: float = 0.0
    end: float = 0.0
    ask: float = 0.0
    warned: int = 0
    since: float = 0.0


NO_SCHEDULE = Schedule()


@dataclass(frozen=True, slots=True)
class State:
    """Immutable: each change makes a new one. `attempts` are those of whole certificates, `names`
    those of single names, `directories` those of all certificates of a directory."""

    schedules: Mapping[str, Schedule] = field(default_factory=dict)
    attempts: Mapping[str, Retry] = field(default_factory=dict)
    names: Mapping[str, Retry] = field(default_factory=dict)
    directories: Mapping[str, Retry] = field(default_factory=dict)

    def with_schedule(self, name: str, schedule: Schedule) -> State:
        """Return the state with another schedule of a certificate."""
        return replace(self, schedules={**self.schedules, name: schedule})

    def with_attempt(self, name: str, retry: Retry) -> State:
        """Return the state with other failures of a certificate."""
        return replace(self, attempts=_with(self.attempts, name, retry))

    def with_name(self, name: str, retry: Retry) -> State:
        """Return the state with other failures of a name."""
        return replace(self, names=_with(self.names, name, retry))

    def with_directory(self, url: str, retry: Retry) -> State:
        """Return the state with other failures of a directory."""
        return replace(self, directories=_with(self.directories, url, retry))

    def without(self, name: str) -> State:
        """Return the state without a certificate."""
        schedules = {key: each for key, each in self.schedules.items() if key != name}
        return replace(self, schedules=schedules, attempts=_with(self.attempts, name, NEVER_FAILED))


def _with(retries: Mapping[str, Retry], name: str, retry: Retry) -> Mapping[str, Retry]:
    others = {key: each for key, each in retries.items() if key != name}
    return others if retry == NEVER_FAILED else {**others, name: retry}


def to_json(state: State) -> bytes:
    """Return the content of the file."""
    return json.dumps({"version": VERSION, **asdict(state)}, indent=1).encode() + b"\n"


def from_json(octets: bytes) -> State:
    """Return the state in a file, an empty one for a damaged file."""
    try:
        fields = json.loads(octets)
        if fields["version"] != VERSION:
            return State()
        return State(
            _table(Schedule, fields["schedules"]),
            _table(Retry, fields["attempts"]),
            _table(Retry, fields["names"]),
            _table(Retry, fields["directories"]),
        )
    except (ValueError, KeyError, TypeError, AttributeError):
        return State()


def _table(kind: type[T], fields: Mapping[str, Mapping[str, Any]]) -> dict[str, T]:
    return {name: kind(**each) for name, each in fields.items()}
