"""The outcomes of a message."""

from __future__ import annotations

import json

from twisted.trial.unittest import SynchronousTestCase

from mailhost.interfaces.events import Command, Commanded, Event, Parked, PassedOn, Queued, Refused
from mailhost.interfaces.verdict import Decision
from mailhost.message.outcome import Fate
from mailhost.message.status import NO_STORAGE, OK
from mailhost.trace.story import Story
from tests.fakes import address
from tests.trace.samples import (
    ANN,
    CLIENT,
    DEFERRED,
    NO_USER,
    QUEUED,
    REFUSED_MAIL,
    REFUSED_RCPT,
    SUE,
    attempted,
    filtered,
    received,
    relayed,
    rows,
)


def story(*events: Event) -> Story:
    """The story of the message that all these events are about."""
    (row,) = rows(events, apart=1.0)
    return Story(row[0], tuple(json.loads(row[3])))


class StoryTests(SynchronousTestCase):
    def test_delivered(self) -> None:
        found = story(received(), attempted())
        self.assertEqual((found.sender, found.message_id), (str(SUE), "<one@far.example>"))
        self.assertEqual(found.recipients, {str(ANN): "delivered"})
        self.assertEqual((found.at, found.session), (0.0, "session1"))

    def test_the_last_attempt_counts(self) -> None:
        self.assertEqual(story(QUEUED).outcomes, ["queued"])
        self.assertEqual(story(QUEUED, DEFERRED).outcomes, ["deferred"])
        done = relayed("two", "dave@gmail.com", Fate.RELAYED)
        self.assertEqual(story(QUEUED, DEFERRED, done).outcomes, ["relayed"])

    def test_the_worst_comes_first(self) -> None:
        failed = relayed("one", "x@far.example", Fate.FAILED, NO_USER)
        self.assertEqual(story(received(), attempted(), failed).outcomes, ["failed", "delivered"])

    def test_an_alias_is_replaced_by_its_targets(self) -> None:
        found = story(
            received("one", "team@example.com"),
            attempted("one", "ann@example.com", through="team@example.com"),
            attempted("one", "bob@example.com", through="team@example.com"),
        )
        self.assertEqual(list(found.recipients), ["ann@example.com", "bob@example.com"])

    def test_refusals(self) -> None:
        self.assertEqual(story(REFUSED_RCPT).recipients, {"eve@example.com": "refused"})
        self.assertEqual(story(REFUSED_MAIL).outcomes, ["refused"])
        message = Refused(CLIENT, "message", NO_STORAGE, "one", SUE, (ANN,))
        self.assertEqual(story(received(), message).recipients, {str(ANN): "refused"})

    def test_commands_of_the_operator(self) -> None:
        dave = (address("dave@gmail.com"),)
        for command, outcome in (
            (Command.RETRIED, "deferred"),
            (Command.HELD, "held"),
            (Command.RELEASED, "queued"),
            (Command.REMOVED, "removed"),
            (Command.BOUNCED, "removed"),
        ):
            found = story(QUEUED, DEFERRED, Commanded("two", command, dave))
            self.assertEqual([outcome], found.outcomes)

    def test_other_ends(self) -> None:
        self.assertEqual(story(received(), PassedOn("one", "mx", OK)).outcomes, ["passed-on"])
        self.assertEqual(story(received(), Parked("one", "a bug")).outcomes, ["parked"])
        self.assertEqual(story(Queued("one", SUE, (ANN,), "odd")).outcomes, ["quarantined"])
        self.assertEqual(story(filtered(Decision.DISCARD)).outcomes, ["discarded"])
        self.assertEqual(story(filtered(Decision.DISCARD, observed=True)).outcomes, [])
