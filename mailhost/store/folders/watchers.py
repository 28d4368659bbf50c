"""Tells the sessions of this process which folders have changed.

A change is notified with the name of its folder alone: whoever watches reads the folder's newest
view. So notifications may be joined, doubled or come from other processes, at no cost but a look.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from zope.interface import implementer

from mailhost.interfaces.folders import IWatch
from mailhost.message.address import Address

Changed = Callable[[str], None]
Notify = Callable[[Address, str], None]


def notify_no_one(account: Address, folder: str) -> None:
    """Other processes that there are none of."""


class Watchers:
    """`notify_others` is called with account and folder for each change that this process made; a
    change that another process made comes in by `changed_elsewhere`."""

    def __init__(self, notify_others: Notify = notify_no_one) -> None:
        self.notify_others = notify_others
        self._watches: dict[Address, set[Watch]] = {}

    def watch(self, account: Address, changed: Changed) -> Watch:
        """Call `changed` with the folder of each change in an account, empty for the list of its
        folders."""
        watch = Watch(self, account, changed)
        self._watches.setdefault(account, set()).add(watch)
        return watch

    @property
    def accounts(self) -> frozenset[Address]:
        """The accounts that are watched."""
        return frozenset(self._watches)

    def changed(self, account: Address, folder: str) -> None:
        """This process has changed a folder."""
        self.notify_others(account, folder)
        self.changed_elsewhere(account, folder)

    def all_changed_elsewhere(self, changes: Iterable[tuple[Address, str]]) -> None:
        """Other processes have changed several."""
        for account, folder in changes:
            self.changed_elsewhere(account, folder)

    def changed_elsewhere(self, account: Address, folder: str) -> None:
        """Another process has."""
        watches = self._watches.get(account)
        if watches is not None:
            for watch in list(watches):
                watch.changed(folder)

    def remove(self, watch: Watch) -> None:
        """End a watch."""
        watches = self._watches.get(watch.account)
        if watches is not None:
            watches.discard(watch)
            if not watches:
                del self._watches[watch.account]


@implementer(IWatch)
class Watch:
    """One watcher of an account."""

    __slots__ = ("_watchers", "account", "changed")

    def __init__(self, watchers: Watchers, account: Address, changed: Changed) -> None:
        self._watchers = watchers
        self.account = account
        self.changed = changed

    def stop(self) -> None:
        self._watchers.remove(self)
