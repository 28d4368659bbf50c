"""Reads the trace: one message by its name, messages by a query, and new rows.

All functions block.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass

from mailhost.trace.facts import Facts, session_name
from mailhost.trace.marks import BY_OUTCOME, TLS_SESSION
from mailhost.trace.query import Query
from mailhost.trace.schema import database_path, open_for_reading
from mailhost.trace.story import Story

PATIENCE = 5.0  # seconds to wait for another process
SESSION = 3600_000  # milliseconds before a message in which its session may have begun


@dataclass(frozen=True, slots=True)
class Part:
    """One row: its number in the order of writing, the name of the message, and some facts."""

    id: int
    name: str
    facts: tuple[Facts, ...]


class TraceReader:
    """`connection` is one for reading. All methods raise sqlite3.Error."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def story(self, name: str) -> Story | None:
        """Return all facts about a message, None for a name that the trace does not have."""
        named = (_valid(name),)
        found = self._connection.execute("SELECT facts FROM part WHERE message = ?", named)
        return _story(name, [text for (text,) in found])

    def find(self, query: Query) -> Iterator[Story]:
        """Yield the messages that match a query, the newest first."""
        seen: set[str] = set()
        for (name,) in self._rows(query):
            if name not in seen:
                seen.add(name)
                story = self.story(name)
                if story is not None and query.fits(story):
                    yield story

    def _rows(self, query: Query) -> Iterator[tuple[str]]:
        conditions = [f"NOT marks & {TLS_SESSION}"]
        values: list[object] = []
        if query.words:
            conditions.append("(facts LIKE ? OR message = ?)")
            values += [query.pattern, _valid(max(query.words, key=len))]
        for operator, at in ((">=", query.since), ("<=", query.until)):
            if at is not None:
                conditions.append(f"at {operator} ?")
                values.append(int(at * 1000))
        if query.outcome:
            conditions.append(f"marks & {BY_OUTCOME[query.outcome]}")
        where = " AND ".join(conditions)
        return self._connection.execute(
            f"SELECT message FROM part WHERE {where} ORDER BY at DESC, id DESC", values
        )

    def before(self, story: Story) -> Sequence[Facts]:
        """Return the facts about the session of a message from before the message: logins and
        commands that were refused, and filters that were asked about the client."""
        if not story.session or story.session == story.name:
            return ()
        found = self.story(story.session)
        first = story.facts[0]["at"]
        facts = found.facts if found is not None else ()
        return [each for each in facts if first - SESSION <= each["at"] <= first]

    def session_of(self, attempt: Facts) -> Facts | None:
        """Return the TLS session by which an attempt for a recipient was made: the newest one with
        its host before it; None where there was none."""
        if attempt["event"] != "attempted" or "next_hop" not in attempt:
            return None
        named = (session_name(attempt["next_hop"], attempt.get("by", "")), attempt["at"])
        found = self._connection.execute(
            "SELECT facts FROM part WHERE message = ? AND at <= ? ORDER BY at DESC LIMIT 1", named
        ).fetchone()
        facts: list[Facts] = json.loads(found[0]) if found else []
        before = [each for each in facts if each["at"] <= attempt["at"]]
        return before[-1] if before else None

    def newest(self) -> int:
        """Return the number of the row that was written last, 0 for none."""
        found = self._connection.execute("SELECT max(id) FROM part").fetchone()[0]
        return int(found or 0)

    def after(self, id: int, most: int) -> Sequence[Part]:
        """Return at most so many rows that were written after the row `id`, in their order."""
        found = self._connection.execute(
            "SELECT id, message, facts FROM part WHERE id > ? ORDER BY id LIMIT ?", (id, most)
        )
        return [Part(number, name, tuple(json.loads(text))) for number, name, text in found]

    def marked(self, marks: int, since: float) -> Iterator[Part]:
        """Yield the rows with one of these marks since a time in seconds since 1970, the newest
        first."""
        found = self._connection.execute(
            "SELECT id, message, facts FROM part WHERE at >= ? AND marks & ? ORDER BY at DESC",
            (int(since * 1000), marks),
        )
        for number, name, text in found:
            yield Part(number, name, tuple(json.loads(text)))


def _valid(name: str) -> str:
    """Return a name without what SQLite cannot take: lone surrogates, which stand for the octets of
    a command line that are not UTF-8."""
    return name.encode("utf-8", "replace").decode()


def _story(name: str, texts: Sequence[str]) -> Story | None:
    facts: list[Facts] = [each for text in texts for each in json.loads(text)]
    if not facts:
        return None
    return Story(name, tuple(sorted(facts, key=lambda each: int(each["at"]))))


@contextmanager
def opened_trace(data: str) -> Iterator[TraceReader]:
    """Give a reader of the trace in a data folder. Raises FileNotFoundError where there is none,
    NewerTrace, OSError, sqlite3.Error."""
    with closing(open_for_reading(database_path(data), PATIENCE)) as connection:
        yield TraceReader(connection)
