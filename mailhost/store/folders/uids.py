"""The UIDs and keywords of one folder while its UID list is locked against other programs."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import astuple
from types import TracebackType

from mailhost.store.folders.disk import Disk
from mailhost.store.maildir.dotlock import Dotlock
from mailhost.store.maildir.keywords import KeywordsFile
from mailhost.store.maildir.uid_list import Header
from mailhost.store.maildir.uid_list_file import Part, Place, UidListFile
from mailhost.store.maildir.uid_validity import new_guid, new_uid_validity


class UidSource:
    """Has the lock from `with` on. `account` is the path of the account's Maildir, `folder` that of
    the folder's, and `place` what `place` returned last: what was read before is not read again.

    Everything blocks, and raises OSError.
    """

    def __init__(self, account: str, folder: str, disk: Disk, place: str = "") -> None:
        self._account = account
        self._file = UidListFile(folder, disk.system, disk.dotlocks)
        self._disk = disk
        self._before = Place(*json.loads(place)) if place else None
        self._keywords = KeywordsFile(folder, disk.system)
        self._lock: Dotlock | None = None
        self._read: Part | None = None

    def __enter__(self) -> UidSource:
        self._lock = self._file.lock()
        try:
            self._read = self._file.read(self._before) or self._created()
        except BaseException:
            self._lock.release()
            raise
        return self

    def _created(self) -> Part:
        validity = new_uid_validity(self._disk.system, self._account, self._disk.now())
        return self._file.create(self.lock, Header(validity, 1, new_guid()))

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        where: TracebackType | None,
    ) -> None:
        self.lock.release()

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
        return json.dumps(astuple(self.part.place))

    @property
    def mailbox_id(self) -> str:
        """The MAILBOXID of the folder."""
        header = self.part.uid_list.header
        return header.guid or f"{header.uid_validity:08x}"

    def numbered(self, bases: Sequence[str], first: int) -> list[tuple[int, str]]:
        """Return UIDs with base names, rising; messages that the list does not have get UIDs in the
        order in which they are given. The UIDs are safe on the disk then.

        One whose UID is below `first` gets another: that UID was told to be gone. Names that the
        list cannot hold are left out.
        """
        if not bases:
            return []
        part = self._read = self._file.append(
            self.lock, [(base, "") for base in bases], self._before, first
        )
        uids = part.uid_list.uids
        return sorted((uids[base], base) for base in bases if uids.get(base, 0) >= first)

    def guid(self, uid: int) -> str:
        """Return the GUID that the list has for a message, empty for none."""
        fields = self.part.uid_list.extensions.get(uid, "")
        return next((field[1:] for field in fields.split() if field[0] == "G"), "")

    def keywords(self) -> tuple[str, ...]:
        """Return the names of the folder's keywords by letter, empty for one that is not used."""
        return tuple(name or "" for name in self._keywords.read().names)

    def with_keywords(self, names: Sequence[str]) -> tuple[str, ...]:
        """As `keywords`, after letters were given to those of `names` that have none, as far as
        there are letters left."""
        if names:
            self._keywords.add(self.lock, names)
        return self.keywords()
