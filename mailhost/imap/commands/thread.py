"""THREAD and UID THREAD (RFC 5256 §3)."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from functools import partial

from mailhost.imap.commands.search import found
from mailhost.imap.completion import Completion, ok, refused
from mailhost.imap.context import Context
from mailhost.imap.grammar.commands_message import Thread, Threading
from mailhost.imap.grammar.response_message import ThreadNode, thread_line
from mailhost.imap.searching.columns import rows_of
from mailhost.imap.searching.evaluation import SearchRefused
from mailhost.imap.searching.progress import Progress
from mailhost.imap.searching.scope import Scope
from mailhost.imap.searching.threads import ReferenceThreads, ThreadMessage, by_subject
from mailhost.interfaces.folders import StoreRefusal, SummaryField

_BY_SUBJECT = (SummaryField.SENT, SummaryField.BASE_SUBJECT)
_BY_REFERENCES = (
    SummaryField.SENT,
    SummaryField.BASE_SUBJECT,
    SummaryField.IS_REPLY,
    SummaryField.MESSAGE_ID,
    SummaryField.REFERENCES,
)


async def thread(context: Context, command: Thread) -> Completion:
    """THREAD. The threads are made in a thread of the pool."""
    try:
        scope, places = await found(context, command, dates=True)
        if command.algorithm is Threading.ORDEREDSUBJECT:
            rows = _messages(context, scope, places, _BY_SUBJECT, command.uid)
            messages = [message async for message in rows]
            line = await context.in_thread(partial(_line_by_subject, messages))
        else:
            line = await _by_references(context, scope, places, command)
    except SearchRefused as refusal:
        return refused(refusal.refusal)
    context.wire.write(line)
    return ok("Threaded")


async def _by_references(
    context: Context, scope: Scope, places: Sequence[int], command: Thread
) -> bytes:
    threads = ReferenceThreads()
    async for message in _messages(context, scope, places, _BY_REFERENCES, command.uid):
        threads.add(message)
    return await context.in_thread(partial(_line_by_references, threads))


def _line_by_subject(messages: Sequence[ThreadMessage]) -> bytes:
    return thread_line(by_subject(messages))


def _line_by_references(threads: ReferenceThreads) -> bytes:
    found: Sequence[ThreadNode] = threads.threads()
    return thread_line(found)


async def _messages(
    context: Context,
    scope: Scope,
    places: Sequence[int],
    fields: Sequence[SummaryField],
    by_uid: bool,
) -> AsyncIterator[ThreadMessage]:
    """Yield what THREAD needs of messages, in the order of their numbers. Raises SearchRefused,
    ConnectionLost."""
    view = scope.view
    numbers = view.uids if by_uid else scope.numbers
    uids = [view.uids[place] for place in places]
    async for rows in rows_of(scope, uids, fields, Progress(context, len(uids))):
        if isinstance(rows, StoreRefusal):
            raise SearchRefused(rows)
        for uid in sorted(rows):
            place = view.index_of(uid)
            if place is not None:
                sent, *others = rows[uid]
                sent = view.dates[place] if sent is None else sent
                yield ThreadMessage(numbers[place], sent, *others)
