"""The UIDs and keywords of one folder while its UID list is locked against other programs."""

from __future__ import annotations

import errno
import json
from collections.abc import Callable, Container, Sequence
from dataclasses import dataclass, replace
from types import TracebackType

from mailhost.store.folders.disk import Disk
from mailhost.store.folders.patience import Patience, is_locked
from mailhost.store.maildir.dotlock import Dotlock, LockTimeout
from mailhost.store.maildir.filename import by_arrival
from mailhost.store.maildir.keywords import KeywordsFile
from mailhost.store.maildir.uid_list import LARGEST, Header, UidList, extensions_of
from mailhost.store.maildir.uid_list_file import Part, Place, UidListFile, worth_rewriting
from mailhost.store.maildir.uid_validity import new_guid, new_uid_validity

FEWEST_LINES = 100  # of a list that is rewritten for its dead lines
FEWEST_LEFT = 1 << 20  # UIDs; with fewer left the folder gets a new UIDVALIDITY, and UIDs from 1 on
NO_WRITING = frozenset(
    {errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EPERM, errno.EIO}
)


@dataclass(frozen=True, slots=True)
class Backup:
    """The contents of a UID list as the cache knows them, should the file be gone: its UIDVALIDITY
    and next UID, and by `whole` the list."""

    uid_validity: int
    uid_next: int
    whole: Callable[[], UidList]


class UidSource:
    """Has the lock from `with` on. `account` is the path of the account's Maildir, `folder` that of
    the folder's, and `place` what `place` returned last: what was read before is not read again.

    With `to_read` a list that cannot be written, nor be locked by the last attempt, is good enough:
    messages that have no UID yet get none then. Everything blocks, and raises OSError.
    """

    def __init__(
        self,
        account: str,
        folder: str,
        disk: Disk,
        patience: Patience,
        place: str = "",
        backup: Backup | None = None,
        to_read: bool = False,
    ) -> None:
        self._account = account
        self._file = UidListFile(folder, disk.system, disk.dotlocks)
        self._disk = disk
        self._patience = patience
        self._before = Place(*json.loads(place)) if place else None
        self._backup = backup
        self._to_read = to_read
        self._keywords = KeywordsFile(folder, disk.system)
        self._lock: Dotlock | None = None
        self._read: Part | None = None

    def __enter__(self) -> UidSource:
        try:
            self._lock = self._file.lock(self._patience.seconds)
        except OSError as error:
            if is_locked(error) and not self._patience.last:
                raise
            if not (self._to_read and cannot_write(error)):
                raise
        try:
            self._read = self._read_list()
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        where: TracebackType | None,
    ) -> None:
        if self._lock is not None:
            self._lock.release()

    # --- the list as it is found -----------------------------------------------------------------

    def _read_list(self) -> Part:
        part, backup = self._file.read(self._before), self._backup
        if self._lock is None:
            return part or self._unwritten(backup)
        if part is None:
            return self._created(backup)
        if part.uid_list.next_uid > LARGEST - FEWEST_LEFT:
            return self._created(None)
        if (
            backup is not None
            and part.uid_list.header.uid_validity == backup.uid_validity
            and part.uid_list.next_uid < backup.uid_next
        ):  # an older file came back: the UIDs that it lacks were told
            return self._file.write(self._lock, _merged(backup.whole(), self._whole().uid_list))
        return self._file.rewrite(self._lock) if part.uid_list.needs_rewriting else part

    def _whole(self) -> Part:
        part = self._file.read()
        if part is None:
            raise OSError(f"{self._file.path} is gone")
        return part

    def _created(self, backup: Backup | None) -> Part:
        if backup is not None:
            return self._file.write(self.lock, backup.whole())
        validity = new_uid_validity(self._disk.system, self._account, self._disk.now())
        return self._file.create(self.lock, Header(validity, 1, new_guid()))

    def _unwritten(self, backup: Backup | None) -> Part:
        """The list of a folder that has none, on a disk that takes none."""
        if backup is None:
            raise OSError(errno.EROFS, "the list of UIDs cannot be written", self._file.path)
        return Part(backup.whole(), Place(0, 0, -1, 0, 0, 0), True)

    # --- what it says ----------------------------------------------------------------------------

    @property
    def path(self) -> str:
        """The path of the UID list."""
        return self._file.path

    @property
    def lock(self) -> Dotlock:
        """The lock of the UID list."""
        assert self._lock is not None
        return self._lock

    @property
    def part(self) -> Part:
        """The UID list, or what of it is new."""
        assert self._read is not None
        return self._read

    @property
    def place(self) -> str:
        """How far the list was read, as text to keep."""
        place = self.part.place
        numbers = (place.device, place.inode, place.size, place.last_uid, place.lines, place.check)
        return json.dumps(numbers)

    @property
    def mailbox_id(self) -> str:
        """The MAILBOXID of the folder."""
        header = self.part.uid_list.header
        return header.guid or f"{header.uid_validity:08x}"

    def numbered(
        self, bases: Sequence[str], first: int, sync: bool = True
    ) -> list[tuple[int, str]]:
        """Return UIDs with base names, rising; messages that the list does not have get UIDs, the
        oldest first. The UIDs are safe on the disk then; without `sync` they are after a sync of
        the file at `path`, and may not be told to a client before.

        A message whose UID is below `first` gets another one: that UID was told to be gone. Names
        that no line can hold get none.
        """
        uids = self.part.uid_list.uids
        unknown = [base for base in bases if uids.get(base, 0) < first or base not in uids]
        if unknown:
            self._append(by_arrival(unknown), first, sync)
            uids = self.part.uid_list.uids
        wanted = frozenset(bases)
        return sorted(  # the list rises, so that little is left to do
            (uid, base) for base, uid in uids.items() if uid >= first and base in wanted
        )

    def _append(self, bases: Sequence[str], first: int, sync: bool) -> None:
        if self._lock is None:
            return
        try:
            new = [(base, "") for base in bases]
            self._read = self._file.append(self._lock, new, self._read, first, sync)
        except OSError as error:
            if not (self._to_read and cannot_write(error)):
                raise

    def fields(self, uid: int) -> str:
        """Return what the list says of a message besides its UID, empty for nothing."""
        return self.part.uid_list.extensions.get(uid, "")

    def has_many_dead(self, messages: int) -> bool:
        """True where the list is worth writing anew, for a folder of so many messages."""
        lines = self.part.place.lines
        if self._lock is None or lines < FEWEST_LINES:
            return False
        return worth_rewriting(lines, lines - messages)

    def drop_dead(self, alive: Container[str]) -> None:
        """Write the list anew, without the lines of messages that are not among `alive`."""
        self._read = self._file.rewrite(self.lock, alive)

    # --- keywords --------------------------------------------------------------------------------

    def keywords(self) -> tuple[str, ...]:
        """Return the names of the folder's keywords by letter, empty for one that is not used."""
        return self._keywords.read().shown

    def with_keywords(self, names: Sequence[str], used: str) -> tuple[str, ...]:
        """As `keywords`, after letters were given to those of `names` that have none, as far as
        there are letters left. `used` are the letters in names of files."""
        if names:
            self._keywords.add(self.lock, names, used)
        return self.keywords()


def cannot_write(error: OSError) -> bool:
    """True where the disk, or another program's lock, keeps us from writing."""
    return isinstance(error, LockTimeout) or error.errno in NO_WRITING


def guid_of(fields: str) -> str:
    """Return the GUID that the fields of a line tell, empty for none."""
    return extensions_of(fields).guid or ""


def _merged(ours: UidList, theirs: UidList) -> UidList:
    """Return our list with the lines of theirs that fit: UIDs that rise, for other messages."""
    taken = set(ours.uids.values())
    others = theirs.header.others
    pairs = {uid: base for base, uid in ours.uids.items()}
    for base, uid in theirs.uids.items():
        if base not in ours.uids and uid not in taken:
            pairs[uid] = base
            if uid in theirs.extensions:
                ours.extensions[uid] = theirs.extensions[uid]
    merged = UidList(replace(ours.header, others=others), max(pairs, default=0), len(pairs))
    merged.uids = {pairs[uid]: uid for uid in sorted(pairs)}
    merged.extensions = ours.extensions
    return merged
