"""SORT and UID SORT (RFC 5256 §3, RFC 7162 §3.1.6)."""

from __future__ import annotations

from mailhost.imap.commands.search import found, has_modseq, shown
from mailhost.imap.completion import Completion, ok, refused
from mailhost.imap.context import Context
from mailhost.imap.grammar.commands_message import Sort, SortBy
from mailhost.imap.grammar.response_message import search_line
from mailhost.imap.searching.evaluation import SearchRefused
from mailhost.imap.searching.ordering import ordered
from mailhost.imap.searching.progress import Progress


async def sort(context: Context, command: Sort) -> Completion:
    """SORT."""
    by = {criterion.by for criterion in command.criteria}
    dates = SortBy.ARRIVAL in by or SortBy.DATE in by  # for messages without a Date field
    try:
        scope, places = await found(context, command, SortBy.SIZE in by, dates)
        progress = Progress(context, len(places))
        places = await ordered(context, scope, places, command.criteria, progress)
    except SearchRefused as refusal:
        return refused(refusal.refusal)
    modseq = None
    if has_modseq(command.key):
        modseq = max((scope.view.modseqs[place] for place in places), default=None)
    numbers = shown(scope, places, command.uid)
    context.wire.write(search_line(numbers, modseq, command=b"SORT"))
    return ok("Sorted")
