"""The reports of an import or export, and the rights that it needs for a while."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Protocol, TypeAlias

Rights: TypeAlias = Callable[[], AbstractContextManager[None]]
"""Gives the process the rights to use the other side's files, until the block ends."""


class TransferProgress(Protocol):
    """Hears how far the work is."""

    def begin(self, folder: str, messages: int) -> None:
        """A folder begins, with so many messages to look at."""

    def advance(self, messages: int) -> None:
        """So many more messages of it are done."""


@dataclass(frozen=True, slots=True)
class Result:
    """The result for one folder. `moved` messages were written, `known` ones were there from
    before, `unreadable` are the reasons why some could not be read. `kept_uids` is True for an
    import that kept the UIDs."""

    folder: str
    moved: int
    known: int
    unreadable: tuple[str, ...] = ()
    kept_uids: bool = False
