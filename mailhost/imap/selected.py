"""The selected mailbox as this client knows it: message numbers belong to the session.

The client knows the UIDs that it was told of; the folder goes on without it. `updates` compares
both and writes what is new: EXPUNGE or VANISHED for what is gone, EXISTS for what came, FETCH for
flags that changed (RFC 9051 §7, RFC 7162 §3.2.10). While a command with message numbers is
answered, nothing may be told to be gone (RFC 9051 §7.5.1).
"""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections.abc import Callable, Collection, Iterator, Sequence

from mailhost.imap.flag_lists import FlagLists
from mailhost.imap.grammar.sequence_set import SequenceSet, merge
from mailhost.interfaces.folders import FolderView, IFolder, IWatch

LOOK_AGAIN = 1.0  # seconds between two looks at a folder for what other programs have changed


class Selected:
    """`uids` are those that the client knows, `modseq` is up to which it knows of changes. `view`
    is the newest state of the folder; None while the session is idle, to save its memory."""

    __slots__ = (
        "_looked", "_silent", "_view", "_watch", "changed", "folder", "modseq", "read_only",
        "saved", "uids",
    )  # fmt: skip

    def __init__(self, folder: IFolder, view: FolderView, read_only: bool) -> None:
        self.folder = folder
        self.read_only = read_only
        self.uids = view.uids
        self.modseq = view.highest_modseq
        self.saved: Sequence[int] = ()  # the UIDs of the last SEARCH with SAVE
        self.changed = False  # somebody says that there is something new
        self._looked = 0.0
        self._silent: frozenset[int] = frozenset()
        self._view: FolderView | None = view
        self._watch: IWatch | None = None

    def watch(self, watch: IWatch) -> None:
        """Keep the watch to be stopped with this mailbox, in place of the former one."""
        self.close()
        self._watch = watch

    def close(self) -> None:
        """The mailbox is no longer selected."""
        if self._watch is not None:
            self._watch.stop()

    @property
    def view(self) -> FolderView:
        """The folder as it was read last."""
        assert self._view is not None
        return self._view

    def forget_view(self) -> None:
        """Free the memory of the view, until `seen` brings a new one."""
        self._view = None

    def due(self, now: float) -> bool:
        """True where the folder may have changed since it was read last: other programs notify
        nobody."""
        return self.changed or now - self._looked > LOOK_AGAIN

    def looked(self, now: float) -> None:
        """The folder was read just now."""
        self.changed = False
        self._looked = now

    def silence(self, uids: Collection[int]) -> None:
        """Tell no change of flags of these messages in the next updates."""
        self._silent = frozenset(uids)

    def silenced(self) -> frozenset[int]:
        """Return those UIDs, once."""
        silent, self._silent = self._silent, frozenset()
        return silent

    @property
    def has_view(self) -> bool:
        """False after `forget_view`."""
        return self._view is not None

    @property
    def count(self) -> int:
        """How many messages the client knows of."""
        return len(self.uids)

    def number_of(self, uid: int) -> int:
        """Return the message number of a UID that the client knows, 0 for others."""
        index = bisect_left(self.uids, uid)
        return index + 1 if index < len(self.uids) and self.uids[index] == uid else 0

    def chosen(self, wanted: SequenceSet, by_uid: bool) -> Sequence[int]:
        """Return the UIDs of a set, rising, as far as the client knows them."""
        if wanted.saved:
            return [uid for uid in self.saved if self.number_of(uid)]
        places = (
            wanted.places_of_uids(self.uids) if by_uid else wanted.places_of_numbers(self.count)
        )
        found = array("I")
        for place in places:
            found.extend(self.uids[place.start : place.stop])
        return found

    # --- what the client is told ------------------------------------------------------------------

    def seen(self, view: FolderView) -> None:
        """Take a newer state of the folder; the client is told of it by `updates`."""
        self._view = view

    def is_current(self, view: FolderView) -> bool:
        """True where the client knows all of this state."""
        return view.highest_modseq == self.modseq and len(view.uids) == len(self.uids)

    def updates(
        self,
        with_expunge: bool,
        vanished: bool,
        fetch_line: Callable[[int, int], bytes],
        without: Collection[int] = (),
    ) -> Iterator[bytes]:
        """Yield what the client does not know yet. `fetch_line` makes the FETCH line of a message
        number and a place in the view; UIDs in `without` get none."""
        view = self.view
        if with_expunge:
            yield from self._expunged(view, vanished)
        known = len(self.uids)
        last = self.uids[-1] if known else 0
        first_new = bisect_left(view.uids, last + 1)
        added = view.uids[first_new:]
        if added:
            self.uids = view.uids if known == first_new else self.uids + added
            yield b"* %d EXISTS\r\n" % len(self.uids)
        if view.highest_modseq > self.modseq:
            for index in view.changed_since(self.modseq):
                uid = view.uids[index]
                if index < first_new and uid not in without:
                    yield fetch_line(self.number_of(uid), index)
            self.modseq = view.highest_modseq

    def _expunged(self, view: FolderView, vanished: bool) -> Iterator[bytes]:
        """Yield what is gone; the numbers of the messages behind it fall."""
        known = self.uids
        if view.uids[: len(known)] == known:
            return
        present = set(view.uids)
        gone = [uid for uid in known if uid not in present]
        if not gone:
            return
        missing = set(gone)
        if vanished:
            ranges = ",".join(
                f"{first}:{last}" if last > first else str(first) for first, last in merge(gone)
            )
            yield b"* VANISHED %b\r\n" % ranges.encode()
        else:
            fallen = 0
            for number, uid in enumerate(known, 1):
                if uid in missing:
                    yield b"* %d EXPUNGE\r\n" % (number - fallen)
                    fallen += 1
        self.uids = array("I", [uid for uid in known if uid not in missing])


def flags_line(selected: Selected, uid: bool, modseq: bool) -> Callable[[int, int], bytes]:
    """Return what makes the FETCH line for changed flags, with UID and MODSEQ where wanted."""
    view = selected.view
    names = FlagLists(view.keywords)

    def line(number: int, index: int) -> bytes:
        more = b" UID %d" % view.uids[index] if uid else b""
        if modseq:
            more += b" MODSEQ (%d)" % view.modseqs[index]
        return b"* %d FETCH (FLAGS (%b)%b)\r\n" % (number, names[view.flags[index]], more)

    return line
