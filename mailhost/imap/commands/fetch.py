"""FETCH and UID FETCH (RFC 9051 §6.4.5, RFC 7162 §3.1.4 and §3.2.6)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial

from mailhost.imap.commands.select import ranges_text, vanished_uids
from mailhost.imap.completion import Completion, bad, no, ok, refused
from mailhost.imap.context import Context
from mailhost.imap.fetching.columns import (
    Rows,
    column,
    format_of,
    needs_details,
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
from mailhost.imap.selected import Selected
from mailhost.interfaces.folders import (
    FlagAction,
    FlagChange,
    FolderView,
    StoreRefusal,
    SummaryField,
)
from mailhost.message.content import Content
from mailhost.message.flags import SEEN
from mailhost.message.imap.headers import answer_from
from mailhost.message.imap.part_offsets import BodyPart, decode_parts
from mailhost.message.imap.reader import ContentReader

AT_ONCE = 500  # messages between two pauses, if their octets are not asked for
CONTENTS_AT_ONCE = 16  # messages whose octets are read together
SOME_GONE = no("Some of these messages are gone", b"EXPUNGEISSUED")
UNKNOWN_CTE = no("The encoding of a part is not known", b"UNKNOWN-CTE")


@dataclass(frozen=True, slots=True)
class Plan:
    """What a command needs. `plain` items have columns, `sections` are made from octets, of which
    those in `kept` may be answered from summaries; `fields` are asked for of the summaries."""

    plain: tuple[FetchItem, ...]
    sections: tuple[SectionItem, ...]
    kept: frozenset[SectionItem]
    fields: tuple[SummaryField, ...]

    @property
    def needs_contents(self) -> bool:
        """True where not all can be answered from summaries."""
        return any(item not in self.kept for item in self.sections)


def plan_of(items: Sequence[FetchItem]) -> Plan:
    """Return what items need, in the order in which they are answered."""
    sections = tuple(
        item for item in items if isinstance(item, BodySection | BinarySection | BinarySize)
    )
    plain = tuple(item for item in items if item not in sections)
    kept = frozenset(item for item in sections if summary_field(item) is not None)
    fields = dict.fromkeys(found for item in items if (found := summary_field(item)) is not None)
    others = [item for item in sections if item not in kept]
    if any(map(needs_parts, others)) or kept:
        fields[SummaryField.PARTS] = None
    return Plan(plain, sections, kept, tuple(fields))


async def fetch(context: Context, command: Fetch) -> Completion:
    """Messages that are gone are left out; a message by number that is gone is told so."""
    selected = context.selected
    assert selected is not None
    if not command.uid and command.set.beyond(selected.count):
        return bad("There is no message with such a number")
    items = command.items
    if command.changed_since is not None or Attribute.MODSEQ in items:
        context.condstore = True
    uids = selected.chosen(command.set, command.uid)
    view = await _view(context, selected, items, uids)
    if isinstance(view, StoreRefusal):
        return refused(view)
    if command.changed_since is not None:
        since = command.changed_since
        if command.vanished:
            refusal = await _tell_vanished(context, selected, command)
            if refusal is not None:
                return refusal
        uids = [
            uid
            for uid in uids
            if (place := view.index_of(uid)) is not None and view.modseqs[place] > since
        ]
    if _marks(selected, items):
        view, items = await _marked(context, selected, view, items, uids)
    return await _answer(context, selected, view, uids, plan_of(items), command.uid)


async def _view(
    context: Context, selected: Selected, items: Sequence[FetchItem], uids: Sequence[int]
) -> FolderView | StoreRefusal:
    """Return the state to answer from, with sizes where they are asked for."""
    if not selected.has_view or Attribute.SIZE in items:
        view = await selected.folder.sized_view()
        if not isinstance(view, StoreRefusal):
            selected.seen(view)
        return view
    if context.selected is not None and selected.changed:
        view = await selected.folder.view()
        if not isinstance(view, StoreRefusal):
            selected.seen(view)
        return view
    return selected.view


async def _tell_vanished(context: Context, selected: Selected, command: Fetch) -> Completion | None:
    assert command.changed_since is not None
    gone = await selected.folder.vanished(command.changed_since)
    if isinstance(gone, StoreRefusal):
        return refused(gone)
    ranges = vanished_uids(selected.view, gone, command.set)
    if ranges:
        context.wire.write(b"* VANISHED (EARLIER) %b\r\n" % ranges_text(ranges))
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
    selected.silence(unseen)
    if Attribute.FLAGS not in items:
        items = (*items, Attribute.FLAGS)
    return result.view, items


async def _answer(
    context: Context,
    selected: Selected,
    view: FolderView,
    uids: Sequence[int],
    plan: Plan,
    by_uid: bool,
) -> Completion:
    names = FlagLists(view.keywords)
    some_gone = unknown_encoding = False
    size = CONTENTS_AT_ONCE if plan.needs_contents else AT_ONCE
    for start in range(0, len(uids), size):
        places = [
            place for uid in uids[start : start + size] if (place := view.index_of(uid)) is not None
        ]
        rows = await _rows(selected, plan, Rows(view, names, places))
        if isinstance(rows, StoreRefusal):
            return refused(rows)
        some_gone |= len(rows.places) < min(size, len(uids) - start)
        numbers = [selected.number_of(uid) for uid in rows.uids]
        if not plan.sections:
            await context.wire.stream(iter((b"".join(_lines(numbers, rows, plan)),)))
        else:
            contents = await _contents(selected, plan, rows)
            if isinstance(contents, StoreRefusal):
                return refused(contents)
            for number, place in zip(numbers, rows.places, strict=True):
                if plan.needs_contents and rows.view.uids[place] not in contents:
                    some_gone = True
                    continue
                try:
                    chunks = await _begun(context, number, place, rows, plan, contents)
                except UnknownEncoding:
                    unknown_encoding = True
                    continue
                await context.wire.stream(chunks)
        await context.pause()
    if unknown_encoding:
        return UNKNOWN_CTE
    return SOME_GONE if some_gone and not by_uid else ok("Fetched")


async def _begun(
    context: Context, number: int, place: int, rows: Rows, plan: Plan, contents: dict[int, Content]
) -> Iterator[bytes]:
    """As `list_start`, in a thread where the parts of a message may take long to read."""
    content = contents.get(rows.view.uids[place])
    begin = partial(list_start, number, place, rows, plan, contents)
    is_large = content is not None and not content.in_memory
    return await context.in_thread(begin) if is_large else begin()


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


def _lines(numbers: Sequence[int], rows: Rows, plan: Plan) -> list[bytes]:
    formats = b" ".join(map(format_of, plan.plain))
    line = b"* %%d FETCH (%b)\r\n" % formats
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


def list_start(
    number: int, place: int, rows: Rows, plan: Plan, contents: dict[int, Content]
) -> Iterator[bytes]:
    """Return the chunks of one message's line. Raises UnknownEncoding."""
    uid = rows.view.uids[place]
    content = contents.get(uid)
    reader = ContentReader(content) if content is not None else None
    root = _root(plan, rows, uid)
    head = None
    if SummaryField.HEAD in plan.fields:
        head = rows.summaries[uid][plan.fields.index(SummaryField.HEAD)]
    one = Rows(rows.view, rows.flag_lists, [place], rows.details, rows.summaries)
    parts: list[Iterator[bytes]] = [
        iter((format_of(item) % tuple(column(item, one, plan.fields)),)) for item in plan.plain
    ]
    for item in plan.sections:
        if item in plan.kept and head is not None:
            assert isinstance(item, BodySection)
            data = answer_from(head, [name.encode() for name in item.fields])
            parts.append(labelled(item, data))
        elif reader is not None:
            parts.append(section_data(item, reader, root if needs_parts(item) else None))
        else:  # gone since the view was read
            parts.append(iter((item.label + b" NIL",)))
    return _joined(number, parts)


def _root(plan: Plan, rows: Rows, uid: int) -> BodyPart | None:
    if SummaryField.PARTS not in plan.fields:
        return None
    return decode_parts(rows.summaries[uid][plan.fields.index(SummaryField.PARTS)])


def _joined(number: int, parts: Sequence[Iterator[bytes]]) -> Iterator[bytes]:
    yield b"* %d FETCH (" % number
    for place, part in enumerate(parts):
        if place:
            yield b" "
        yield from part
    yield b")\r\n"
