"""Batches of events as rows of the database."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

from hypothesis import given
from hypothesis.strategies import text
from twisted.trial.unittest import SynchronousTestCase

from mailhost.interfaces.authentication import Authentication
from mailhost.interfaces.events import Authenticated, Event, Filtered, Received, Refused
from mailhost.interfaces.verdict import Decision, Finding, Stage
from mailhost.message.client import Client
from mailhost.message.outcome import Fate
from mailhost.message.status import Status
from mailhost.trace.limits import LONGEST_TEXT, MOST_RECIPIENTS
from mailhost.trace.marks import DEFERRED, DELIVERED, RECEIVED, REFUSED
from mailhost.trace.quick_facts import KEPT
from mailhost.trace.rows import MOST_OF_CLIENT, Row
from mailhost.trace.timeline import fact_text
from tests.observe.samples import KEYS
from tests.trace import samples
from tests.trace.samples import (
    ANN,
    CLIENT,
    NO_USER,
    REFUSED_MAIL,
    REFUSED_RCPT,
    SUE,
    attempted,
    received,
)

TAG = Finding("dnslist", Stage.CONNECTED, Decision.TAG, "listed by zen.example")


def rows(*events: Event) -> list[Row]:
    """The rows of events that come within one batch."""
    return samples.rows(events, 1.5)


def facts(row: Row) -> Any:
    """The contents of a row."""
    return json.loads(row[3])


class RowsTests(SynchronousTestCase):
    def test_every_kind_of_event_can_be_kept_and_told(self) -> None:
        kinds = set()
        for event, _ in KEYS:
            for row in rows(event):
                kinds.add(type(event))
                for each in facts(row):
                    self.assertNotIn("(", fact_text(each)[:1])
        self.assertEqual(kinds, set(KEPT))

    def test_a_message_has_one_row_in_a_batch(self) -> None:
        one, two = rows(received("one"), received("two"), attempted("one"))
        self.assertEqual(one[:3], ("one", 1500, RECEIVED | DELIVERED))
        self.assertEqual([each["event"] for each in facts(one)], ["received", "attempted"])
        self.assertEqual(two[0], "two")

    def test_the_facts_of_a_message(self) -> None:
        (row,) = rows(received())
        self.assertEqual(
            facts(row),
            [
                {
                    "event": "received",
                    "at": 1500,
                    "from": "sue@far.example",
                    "to": ["ann@example.com"],
                    "size": 485,
                    "message_id": "<one@far.example>",
                    "protocol": "smtp",
                    "ip": "192.0.2.1",
                    "port": 4711,
                    "session": "session1",
                    "hello": "mx.far.example",
                }
            ],
        )

    def test_what_has_no_identity_has_the_name_of_its_session(self) -> None:
        (row,) = rows(REFUSED_MAIL)
        self.assertEqual((row[0], row[2]), ("session1", REFUSED))
        (row,) = rows(REFUSED_RCPT)
        self.assertEqual(row[0], "three")

    def test_readers_send_no_message(self) -> None:
        client = Client("192.0.2.1", 1, "pop3", "s")
        self.assertEqual(rows(Refused(client, "USER", NO_USER)), [])

    def test_the_words_of_the_other_host(self) -> None:
        answer = Status(450, "4.2.0", "Greylisted")
        status = Status(450, "4.2.0", "mx said: Greylisted", "a cause", answer)
        (row,) = rows(attempted(fate=Fate.DEFERRED, status=status, by="mx", next_hop="far.example"))
        (found,) = facts(row)
        self.assertEqual(row[2], DEFERRED)
        self.assertEqual(found["said"], "450 4.2.0 Greylisted")
        self.assertEqual((found["cause"], found["next_hop"]), ("a cause", "far.example"))

    def test_a_flood_of_refusals_is_counted(self) -> None:
        events = [
            Refused(CLIENT, f"RCPT TO:<{number}@x.example>", NO_USER) for number in range(500)
        ]
        other = Refused(Client("192.0.2.9", 1, "smtp", "s"), "RCPT TO:<a@x.example>", NO_USER)
        many, one = rows(*events, other)
        found = facts(many)
        self.assertEqual(len(found), MOST_OF_CLIENT)
        self.assertEqual(found[-1]["further"], 500 - MOST_OF_CLIENT)
        self.assertEqual(len(facts(one)), 1)

    def test_the_addresses_of_an_ipv6_network_are_one_client(self) -> None:
        events = [
            Refused(Client(f"2001:db8::{number:x}", 1, "smtp", f"s{number}"), "MAIL", NO_USER)
            for number in range(1, 101)
        ]
        self.assertEqual(len(rows(*events)), MOST_OF_CLIENT)

    def test_a_flood_of_tags_is_counted(self) -> None:
        events = [
            Filtered(Client("192.0.2.1", 1, "smtp", f"s{number}"), "", TAG) for number in range(500)
        ]
        found = rows(*events)
        self.assertEqual(len(found), MOST_OF_CLIENT)
        (last,) = facts(found[-1])
        self.assertEqual(last["further"], 500 - MOST_OF_CLIENT)
        self.assertIn("(and 450 more results of filters for this client)", fact_text(last))

    def test_a_flood_of_refused_messages_is_counted(self) -> None:
        events = [
            Authenticated(CLIENT, f"m{number}", None, (), Authentication(dmarc="fail"))
            for number in range(500)
        ]
        self.assertEqual(len(rows(*events)), MOST_OF_CLIENT)

    def test_all_results_about_received_and_discarded_messages_are_kept(self) -> None:
        names = [f"m{number}" for number in range(500)]
        tags = [Filtered(CLIENT, name, TAG) for name in names]
        found = rows(*tags, *map(received, names))
        self.assertEqual([2] * 500, [len(facts(row)) for row in found])
        discard = Finding("rules", Stage.MESSAGE, Decision.DISCARD, "spam")
        found = rows(*(Filtered(CLIENT, name, discard) for name in names))
        self.assertEqual(len(found), 500)

    def test_bounds(self) -> None:
        (row,) = rows(received("one", *(f"u{number}@x.example" for number in range(1000))))
        (found,) = facts(row)
        self.assertEqual(len(found["to"]), MOST_RECIPIENTS)
        self.assertEqual(found["more"], 1000 - MOST_RECIPIENTS)
        (row,) = rows(attempted(status=Status(550, "5.0.0", "x" * 50_000)))
        self.assertEqual(len(facts(row)[0]["status"]), LONGEST_TEXT)

    @given(text(), text(), text())
    def test_any_text(self, hello: str, message_id: str, said: str) -> None:
        client = replace(CLIENT, hello=hello)
        event = Received(client, "one", SUE, (ANN,), 1, message_id, said)
        status = Status(450, "4.0.0", said, hello, Status(450, "", message_id))
        (row,) = rows(event, attempted(fate=Fate.DEFERRED, status=status, by=hello))
        one, two = facts(row)
        self.assertTrue(row[3].isascii())
        self.assertEqual(one.get("hello", ""), hello)
        self.assertEqual((one.get("message_id", ""), one.get("subject", "")), (message_id, said))
        self.assertEqual((two.get("by", ""), two.get("cause", "")), (hello, hello))

    def test_text_that_is_no_utf_8(self) -> None:
        (row,) = rows(Refused(CLIENT, "RCPT \udcff\0", NO_USER))
        self.assertTrue(row[3].isascii())
