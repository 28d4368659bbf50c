"""SELECT, EXAMINE, CLOSE, UNSELECT, and how a client that was away catches up (QRESYNC)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from mailhost.imap.commands.expunge import deleted_uids
from mailhost.imap.completion import Completion, ok, refused
from mailhost.imap.context import Context
from mailhost.imap.grammar.commands_mailbox import Close, QResync, Select, Unselect
from mailhost.imap.grammar.sequence_set import SequenceSet, merge
from mailhost.imap.grammar.strings import mailbox
from mailhost.imap.lines import send_lines
from mailhost.imap.selected import Selected, flags_line
from mailhost.interfaces.folders import FolderView, StoreRefusal, Vanished
from mailhost.message.flags import SEEN, SYSTEM_FLAGS


async def select(context: Context, command: Select) -> Completion:
    """SELECT and EXAMINE."""
    was_selected = context.selected is not None
    context.deselect()
    if was_selected:
        context.wire.write(b"* OK [CLOSED] The mailbox before is closed\r\n")
    context.condstore |= command.condstore or command.qresync is not None
    folder = await context.mail.open(command.mailbox)
    if isinstance(folder, StoreRefusal):
        return refused(folder)
    view = await folder.view()
    if isinstance(view, StoreRefusal):
        return refused(view)
    selected = Selected(folder, view, command.read_only)
    selected.looked(context.now())
    context.selected = selected
    selected.watch(folder.watch(notifier(context, selected)))
    _describe(context, selected, view)
    if command.qresync is not None and context.qresync:
        result = await _catch_up(context, selected, command.qresync)
        if result is not None:
            return result
    code = b"READ-ONLY" if command.read_only else b"READ-WRITE"
    return ok("Examined" if command.read_only else "Selected", code)


def notifier(context: Context, selected: Selected) -> Callable[[], None]:
    """Return what a watch of the selected folder calls."""

    def changed() -> None:
        selected.changed = True
        context.wire.wake()

    return changed


def _describe(context: Context, selected: Selected, view: FolderView) -> None:
    """Write what SELECT answers (RFC 9051 §6.3.2, RFC 7162 §3.1.2.1)."""
    known = [*SYSTEM_FLAGS, *filter(None, view.keywords)]
    flags = " ".join(known)
    settable = "" if selected.read_only else f"{flags} \\*"
    lines = [
        f"* {len(view.uids)} EXISTS",
        f"* FLAGS ({flags})",
        f"* OK [PERMANENTFLAGS ({settable})] These can be set",
        f"* OK [UIDVALIDITY {view.uid_validity}] UIDs are valid",
        f"* OK [UIDNEXT {view.uid_next}] The next UID",
        f"* OK [HIGHESTMODSEQ {view.highest_modseq}] The last change",
        f"* OK [MAILBOXID (F{view.mailbox_id})] The mailbox",
    ]
    if not context.mode.rev2:
        lines.insert(1, "* 0 RECENT")
        unseen = next((n for n, flags in enumerate(view.flags, 1) if not flags & SEEN), 0)
        if unseen:
            lines.append(f"* OK [UNSEEN {unseen}] The first unseen message")
    context.wire.write("\r\n".join([*lines, ""]).encode())
    if context.mode.rev2:
        name = mailbox(selected.folder.name, utf8=True)
        context.wire.write(b'* LIST () "/" %b\r\n' % name)


async def _catch_up(context: Context, selected: Selected, known: QResync) -> Completion | None:
    """Tell what has changed since the client was here (RFC 7162 §3.2.5)."""
    view = selected.view
    if known.uid_validity != view.uid_validity:
        return None
    gone = await selected.folder.vanished(known.modseq)
    if isinstance(gone, StoreRefusal):
        return refused(gone)
    uids = vanished_uids(view, gone, known.known_uids)
    if uids:
        context.wire.write(b"* VANISHED (EARLIER) %b\r\n" % ranges_text(uids))
    line = flags_line(selected, True, True)
    places = _known_places(view, known, view.changed_since(known.modseq))
    await send_lines(context, (line(place + 1, place) for place in places))
    return None


def _known_places(view: FolderView, known: QResync, places: Sequence[int]) -> Sequence[int]:
    """Return those of some places in the view whose messages the client knows."""
    if known.known_uids is None or not places:
        return places
    is_known = bytearray(len(view.uids))
    for span in known.known_uids.places_of_uids(view.uids):
        is_known[span.start : span.stop] = b"\1" * len(span)
    return [place for place in places if is_known[place]]


def vanished_uids(
    view: FolderView, gone: Vanished, known: SequenceSet | None
) -> list[tuple[int, int]]:
    """Return the ranges of UIDs that are gone, of those that the client knows; None for all."""
    largest = view.uid_next - 1
    ranges = list(gone.ranges) if gone.complete else list(_absent(view, largest))
    if known is None:
        return ranges
    return known.common(ranges, max(largest, 1))


def _absent(view: FolderView, largest: int) -> Iterator[tuple[int, int]]:
    """Yield the ranges of UIDs up to the largest that no message has."""
    before = 0
    for first, last in merge(view.uids):
        if first > before + 1:
            yield before + 1, first - 1
        before = last
    if largest > before:
        yield before + 1, largest


def ranges_text(ranges: list[tuple[int, int]]) -> bytes:
    """Return ranges of UIDs as a set."""
    return ",".join(
        f"{first}:{last}" if last > first else str(first) for first, last in sorted(ranges)
    ).encode()


async def close(context: Context, _: Close) -> Completion:
    """CLOSE: expunge without a word, then leave the mailbox."""
    selected = context.selected
    assert selected is not None
    if not selected.read_only:
        view = await selected.folder.view()
        if not isinstance(view, StoreRefusal):
            uids = deleted_uids(view)
            if uids:
                result = await selected.folder.expunge(uids)
                if isinstance(result, StoreRefusal):
                    return refused(result)
    context.deselect()
    return ok("Closed")


def unselect(context: Context, _: Unselect) -> Completion:
    """UNSELECT."""
    context.deselect()
    return ok("Unselected")
