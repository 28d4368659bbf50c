"""Finding messages in the trace."""

from __future__ import annotations

from dataclasses import replace

from twisted.trial.unittest import SynchronousTestCase

from mailhost.interfaces.events import LoginRefused
from mailhost.interfaces.tls_sessions import TLSFailure
from mailhost.message.outcome import Fate
from mailhost.trace.marks import DEFERRED as DEFERRED_MARK
from mailhost.trace.query import Query
from mailhost.trace.reader import opened_trace
from tests.trace.samples import (
    DEFERRED,
    NO_USER,
    NOON,
    QUEUED,
    REFUSED_MAIL,
    REFUSED_RCPT,
    SECURE,
    attempted,
    make_trace,
    received,
    relayed,
    session,
)


class ReaderTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.data = self.mktemp()
        make_trace(
            self.data,
            received("one"),
            attempted("one"),
            LoginRefused(replace(SECURE, account=None), "ann", NO_USER, 1),
            received("two", "dave@gmail.com", client=SECURE, sender="ann@example.com"),
            QUEUED,
            DEFERRED,
            REFUSED_RCPT,
            REFUSED_MAIL,
            received("four", "ann@example.com.au", "J_n@example.com"),
            attempted("four", "joann@example.com"),
        )

    def found(
        self, *words: str, since: float | None = None, until: float | None = None
    ) -> list[str]:
        return self.names(Query(words, since, until))

    def names(self, query: Query) -> list[str]:
        with opened_trace(self.data) as reader:
            return [story.name for story in reader.find(query)]

    def test_the_newest_first(self) -> None:
        names = ["four", "session1", "three", "two", "session2", "one"]
        self.assertEqual(self.found(), names)

    def test_by_words(self) -> None:
        self.assertEqual(self.found("ann@example.com"), ["two", "one"])
        self.assertEqual(self.found("ANN@Example.com", "gmail.com"), ["two"])
        self.assertEqual(self.found("<one@far.example>"), ["one"])
        self.assertEqual(self.found("one@far.example"), ["one"])
        self.assertEqual(self.found("google.com"), ["two"])
        self.assertEqual(self.found("unauthenticated"), ["two"])
        self.assertEqual(self.found("eve@example.com"), ["three"])
        self.assertEqual(self.found("bad@far.example"), ["session1"])
        self.assertEqual(self.found("192.0.2.2"), ["two", "session2"])
        self.assertEqual(self.found("joann@example.com"), ["four"])
        self.assertEqual(self.found("j_n@example.com"), ["four"])
        self.assertEqual(self.found("two"), ["two"])
        self.assertEqual(self.found("50%"), [])
        self.assertEqual(self.found("x" * 100_000), [])
        self.assertEqual(self.found("\udcff"), [])

    def test_letters_outside_ascii_in_any_case(self) -> None:
        make_trace(self.data, received("five", "zoë@far.example"))
        self.assertEqual(self.found("ZOË@far.example"), ["five"])

    def test_by_time(self) -> None:
        self.assertEqual(self.found(since=NOON + 8), ["four"])
        self.assertEqual(self.found(until=NOON + 1), ["one"])
        self.assertEqual(self.found("two", since=NOON + 5, until=NOON + 5), ["two"])

    def test_by_outcome(self) -> None:
        self.assertEqual(self.names(Query(outcome="deferred")), ["two"])
        self.assertEqual(self.names(Query(outcome="delivered")), ["four", "one"])
        self.assertEqual(self.names(Query(outcome="queued")), [])  # it was tried since
        make_trace(self.data, relayed("two", "dave@gmail.com", Fate.RELAYED), at=NOON + 60)
        self.assertEqual(self.names(Query(outcome="deferred")), [])
        self.assertEqual(self.names(Query(outcome="relayed")), ["two"])

    def test_what_the_session_did_before(self) -> None:
        with opened_trace(self.data) as reader:
            two = reader.story("two")
            assert two is not None
            (login,) = reader.before(two)
        self.assertEqual((login["what"], login["username"]), ("login", "ann"))

    def test_the_tls_session_of_an_attempt(self) -> None:
        for event, at in (
            (session(TLSFailure.EXPIRED), NOON - 60),
            (session(), NOON + 4),  # DEFERRED is a second later
            (session(domain="other.example"), NOON + 4.5),
            (session(TLSFailure.EXPIRED), NOON + 60),
        ):
            make_trace(self.data, event, at=at)
        with opened_trace(self.data) as reader:
            two = reader.story("two")
            assert two is not None
            found = [reader.session_of(each) for each in two.facts]
        self.assertEqual([None, None], found[:2])
        assert found[2] is not None
        self.assertEqual("TLSv1.3 AES", found[2]["tls"])
        self.assertEqual([], [name for name in self.found() if name.startswith("TLS")])

    def test_what_is_new(self) -> None:
        with opened_trace(self.data) as reader:
            last = reader.newest()
            self.assertEqual(reader.after(last, 10), [])
            make_trace(self.data, received("five"))
            (part,) = reader.after(last, 10)
        self.assertEqual((part.id, part.name), (last + 1, "five"))
        self.assertEqual(part.facts[0]["event"], "received")

    def test_rows_with_a_mark(self) -> None:
        with opened_trace(self.data) as reader:
            (part,) = reader.marked(DEFERRED_MARK, NOON)
            self.assertEqual(part.name, "two")
            self.assertEqual(list(reader.marked(DEFERRED_MARK, NOON + 6)), [])

    def test_there_is_none(self) -> None:
        with self.assertRaises(FileNotFoundError), opened_trace(self.mktemp()):
            pass
