"""`mailhost trace`: shows the events of messages."""

from __future__ import annotations

import json
import sqlite3
import sys
import textwrap
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice
from typing import TYPE_CHECKING, Any

import click

from mailhost.cli.context import Fail, config_option, load_settings
from mailhost.cli.moment import moment_of
from mailhost.cli.table import plain, print_json, print_table, terminal_width
from mailhost.trace.marks import BY_OUTCOME

if TYPE_CHECKING:
    from mailhost.trace.reader import TraceReader
    from mailhost.trace.story import Story

NOTHING_FOUND = 1  # the exit code
POLL = 0.5  # seconds between two queries with --follow
PARTS_AT_ONCE = 1_000
FRESH = 2.0  # seconds within which an event may not be written yet
NOT_YET = "Note: the newest events may take a second until they are shown here."
_INDENT = 21  # the width of a time


@click.command("trace", short_help="Show what happened to messages.")
@click.argument("words", metavar="[WORD]...", nargs=-1)
@click.option("--since", metavar="TIME", help='Not before TIME: "2 hours", "14:30", "2026-03-01".')
@click.option("--until", metavar="TIME", help="Not after TIME.")
@click.option(
    "--outcome", type=click.Choice(list(BY_OUTCOME)), help="With such an outcome for a recipient."
)
@click.option(
    "--limit",
    type=click.IntRange(1),
    default=50,
    show_default=True,
    help="The number of messages, the newest ones.",
)
@click.option("--follow", is_flag=True, help="Show events from now on.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON, for programs.")
@config_option
def command(
    words: tuple[str, ...],
    since: str | None,
    until: str | None,
    outcome: str | None,
    limit: int,
    follow: bool,
    as_json: bool,
    config: str | None,
) -> None:
    """Show what happened to the messages in which all WORDs occur: an id of the queue or the log, a
    Message-ID, an address, a domain, or a word of a reply.

    A single message is shown with all its events; several messages are listed, the newest first.

    The exit code is 0 if a message was found, 1 if there is none or the trace cannot be read, and 2
    for wrong usage.
    """
    from mailhost.trace.query import Query

    start = None if since is None else moment_of(since, time.time())
    end = None if until is None else moment_of(until, time.time())
    query = Query(words, start, end, outcome or "")
    with _opened(config) as reader:
        if follow:
            _follow(reader, query, as_json)
            return
        found = _found(reader, query, limit)
        if as_json:
            print_json([_as_json(story, reader) for story in found])
        elif len(found) == 1:
            _print_story(found[0], reader)
        else:
            _print_list(found)
    if _may_lack_events(found, end):
        click.echo(NOT_YET, err=True)
    if not found:
        sys.exit(NOTHING_FOUND)


def _may_lack_events(found: list[Story], end: float | None) -> bool:
    """True if events may not be written yet that belong to what was asked for."""
    if end is not None and end < time.time() - FRESH:
        return False
    newest = max((facts["at"] / 1000 for story in found for facts in story.facts), default=None)
    return newest is None or newest > time.time() - FRESH


@contextmanager
def _opened(config: str | None) -> Iterator[TraceReader]:
    from mailhost.application.privileges import as_owner
    from mailhost.trace.reader import opened_trace

    settings = load_settings(config).settings
    with as_owner(settings.data):
        try:
            with opened_trace(settings.data) as reader:
                yield reader
        except FileNotFoundError as error:
            off = "the trace is switched off: [trace] off = true" if settings.trace.off else ""
            why = off or "the host has received no message since the trace exists, or just now"
            raise Fail(f"there is no trace in {settings.data}; {why}") from error
        except (sqlite3.Error, json.JSONDecodeError) as error:
            remedy = "if the file is damaged, remove the folder `trace` there"
            raise Fail(f"the trace in {settings.data} cannot be read: {error}; {remedy}") from error


def _found(reader: TraceReader, query: Any, limit: int) -> list[Story]:
    """Return the messages that match.

    A single word that is the id of a message means this message.
    """
    if len(query.words) == 1:
        story = reader.story(query.words[0])
        if story is not None:
            return [story]
    return list(islice(reader.find(query), limit))


def _print_list(found: list[Story]) -> None:
    from mailhost.trace.timeline import named

    rows = [
        (
            time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(story.at)),
            story.name,
            f"<{story.sender}>",
            named(story.recipients),
            ", ".join(story.outcomes),
        )
        for story in found
    ]
    columns = ("time", "id", "from", "to", "outcome")
    print_table(columns, rows, "no message was found", cut=("from", "to"))


def _print_story(story: Story, reader: TraceReader) -> None:
    from mailhost.trace.timeline import fact_text, moment

    outcomes = ", ".join(story.outcomes) or "not known"
    click.echo(plain(f"{story.name}  from <{story.sender}>, {outcomes}"))
    for facts in (*reader.before(story), *story.facts):
        _print_line(moment(facts), fact_text(facts) + _over(facts, reader))
    if len(story.recipients) > 1:
        for address, state in story.recipients.items():
            click.echo(plain(f"{'':{_INDENT}}<{address}>: {state}"))


def _over(facts: dict[str, Any], reader: TraceReader) -> str:
    """Return which TLS an attempt at another host had, and which rule decided."""
    from mailhost.trace.timeline import session_text

    session = reader.session_of(facts)
    return f"; {session_text(session)}" if session else ""


def _print_line(at: str, text: str) -> None:
    width = terminal_width()
    lines = [plain(text)]
    if width is not None and width > 2 * _INDENT:
        lines = textwrap.wrap(lines[0], width - _INDENT, break_on_hyphens=False) or [""]
    click.echo(f"{at:<{_INDENT}}{lines[0]}")
    for line in lines[1:]:
        click.echo(f"{'':{_INDENT}}{line}")


def _as_json(story: Story, reader: TraceReader) -> dict[str, object]:
    return {
        "id": story.name,
        "from": story.sender,
        "message_id": story.message_id or None,
        "recipients": story.recipients,
        "outcomes": list(story.outcomes),
        "session": list(reader.before(story)),
        "events": [_with_session(each, reader) for each in story.facts],
    }


def _with_session(facts: dict[str, Any], reader: TraceReader) -> dict[str, Any]:
    session = reader.session_of(facts)
    return {**facts, "session": session} if session else facts


def _follow(reader: TraceReader, query: Any, as_json: bool) -> None:
    """Print new events until Ctrl-C; as JSON, a line for each event.

    The events of a message are printed from the moment at which the message matches the query.
    """
    from mailhost.trace.timeline import fact_text, moment

    last = reader.newest()
    while True:
        parts = reader.after(last, PARTS_AT_ONCE)
        for part in parts:
            last = part.id
            story = reader.story(part.name)
            if story is None or not query.fits(story):
                continue
            for facts in part.facts:
                if as_json:
                    click.echo(json.dumps({"id": part.name, **facts}))
                else:
                    # the name of a TLS session is in its text
                    name = "" if facts["event"] == "tls" else f"{part.name} "
                    _print_line(moment(facts), name + fact_text(facts))
        if not parts:
            time.sleep(POLL)
