"""The findings of the last run, in DATA/doctor.json:

    {"version":1,"at":seconds since 1970,
     "findings":[{"check":...,"name":...,"tried":...,"verdict":...,"seen":...}, ...]}

The file is replaced as a whole. A damaged file counts as missing: all findings are new then.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass

from mailhost.doctor.daily.changes import KnownFinding
from mailhost.durable.replacing import replace_file
from mailhost.interfaces.changes import Change, Results

NAME = "doctor.json"
VERSION = 1
LARGEST_FILE = 10_000_000  # octets that are read


@dataclass(frozen=True, slots=True)
class LastRun:
    """`at` is in seconds since 1970, 0 if there was no run."""

    at: float = 0.0
    findings: tuple[KnownFinding, ...] = ()


class DoctorMemory:
    """`commit` makes changes of files durable, as BlockingCommitter does. All methods block."""

    def __init__(self, data: str, commit: Callable[[Sequence[Change]], Results]) -> None:
        self._path = os.path.join(data, NAME)
        self._commit = commit

    def read(self) -> LastRun:
        """Return the last run. Raises OSError if the file is there and cannot be read."""
        try:
            with open(self._path, "rb") as file:
                return _run(file.read(LARGEST_FILE))
        except FileNotFoundError:
            return LastRun()
        except (KeyError, TypeError, ValueError):
            return LastRun()

    def write(self, run: LastRun) -> None:
        """Replace the last run. Raises OSError."""
        findings = [asdict(each) for each in run.findings]
        text = json.dumps({"version": VERSION, "at": run.at, "findings": findings})
        replace_file(self._commit, self._path, text.encode())


def _run(text: bytes) -> LastRun:
    fields = json.loads(text)
    if fields["version"] != VERSION:
        raise ValueError(f"version {fields['version']}")
    found = tuple(KnownFinding(**each) for each in fields["findings"])
    return LastRun(float(fields["at"]), found)
