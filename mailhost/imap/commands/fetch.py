"""FETCH and UID FETCH (RFC 9051 §6.4.5, RFC 7162 §3.1.4 and §3.2.6)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import chain

from twisted.internet.defer import Deferred

from mailhost.imap.commands.qresync import vanished_ranges
from mailhost.imap.completion import NO_SUCH_NUMBER, Completion, bad, no, ok, refused
from mailhost.imap.context import Context
from mailhost.imap.fetching.columns import (
    Rows,
    column,
    format_of,
    needs_details,
    places_of,
    summary_field,
)
from mailhost.imap.fetching.sections import (
    SectionItem,
    UnknownEncoding,
    labelled,
    needs_parts,
    section_data,
)
from mailhost.imap.flag_lists import FlagLists
from mailhost.imap.grammar.commands_message import Fetch
from mailhost.imap.grammar.fetch_items import (
    Attribute,
    BinarySection,
    BinarySize,
    BodySection,
    FetchItem,
)
from mailhost.imap.grammar.numbers import write_ranges
from mailhost.imap.grammar.response import vanished
from mailhost.imap.selected import Selected
from mailhost.interfaces.folders import (
    FlagChange,
    FolderView,
    Reason,
    StoreRefusal,
    SummaryField,
)
from mailhost.message.content import Content
from mailhost.message.flags import SEEN, FlagAction
from mailhost.message.imap.headers import answer_from
from mailhost.message.imap.part_offsets import BodyPart, decode_parts
from mailhost.message.imap.reader import ContentReader, MemoryReader, Reader

AT_ONCE = 1000  # messages between two pauses, if the view has all that is asked for
SUMMARIES_AT_ONCE = 500  # messages whose summaries are read together
CONTENTS_AT_ONCE = 128  # messages whose octets are read together, fewer if they are large:
OCTETS_AT_ONCE = 1 << 19
UNKNOWN_SIZE = 1 << 14  # octets, as a guess
REMOVED = StoreRefusal(Reason.NONEXISTENT, "The selected mailbox was removed")
UNKNOWN_CTE = no("The encoding of a part is not known", b"UNKNOWN-CTE")


@dataclass(frozen=True, slots=True)
class Plan:
    """The needs of a command. `plain` items have columns, `sections` are made from octets, of which
    those in `kept` may be answered from summaries; `fields` are asked for of the summaries.
    `needs_contents` says that summaries alone do not do, `needs_parts` that a section is of a part
    or a header."""

    plain: tuple[FetchItem, ...]
    sections: tuple[SectionItem, ...]
    kept: frozenset[SectionItem]
    fields: tuple[SummaryField, ...]
    needs_contents: bool
    needs_parts: bool


def plan_of(items: Sequence[FetchItem]) -> Plan:
    """Return what items need, in the order in which they are answered."""
    sections = tuple(
        item for item in items if isinstance(item, BodySection | BinarySection | BinarySize)
    )
    plain = tuple(item for item in items if item not in sections)
    kept = frozenset(item for item in sections if summary_field(item) is not None)
    fields = dict.fromkeys(found for item in items if (found := summary_field(item)) is not None)
    others = [item for item in sections if item not in kept]
    parts = any(map(needs_parts, sections))
    if parts:
        fields[SummaryField.PARTS] = None
    return Plan(plain, sections, kept, tuple(fields), bool(others), parts)


async def fetch(context: Context, command: Fetch) -> Completion:
    """Messages that are gone are left out; a message by number that is gone is told so."""
    selected = context.selected
    assert selected is not None
    if not command.uid and command.set.beyond(selected.count):
        return NO_SUCH_NUMBER
    items = command.items
    if command.vanished and not context.qresync:
        return bad("ENABLE QRESYNC comes first")  # RFC 7162 §3.2.6
    if command.changed_since is not None or Attribute.MODSEQ in items:
        context.enable_condstore()
    uids = selected.chosen(command.set, command.uid)
    view = await _view(context, selected, items, uids)
    if isinstance(view, StoreRefusal):
        return refused(view)
    if command.vanished:
        failure = await _tell_vanished(context, selected, command)
        if failure is not None:
            return failure
    if command.changed_since is not None:
        uids = _changed(view, uids, command.changed_since)
    if _marks(selected, items):
        view, items = await _marked(context, selected, view, items, uids)
    if Attribute.FLAGS in items and (Attribute.MODSEQ in items or not context.condstore):
        selected.silence(uids)
    context.wire.write(selected.new_keywords())
    answer = _Answer(context, selected, view, plan_of(items))
    refusal = await answer.send(uids)
    if refusal is not None:
        return refused(refusal)
    if answer.unknown_encoding:
        return UNKNOWN_CTE
    if answer.some_gone and not command.uid:
        return no("Some of these messages are gone", b"EXPUNGEISSUED")
    return ok("Fetched")


async def _view(
    context: Context, selected: Selected, items: Sequence[FetchItem], uids: Sequence[int]
) -> FolderView | StoreRefusal:
    """Return the state to answer from, with sizes and dates where they are asked for."""
    sizes, dates = Attribute.SIZE in items, Attribute.INTERNALDATE in items
    if selected.has_view and not (sizes or dates or selected.due(context.now())):
        return selected.view
    selected.looked(context.now())
    view = await selected.folder.view(sizes, dates)
    if not isinstance(view, StoreRefusal):
        if not selected.is_same_folder(view):
            return REMOVED
        selected.seen(view)
    return view


def _changed(view: FolderView, uids: Sequence[int], since: int) -> list[int]:
    """Return the messages that were added or changed after a MODSEQ."""
    places = ((uid, view.index_of(uid)) for uid in uids)
    return [uid for uid, place in places if place is not None and view.modseqs[place] > since]


async def _tell_vanished(context: Context, selected: Selected, command: Fetch) -> Completion | None:
    assert command.changed_since is not None
    gone = await selected.folder.vanished(command.changed_since)
    if isinstance(gone, StoreRefusal):
        return refused(gone)
    ranges = vanished_ranges(selected.view, gone, command.set)
    if ranges:
        context.wire.write(vanished(write_ranges(ranges), earlier=True))
    return None


def _marks(selected: Selected, items: Sequence[FetchItem]) -> bool:
    """True where reading marks messages as seen."""
    return not selected.read_only and any(
        isinstance(item, BodySection | BinarySection) and not item.peek for item in items
    )


async def _marked(
    context: Context,
    selected: Selected,
    view: FolderView,
    items: tuple[FetchItem, ...],
    uids: Sequence[int],
) -> tuple[FolderView, tuple[FetchItem, ...]]:
    """Mark messages as seen. Their new flags are part of the answer."""
    unseen = [
        uid
        for uid in uids
        if (place := view.index_of(uid)) is not None and not view.flags[place] & SEEN
    ]
    if not unseen:
        return view, items
    change = FlagChange(FlagAction.ADD, ("\\Seen",))
    result = await selected.folder.set_flags(unseen, change)
    if isinstance(result, StoreRefusal):
        return view, items  # logged; the message can be read all the same
    selected.seen(result.view)
    told = (Attribute.FLAGS, Attribute.MODSEQ) if context.condstore else (Attribute.FLAGS,)
    return result.view, (*items, *(item for item in told if item not in items))


@dataclass(frozen=True, slots=True)
class _Read:
    """The data that were read of some messages; messages of the `asked` that are gone are left
    out."""

    asked: int
    rows: Rows
    contents: Mapping[int, Content]


class _Answer:
    """One FETCH on its way out. Messages that are gone are left out."""

    def __init__(self, context: Context, selected: Selected, view: FolderView, plan: Plan) -> None:
        self._context = context
        self._selected = selected
        self._view = view
        self._plan = plan
        self._decodes = any(isinstance(one, BinarySection | BinarySize) for one in plan.sections)
        self._names = FlagLists(view.keywords)
        self.some_gone = False
        self.unknown_encoding = False

    async def send(self, uids: Sequence[int]) -> StoreRefusal | None:
        """Send the lines of messages, some at a time. While some are sent, the next are read."""
        parts = self._parts(uids)
        reading = self._begin(next(parts, []))
        for following in chain(parts, [[]]):
            read = await reading
            if isinstance(read, StoreRefusal):
                return read
            reading = self._begin(following)
            try:
                await self._write(read)
            except BaseException:
                reading.addErrback(lambda _: None)  # of no interest any more
                raise
        return None

    def _begin(self, uids: Sequence[int]) -> Deferred[_Read | StoreRefusal]:
        return Deferred.fromCoroutine(self._read(uids))

    def _parts(self, uids: Sequence[int]) -> Iterator[Sequence[int]]:
        """Yield the messages that are read together."""
        if not self._plan.needs_contents:
            size = SUMMARIES_AT_ONCE if self._plan.fields else AT_ONCE
            for start in range(0, len(uids), size):
                yield uids[start : start + size]
            return
        part: list[int] = []
        octets = 0
        for uid in uids:
            part.append(uid)
            octets += self._size(uid)
            if octets >= OCTETS_AT_ONCE or len(part) == CONTENTS_AT_ONCE:
                yield part
                part, octets = [], 0
        if part:
            yield part

    def _size(self, uid: int) -> int:
        place = self._view.index_of(uid)
        size = self._view.sizes[place] if place is not None else 0
        return size or UNKNOWN_SIZE

    async def _read(self, uids: Sequence[int]) -> _Read | StoreRefusal:
        """Get from the store what the lines of some messages need."""
        if not uids:
            return _Read(0, Rows(self._view, self._names, ()), {})
        places = places_of(self._view, uids)
        rows = await _rows(self._selected, self._plan, Rows(self._view, self._names, places))
        if isinstance(rows, StoreRefusal):
            return rows
        if not self._plan.sections:
            return _Read(len(uids), rows, {})
        contents = await _contents(self._selected, self._plan, rows)
        if isinstance(contents, StoreRefusal):
            return contents
        return _Read(len(uids), rows, contents)

    async def _write(self, read: _Read) -> None:
        rows = read.rows
        self.some_gone |= len(rows.places) < read.asked
        numbers = self._selected.numbers_at(rows.view, rows.places)
        if not self._plan.sections:
            await self._context.send(b"".join(_starts(numbers, rows, self._plan, b")\r\n")))
            return
        lines = await self._lines_with_sections(numbers, rows, read.contents)
        await self._context.wire.stream(chain.from_iterable(lines))
        await self._context.pause()

    async def _lines_with_sections(
        self, numbers: Sequence[int], rows: Rows, contents: Mapping[int, Content]
    ) -> list[Iterable[bytes]]:
        lines: list[Iterable[bytes]] = []
        starts = _starts(numbers, rows, self._plan, b" " if self._plan.plain else b"")
        for start, uid in zip(starts, rows.uids, strict=True):
            content = contents.get(uid)
            if content is None and _is_read(self._plan, rows, uid):
                self.some_gone = True
                continue
            in_memory = content is None or content.in_memory
            make = partial(sections, uid, rows, self._plan, content)
            try:
                if in_memory or not self._decodes:
                    parts = make()
                else:  # a large part has to be decoded for its size
                    parts = await self._context.in_thread(make)
            except UnknownEncoding:
                self.unknown_encoding = True
                continue
            line = _joined(start, parts)
            lines.append((b"".join(line),) if in_memory else line)
        return lines


async def _rows(selected: Selected, plan: Plan, rows: Rows) -> Rows | StoreRefusal:
    """Return the rows with what the store has beside the view; without messages that are gone."""
    if needs_details(plan.plain):
        details = await selected.folder.details(rows.uids)
        if isinstance(details, StoreRefusal):
            return details
        rows = Rows(rows.view, rows.flag_lists, _left(rows, details), details)
    if plan.fields:
        summaries = await selected.folder.summaries(rows.uids, plan.fields)
        if isinstance(summaries, StoreRefusal):
            return summaries
        places = _left(rows, summaries)
        rows = Rows(rows.view, rows.flag_lists, places, rows.details, summaries)
    return rows


def _left(rows: Rows, found: object) -> list[int]:
    assert hasattr(found, "__contains__")
    return [place for place in rows.places if rows.view.uids[place] in found]


def _starts(numbers: Sequence[int], rows: Rows, plan: Plan, end: bytes) -> list[bytes]:
    """Return the beginnings of lines with all items that have columns, and `end` behind them."""
    formats = b" ".join(map(format_of, plan.plain))
    line = b"* %%d FETCH (%b%b" % (formats, end)
    columns = [column(item, rows, plan.fields) for item in plan.plain]
    return [line % row for row in zip(numbers, *columns, strict=True)]


async def _contents(
    selected: Selected, plan: Plan, rows: Rows
) -> dict[int, Content] | StoreRefusal:
    """Return the octets of the messages that cannot be answered from their summaries."""
    uids = [uid for uid in rows.uids if _is_read(plan, rows, uid)]
    if not uids:
        return {}
    found = await selected.folder.contents(uids)
    return found if isinstance(found, StoreRefusal) else dict(found)


def _is_read(plan: Plan, rows: Rows, uid: int) -> bool:
    if plan.needs_contents:
        return True
    return rows.summaries[uid][plan.fields.index(SummaryField.HEAD)] is None


def sections(uid: int, rows: Rows, plan: Plan, content: Content | None) -> list[Iterable[bytes]]:
    """Return the chunks of each item that is made from octets. Raises UnknownEncoding."""
    reader = _reader_of(content) if content is not None else None
    head = None
    if SummaryField.HEAD in plan.fields:
        head = rows.summaries[uid][plan.fields.index(SummaryField.HEAD)]
    parts: list[Iterable[bytes]] = []
    for item in plan.sections:
        if head is not None and item in plan.kept:
            assert isinstance(item, BodySection)
            data = answer_from(head, [name.encode() for name in item.fields])
            parts.append(labelled(item, data))
        else:
            assert reader is not None
            root = _root(plan, rows, uid) if plan.needs_parts and needs_parts(item) else None
            parts.append(section_data(item, reader, root))
    return parts


def _reader_of(content: Content) -> Reader:
    first = content.pieces[0] if len(content.pieces) == 1 else None
    return MemoryReader(first) if isinstance(first, bytes) else ContentReader(content)


def _root(plan: Plan, rows: Rows, uid: int) -> BodyPart | None:
    if SummaryField.PARTS not in plan.fields:
        return None
    return decode_parts(rows.summaries[uid][plan.fields.index(SummaryField.PARTS)])


def _joined(start: bytes, parts: Sequence[Iterable[bytes]]) -> Iterator[bytes]:
    yield start
    for place, part in enumerate(parts):
        if place:
            yield b" "
        yield from part
    yield b")\r\n"
