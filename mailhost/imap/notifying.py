"""The events that a client wants by NOTIFY (RFC 5465), and its knowledge of other folders.

A folder that changes is looked at a second after the last look at the earliest, so that a busy one
costs a client one STATUS line a second. Changes of the list of folders are found by comparing it
with the one that the client knows.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from twisted.internet.interfaces import IDelayedCall, IReactorTime

from mailhost.imap.grammar.commands_mailbox import EventGroup, NotifyEvent, StatusItem, Which
from mailhost.imap.grammar.response_mailbox import StatusValue
from mailhost.interfaces.folders import (
    FolderInfo,
    FolderStatus,
    IAccountMail,
    IWatch,
    StoreRefusal,
)
from mailhost.interfaces.wire import IWire

PAUSE = 1.0  # seconds between two looks
MESSAGES = frozenset((NotifyEvent.MESSAGE_NEW, NotifyEvent.MESSAGE_EXPUNGE))
SELECTED = (Which.SELECTED, Which.SELECTED_DELAYED)
_COUNTS = (StatusItem.MESSAGES, StatusItem.UIDNEXT, StatusItem.UIDVALIDITY)


@dataclass(frozen=True, slots=True)
class StatusChange:
    """A STATUS line to be sent."""

    name: str
    values: Mapping[StatusItem, StatusValue]


@dataclass(frozen=True, slots=True)
class ListChange:
    """A LIST line to be sent. A folder that is gone is not `there`; `old_name` is the name that a
    renamed one had."""

    folder: FolderInfo
    there: bool = True
    old_name: str | None = None


Change = StatusChange | ListChange


class Notifying:
    """The filter of one session. `selected` is the group for the selected mailbox; None: the client
    wants to hear nothing of it."""

    def __init__(
        self, mail: IAccountMail, wire: IWire, clock: IReactorTime, groups: Sequence[EventGroup]
    ) -> None:
        self._mail = mail
        self._wire = wire
        self._clock = clock
        self.selected = next((each for each in groups if each.which in SELECTED), None)
        self._groups = [each for each in groups if each.which not in SELECTED and each.events]
        self._folders: dict[str, FolderInfo] = {}
        self._statuses: dict[str, FolderStatus] = {}
        self._pending: set[str] = set()
        self._earliest = 0.0
        self._call: IDelayedCall | None = None
        self._watch: IWatch | None = None
        self.due = False  # `changes` has something to look at

    async def begin(self) -> StoreRefusal | None:
        """Read what the client is supposed to know already, and watch from then on."""
        if not self._groups:
            return None
        self._watch = self._mail.watch(self._changed)
        folders = await self._mail.folders()
        if isinstance(folders, StoreRefusal):
            return folders
        self._folders = {folder.name: folder for folder in folders}
        names = [each.name for each in folders if each.selectable and self._events(each)]
        statuses = await self._mail.statuses(names)
        if isinstance(statuses, StoreRefusal):
            return statuses
        self._statuses = dict(statuses)
        return None

    def stop(self) -> None:
        """The client wants other events, or is gone."""
        if self._watch is not None:
            self._watch.stop()
        if self._call is not None and self._call.active():
            self._call.cancel()

    def present(self, without: str) -> list[Change]:
        """Return the status of each folder with events of messages, but of `without`."""
        return [
            self._status_change(self._folders[name], status)
            for name, status in self._statuses.items()
            if name != without and self._events(self._folders[name]) & MESSAGES
        ]

    # --- what changes ----------------------------------------------------------------------------

    def _changed(self, folder: str) -> None:
        self._pending.add(folder)
        self._schedule()

    def _schedule(self) -> None:
        if self._pending and self._call is None and not self.due:
            delay = max(0.0, self._earliest - self._clock.seconds())
            self._call = self._clock.callLater(delay, self._wake)

    def _wake(self) -> None:
        self._call = None
        self.due = True
        self._wire.wake()

    async def changes(self, selected: str) -> list[Change]:
        """Return what the client is to be told now; nothing of the selected mailbox."""
        pending, self._pending = self._pending, set()
        found: list[Change] = []
        if "" in pending:
            found += await self._list_changes(pending)
        found += await self._status_changes(pending - {"", selected})
        self.due = False
        self._earliest = self._clock.seconds() + PAUSE
        self._schedule()
        return found

    async def _status_changes(self, names: set[str]) -> list[Change]:
        wanted = [
            name
            for name in sorted(names)
            if name in self._folders and self._events(self._folders[name]) & MESSAGES
        ]
        if not wanted:
            return []
        statuses = await self._mail.statuses(wanted)
        if isinstance(statuses, StoreRefusal):
            return []
        found: list[Change] = []
        for name, status in statuses.items():
            folder = self._folders[name]
            if _differs(self._statuses.get(name), status, self._events(folder)):
                found.append(self._status_change(folder, status))
            self._statuses[name] = status
        return found

    def _status_change(self, folder: FolderInfo, status: FolderStatus) -> StatusChange:
        values: dict[StatusItem, StatusValue] = dict(
            zip(_COUNTS, (status.messages, status.uid_next, status.uid_validity), strict=True)
        )
        if NotifyEvent.FLAG_CHANGE in self._events(folder):
            values[StatusItem.UNSEEN] = status.unseen
            values[StatusItem.HIGHESTMODSEQ] = status.highest_modseq
        return StatusChange(folder.name, values)

    async def _list_changes(self, pending: set[str]) -> list[Change]:
        """Compare the list of folders with the one that the client knows. New ones are added to
        `pending`."""
        folders = await self._mail.folders()
        if isinstance(folders, StoreRefusal):
            return []
        before, self._folders = self._folders, {folder.name: folder for folder in folders}
        added = [each for each in folders if _is_there(each) and not _is_there_in(before, each)]
        gone = {
            name: each
            for name, each in before.items()
            if _is_there(each) and not _is_there_in(self._folders, each)
        }
        statuses = await self._mail.statuses([folder.name for folder in added])
        if isinstance(statuses, StoreRefusal):
            statuses = {}
        ids = {known.mailbox_id: name for name, known in self._statuses.items() if name in gone}
        found: list[Change] = []
        listed: set[str] = set()
        for folder in added:
            status = statuses.get(folder.name)
            old_name = ids.get(status.mailbox_id) if status is not None else None
            pending.add(folder.name)
            if NotifyEvent.MAILBOX_NAME in self._events(folder):
                found.append(ListChange(folder, old_name=old_name))
                listed |= {folder.name, old_name or folder.name}
        for name, folder in gone.items():
            self._statuses.pop(name, None)
            if name not in listed and NotifyEvent.MAILBOX_NAME in self._events(folder):
                found.append(ListChange(folder, there=False))
                listed.add(name)
        self._mailbox_ids(statuses)
        return found + self._subscription_changes(before, listed)

    def _mailbox_ids(self, statuses: Mapping[str, FolderStatus]) -> None:
        """Keep the ids of new folders without events of messages, to see them renamed."""
        for name, status in statuses.items():
            if not self._events(self._folders[name]) & MESSAGES:
                self._statuses[name] = status

    def _subscription_changes(
        self, before: Mapping[str, FolderInfo], listed: set[str]
    ) -> list[Change]:
        found: list[Change] = []
        for name in (before.keys() | self._folders.keys()) - listed:
            was, now = before.get(name), self._folders.get(name)
            folder = now or FolderInfo(name, selectable=False)
            if (was is not None and was.subscribed) == folder.subscribed:
                continue
            if NotifyEvent.SUBSCRIPTION_CHANGE in self._events(was or folder) | self._events(
                folder
            ):
                found.append(ListChange(folder))
        return found

    # --- the filter ------------------------------------------------------------------------------

    def _events(self, folder: FolderInfo) -> frozenset[NotifyEvent]:
        """Return the events of all groups that a folder is in."""
        events: frozenset[NotifyEvent] = frozenset()
        for group in self._groups:
            if _is_in(folder, group):
                events |= group.events
        return events


def _is_in(folder: FolderInfo, group: EventGroup) -> bool:
    """Whether a folder is one of those that a group is for (RFC 5465 §6)."""
    which, name = group.which, folder.name
    if which is Which.PERSONAL:
        return True
    if which is Which.INBOXES:  # those that the host delivers to
        return name == "INBOX" or folder.special_use == "\\Junk"
    if which is Which.SUBSCRIBED:
        return folder.subscribed
    if which is Which.SUBTREE:
        return any(name == top or name.startswith(f"{top}/") for top in group.mailboxes)
    return name in group.mailboxes


def _is_there(folder: FolderInfo) -> bool:
    return folder.selectable


def _is_there_in(folders: Mapping[str, FolderInfo], folder: FolderInfo) -> bool:
    found = folders.get(folder.name)
    return found is not None and _is_there(found)


def _differs(
    before: FolderStatus | None, now: FolderStatus, events: frozenset[NotifyEvent]
) -> bool:
    if before is None:
        return True
    if (before.messages, before.uid_next, before.uid_validity) != (
        now.messages,
        now.uid_next,
        now.uid_validity,
    ):
        return True
    return NotifyEvent.FLAG_CHANGE in events and before.highest_modseq != now.highest_modseq
