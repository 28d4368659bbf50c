"""The selected mailbox as this client knows it: message numbers belong to the session.

The client knows the UIDs that it was told of; the folder goes on without it. `updates` compares
both and writes what is new: EXPUNGE or VANISHED for what is gone, EXISTS for what came, FETCH for
flags that changed (RFC 9051 §7, RFC 7162 §3.2.10). While a command with message numbers is
answered, nothing may be told to be gone (RFC 9051 §7.5.1).
"""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

from mailhost.imap.flag_lists import FlagLines, known_flags
from mailhost.imap.grammar import response
from mailhost.imap.grammar.numbers import write_set
from mailhost.imap.grammar.sequence_set import SequenceSet
from mailhost.interfaces.folders import FolderView, IFolder, IWatch

LOOK_AGAIN = 1.0  # seconds between two looks at a folder for what other programs have changed
AT_ONCE = 500  # lines between two pauses


@dataclass(frozen=True, slots=True)
class Silent:
    """Messages whose flags the client knows up to a MODSEQ."""

    uids: Collection[int] = ()
    modseq: int = 0


NOTHING_SILENT = Silent()


@dataclass(frozen=True, slots=True)
class Told:
    """The changes that may be sent now: expunged messages, as VANISHED or EXPUNGE, and flags."""

    expunge: bool
    vanished: bool
    flags: bool = True


class Selected:
    """`uids` are those that the client knows, `modseq` is up to which it knows of changes. `view`
    is the newest state of the folder; None while the session is idle, to save its memory."""

    __slots__ = (
        "_keywords", "_looked", "_silent", "_uid_validity", "_view", "_watch", "changed", "folder",
        "modseq", "notified", "read_only", "saved", "uids",
    )  # fmt: skip

    def __init__(self, folder: IFolder, view: FolderView, read_only: bool) -> None:
        self.folder = folder
        self.read_only = read_only
        self.uids = view.uids
        self.modseq = view.highest_modseq
        self.saved: Sequence[int] = ()  # the UIDs of the last SEARCH with SAVE
        self.changed = False  # somebody says that there is something new
        self.notified = 0  # how often that was said
        self._looked = 0.0
        self._keywords = view.keywords  # those that the client was told of
        self._uid_validity = view.uid_validity
        self._silent = NOTHING_SILENT
        self._view: FolderView | None = view
        self._watch: IWatch | None = None

    def watch(self, watch: IWatch) -> None:
        """Keep the watch to be stopped with this mailbox."""
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

    def notify(self) -> None:
        """The folder may have changed."""
        self.changed = True
        self.notified += 1

    def looked(self, now: float) -> None:
        """The folder is read now."""
        self.changed = False
        self._looked = now

    def silence(self, uids: Collection[int]) -> None:
        """Tell no change of flags of these messages up to the present view in the next updates:
        the client knows it."""
        modseq = self.view.highest_modseq
        if modseq > self.modseq:
            self._silent = Silent(array("I", uids), modseq)

    def silence_ends(self) -> None:
        """The client knows all changes up to the present view."""
        self._silent = NOTHING_SILENT

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

    def numbers_at(self, view: FolderView, places: Sequence[int]) -> Sequence[int]:
        """Return the message numbers of messages by their places in a view."""
        if self.uids is view.uids:
            if isinstance(places, range):
                return range(places.start + 1, places.stop + 1)
            return [place + 1 for place in places]
        return [self.number_of(view.uids[place]) for place in places]

    def chosen(self, wanted: SequenceSet, by_uid: bool) -> Sequence[int]:
        """Return the UIDs of a set, rising, as far as the client knows them."""
        if wanted.saved:
            return [uid for uid in self.saved if self.number_of(uid)]
        places = (
            wanted.places_of_uids(self.uids) if by_uid else wanted.places_of_numbers(self.count)
        )
        found = array("I")  # 4 octets each, as clients that never read keep it for long
        for place in places:
            found.extend(self.uids[place.start : place.stop])
        return found

    # --- what the client is told ------------------------------------------------------------------

    def seen(self, view: FolderView) -> None:
        """Take a newer state of the folder; the client is told of it by `updates`."""
        self._view = view
        if self.uids is not view.uids and self.uids == view.uids:
            self.uids = view.uids  # all sessions of a folder share one array

    def is_same_folder(self, view: FolderView) -> bool:
        """False where the folder was removed, and another one has its name."""
        return view.uid_validity == self._uid_validity

    def is_current(self, view: FolderView) -> bool:
        """True where the client knows all of this state."""
        return view.highest_modseq == self.modseq and len(view.uids) == len(self.uids)

    def new_keywords(self) -> bytes:
        """Return the lines with the flags of the folder, if it has keywords that are new to the
        client."""
        if self.view.keywords == self._keywords:
            return b""
        self._keywords = self.view.keywords
        return known_flags(self.view, self.read_only)

    def updates(self, told: Told, lines: FlagLines) -> Iterator[bytes]:
        """Yield what the client does not know yet, AT_ONCE lines at most at a time."""
        view = self.view
        yield self.new_keywords()
        if told.expunge:
            yield from self._expunged(view, told.vanished)
        known = len(self.uids)
        last = self.uids[-1] if known else 0
        first_new = bisect_left(view.uids, last + 1)
        added = view.uids[first_new:]
        if added:
            self.uids = view.uids if known == first_new else self.uids + added
            yield response.exists(len(self.uids))
        if view.highest_modseq > self.modseq:
            if told.flags:
                yield from self._changed(view, first_new, lines)
            self.modseq = view.highest_modseq
        self._silent = NOTHING_SILENT

    def _changed(self, view: FolderView, first_new: int, lines: FlagLines) -> Iterator[bytes]:
        """Yield the flags of messages that the client knows, as far as they are new to it."""
        silent, up_to = frozenset(self._silent.uids), self._silent.modseq
        self._silent = NOTHING_SILENT
        numbers, places = [], []
        for place in view.changed_since(self.modseq):
            uid = view.uids[place]
            if place >= first_new or (uid in silent and view.modseqs[place] <= up_to):
                continue
            number = self.number_of(uid)
            if number:
                numbers.append(number)
                places.append(place)
        for start in range(0, len(numbers), AT_ONCE):
            end = start + AT_ONCE
            yield b"".join(lines(numbers[start:end], places[start:end]))

    def _expunged(self, view: FolderView, vanished: bool) -> Iterator[bytes]:
        """Yield what is gone; the numbers of the messages behind it fall."""
        known = self.uids
        if view.uids[: len(known)] == known:
            return
        present = set(view.uids)
        gone = [uid for uid in known if uid not in present]
        if not gone:
            return
        if vanished:
            yield response.vanished(write_set(gone))
        else:
            numbers = [self.number_of(uid) - fallen for fallen, uid in enumerate(gone)]
            for start in range(0, len(numbers), AT_ONCE):
                yield response.expunges(numbers[start : start + AT_ONCE])
        missing = set(gone)
        self.uids = array("I", [uid for uid in known if uid not in missing])
