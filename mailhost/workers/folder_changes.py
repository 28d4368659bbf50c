"""Notifies the other processes of changed folders, those of a short time together.

A change is a notification without a result: a process that misses one finds the change by the next
look at the folder. So they are joined: a busy folder costs the channel one name in PAUSE seconds.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeAlias

from twisted.internet.interfaces import IReactorTime

from mailhost.message.address import Address

PAUSE = 0.02  # seconds in which changes are collected
FolderChange: TypeAlias = tuple[Address, str]
"""An account and the name of a folder, empty for the list of its folders."""


class FolderChanges:
    """`send` is called with the changes of some time; an account's folder is in it once."""

    def __init__(self, clock: IReactorTime, send: Callable[[Sequence[FolderChange]], None]) -> None:
        self._clock = clock
        self._send = send
        self._waiting: dict[FolderChange, None] = {}

    def add(self, account: Address, folder: str) -> None:
        """A folder has changed."""
        if not self._waiting:
            self._clock.callLater(PAUSE, self._flush)
        self._waiting[account, folder] = None

    def _flush(self) -> None:
        changes = list(self._waiting)
        self._waiting.clear()
        self._send(changes)
