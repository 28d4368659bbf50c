"""The faults of a settings file, as values: the key in the form of the file, and the remedy."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

_BARE = re.compile(r"[A-Za-z0-9_-]+")


@dataclass(frozen=True, slots=True)
class Problem:
    """One fault. `key` is empty for a fault of the whole file."""

    key: str
    text: str

    def __str__(self) -> str:
        return f"{self.key}: {self.text}" if self.key else self.text


class BadSettings(Exception):
    """The settings cannot be used. `problems` are all that were found; str() lists them."""

    def __init__(self, path: str, problems: Sequence[Problem]) -> None:
        self.path = path
        self.problems = tuple(problems)
        many = "1 fault" if len(self.problems) == 1 else f"{len(self.problems)} faults"
        lines = [f"{path} has {many}:", *(f"  {problem}" for problem in self.problems)]
        super().__init__("\n".join(lines))


def key_of(location: Sequence[str | int]) -> str:
    """Return a place in the file in the form of the file: `relay.route[2].via`, counted from 1.

    Parts that TOML does not allow without quotes are quoted: `domain."example.com".catch_all`.
    """
    key = ""
    for part in location:
        if isinstance(part, int):
            key += f"[{part + 1}]"
        else:
            key += "." * bool(key) + (part if _BARE.fullmatch(part) else f'"{part}"')
    return key
