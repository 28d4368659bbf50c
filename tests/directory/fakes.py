"""Shared by the tests of the directory."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import TypeVar

from twisted.internet.defer import Deferred, maybeDeferred
from zope.interface import implementer

from mailhost.directory.place import database_path
from mailhost.directory.sqlite import DirectoryDatabase
from mailhost.interfaces.events import Event, IEventSink
from mailhost.message.address import Address, parse_address

T = TypeVar("T")


def address(text: str) -> Address:
    """Spell an address shorter."""
    return parse_address(text)


def set_up_data(folder: str) -> None:
    """Make a data folder with an empty directory, as `mailhost init` does."""
    os.makedirs(folder, mode=0o700, exist_ok=True)
    DirectoryDatabase(database_path(folder), create=True).close()


@implementer(IEventSink)
class Events:
    """Keeps what is told."""

    def __init__(self) -> None:
        self.told: list[Event] = []

    def emit(self, event: Event) -> None:
        self.told.append(event)

    @property
    def lines(self) -> list[str]:
        """Return the lines of the log, and forget them."""
        told, self.told = self.told, []
        return [event.line for event in told]


class Threads:
    """Runs work when told to, as a thread would: later."""

    def __init__(self) -> None:
        self.work: list[Callable[[], object]] = []

    def __call__(self, work: Callable[[], T]) -> Deferred[T]:
        result: Deferred[T] = Deferred()
        self.work.append(lambda: maybeDeferred(work).chainDeferred(result))
        return result

    def run(self) -> None:
        """Do what waits now."""
        work, self.work = self.work, []
        for task in work:
            task()
