"""A milter in the chain of filters: the questions that it gets, and the verdicts of the chain."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from mailhost.interfaces.filters import FilterFailed, ISessionFilter, IVisit
from mailhost.interfaces.verdict import PASS, Decision, Mail, Stage, Verdict
from mailhost.message.client import Client
from mailhost.message.content import HEADER_LIMIT, Content
from mailhost.milter.client import MilterTimeouts
from mailhost.milter.filter import MilterContext, MilterFilter, MilterVisit
from tests.fakes import envelope, now, path
from tests.milter.fake_milter import FakeMilter
from tests.queue.fakes import here

CLIENT = Client("192.0.2.7", 4711, hello="far.example", extended=True)
ENVELOPE = envelope("ann@a.example", "bob@a.example", sender="sue@far.example")
CONTENT = Content((b"Subject: hi\r\nTo: ann\r\n\r\nhello\r\n",))
HELLO = ["O", "C|[192.0.2.7]|4|4711|192.0.2.7", "H|far.example"]
MESSAGE = ["T", "L|Subject| hi", "L|To| ann", "N", "B|hello\\r\\n", "E"]


async def keep(content: Content) -> Content:
    """Everything is small here."""
    return content


def at(stage: Stage) -> Mail:
    """The mail of these tests, as far as it is known at a stage."""
    if stage < Stage.SENDER:
        return Mail(stage, CLIENT)
    if stage is Stage.MESSAGE:
        return Mail(stage, CLIENT, ENVELOPE, content=CONTENT, identity="m1")
    recipient = ENVELOPE.recipients[0] if stage is Stage.RECIPIENT else None
    return Mail(stage, CLIENT, ENVELOPE.to([]), recipient, identity="m1")


class FilterCase(SynchronousTestCase):
    def make(self, milter: FakeMilter) -> MilterVisit:
        """A client's visit."""
        around = MilterContext(milter, Clock(), MilterTimeouts(), "mx.a.example", here, keep)
        filter = MilterFilter(around)
        verifyObject(ISessionFilter, filter)
        visit = filter.visit(CLIENT)
        verifyObject(IVisit, visit)
        assert isinstance(visit, MilterVisit)
        return visit

    def all(self, milter: FakeMilter) -> Verdict:
        """The verdict on a whole message; those before it must let it pass."""
        visit = self.make(milter)
        for stage in (Stage.CONNECTED, Stage.HELLO, Stage.SENDER):
            self.assertEqual(now(visit.look(at(stage))), PASS)
        for recipient in ENVELOPE.recipients:
            asked = replace(at(Stage.RECIPIENT), recipient=recipient)
            self.assertEqual(now(visit.look(asked)), PASS)
        return now(visit.look(at(Stage.MESSAGE)))

    def one(self, milter: FakeMilter, stage: Stage) -> Verdict:
        """The verdict where nothing else was asked before."""
        return now(self.make(milter).look(at(stage)))


class HeardTests(FilterCase):
    """The questions to the milter."""

    def test_everything_in_order(self) -> None:
        milter = FakeMilter()
        self.assertEqual(self.all(milter), PASS)
        envelope = ["M|<sue@far.example>", "R|<ann@a.example>", "R|<bob@a.example>"]
        self.assertEqual(milter.heard, [*HELLO, *envelope, *MESSAGE])
        self.assertIn("192.0.2.7", milter.macros["C"])
        self.assertEqual(milter.macros["E"], ["i", "m1"])

    def test_what_it_missed_comes_first(self) -> None:
        milter = FakeMilter()
        self.assertEqual(self.one(milter, Stage.MESSAGE), PASS)
        envelope = ["M|<sue@far.example>", "R|<ann@a.example>", "R|<bob@a.example>"]
        self.assertEqual(milter.heard, [*HELLO, *envelope, *MESSAGE])

    def test_two_messages_and_the_end(self) -> None:
        milter = FakeMilter()
        visit = self.make(milter)
        for _ in range(2):
            now(visit.look(at(Stage.MESSAGE)))
        visit.leave()
        self.assertEqual(milter.heard.count("E"), 2)
        self.assertEqual(milter.heard.count("C|[192.0.2.7]|4|4711|192.0.2.7"), 1)
        self.assertEqual(milter.heard[-1], "Q")

    def test_a_message_that_nothing_came_of_is_aborted(self) -> None:
        milter = FakeMilter()
        visit = self.make(milter)
        now(visit.look(at(Stage.RECIPIENT)))
        visit.abandon()
        now(visit.look(at(Stage.SENDER)))
        self.assertEqual(milter.heard[-2:], ["A", "M|<sue@far.example>"])

    def test_no_question_no_connection(self) -> None:
        milter = FakeMilter()
        visit = self.make(milter)
        visit.abandon()
        visit.leave()
        self.assertEqual(milter.connections, 0)


class AnswerTests(FilterCase):
    """The verdicts that follow from its answers."""

    LETTERS = ((Stage.CONNECTED, "C"), (Stage.HELLO, "H"), (Stage.SENDER, "M"))
    ALL = (*LETTERS, (Stage.RECIPIENT, "R"), (Stage.MESSAGE, "T"), (Stage.MESSAGE, "E"))

    def test_refusals_at_each_stage(self) -> None:
        for stage, letter in self.ALL:
            for answer, wanted in (
                ("r", "550 5.7.1 Refused by a mail filter"),
                ("t", "451 4.7.1 A mail filter asks to try again later"),
                ("y|554 5.7.9 Go away", "554 5.7.9 Go away"),
                ("y|452 4.2.2 Full", "452 4.2.2 Full"),
                ("4", "421 4.7.0 A mail filter ends this connection; try again later"),
            ):
                verdict = self.one(FakeMilter({letter: [answer]}), stage)
                self.assertEqual(str(verdict.status), wanted, (stage, answer))
                refusal = Decision.REJECT if wanted.startswith("5") else Decision.DEFER
                self.assertIs(verdict.decision, refusal)

    def test_one_recipient_is_refused_alone(self) -> None:
        milter = FakeMilter({"R": ["y|550 5.1.1 Not him"]})
        visit = self.make(milter)
        verdict = now(visit.look(at(Stage.RECIPIENT)))
        self.assertEqual(str(verdict.status), "550 5.1.1 Not him")
        del milter.answers["R"]
        other = replace(at(Stage.RECIPIENT), recipient=path("bob@a.example"))
        self.assertEqual(now(visit.look(other)), PASS)

    def test_a_refused_recipient_is_refused_again(self) -> None:
        visit = self.make(FakeMilter({"R": ["y|550 5.1.1 Not him"]}))
        for _ in range(2):
            verdict = now(visit.look(at(Stage.RECIPIENT)))
            self.assertEqual(str(verdict.status), "550 5.1.1 Not him")

    def test_a_deferred_recipient_may_come_later(self) -> None:
        milter = FakeMilter({"R": ["t"]})
        visit = self.make(milter)
        self.assertIs(now(visit.look(at(Stage.RECIPIENT))).decision, Decision.DEFER)
        del milter.answers["R"]
        self.assertEqual(now(visit.look(at(Stage.RECIPIENT))), PASS)

    def test_a_recipient_refused_at_the_end_refuses_the_message(self) -> None:
        for number in range(2):
            milter = FakeMilter()
            visit = self.make(milter)
            milter.refused = str(ENVELOPE.recipients[number].address)
            verdict = now(visit.look(at(Stage.MESSAGE)))
            self.assertIs(verdict.decision, Decision.REJECT, number)
            self.assertNotIn("E", milter.heard)

    def test_a_message_that_was_refused_before_its_end_leaves_nothing_to_the_next(self) -> None:
        milter = FakeMilter({"M": ["r"]})
        visit = self.make(milter)
        self.assertIs(now(visit.look(at(Stage.MESSAGE))).decision, Decision.REJECT)
        del milter.answers["M"]
        self.assertEqual(now(visit.look(at(Stage.MESSAGE))), PASS)
        self.assertEqual(milter.heard.count("M|<sue@far.example>"), 2)

    def test_accepting_ends_the_questions(self) -> None:
        milter = FakeMilter({"M": ["a"]})
        self.assertEqual(self.all(milter), PASS)
        self.assertEqual(milter.heard, [*HELLO, "M|<sue@far.example>"])

    def test_discarding_is_for_the_whole_message(self) -> None:
        for letter in "MRTE":
            self.assertIs(self.all(FakeMilter({letter: ["d"]})).decision, Decision.DISCARD)

    def test_it_may_be_at_work_for_long(self) -> None:
        self.assertEqual(self.all(FakeMilter({"E": ["p", "p", "c"]})), PASS)

    def test_enough_of_a_kind(self) -> None:
        milter = FakeMilter({"L": ["s"], "B": ["s"]}, protocol_flags="100400")
        milter.answers["N"] = ["c"]
        self.assertEqual(self.all(milter), PASS)
        self.assertNotIn("L|To| ann", milter.heard)


class EditTests(FilterCase):
    """Changes to the message."""

    def edited(self, *answers: str) -> Any:
        """The mail after these, the last of them the final answer."""
        verdict = self.all(FakeMilter({"E": answers}))
        self.assertIs(verdict.decision, Decision.EDIT)
        return verdict.mail

    def test_header_and_body(self) -> None:
        mail = self.edited(
            "h|X-Last| 1", "i|0|X-First| 2", "m|1|Subject| changed", "m|1|To|", "b|new\\r\\n", "c"
        )
        wanted = b"X-First: 2\r\nSubject: changed\r\nX-Last: 1\r\n\r\nnew\r\n"
        self.assertEqual(mail.content.read(), wanted)
        self.assertEqual(mail.envelope, ENVELOPE)

    def test_what_is_not_edited_stays(self) -> None:
        mail = self.edited("i|0|X-First| 2", "a")
        self.assertEqual(mail.content.read(), b"X-First: 2\r\n" + CONTENT.read())

    def test_the_envelope(self) -> None:
        mail = self.edited("e|<new@far.example>", "+|<eve@b.example>", "-|<bob@a.example>", "c")
        self.assertEqual(str(mail.envelope.reverse_path), "new@far.example")
        recipients = [str(each.address) for each in mail.envelope.recipients]
        self.assertEqual(recipients, ["ann@a.example", "eve@b.example"])

    def test_quarantine_with_an_edit(self) -> None:
        verdict = self.all(FakeMilter({"E": ["h|X-Spam| yes", "q|looks bad", "c"]}))
        self.assertIs(verdict.decision, Decision.QUARANTINE)
        self.assertEqual(verdict.reason, "looks bad")
        assert verdict.mail is not None
        self.assertIn(b"X-Spam: yes", verdict.mail.content.read())

    def test_the_reason_of_a_quarantine_is_one_printable_line(self) -> None:
        """The reason is written to the log, the queue, events and terminals."""
        verdict = self.all(FakeMilter({"E": ["q|bad\\xff\\r\\nnews", "c"]}))
        self.assertEqual(verdict.reason, "bad???news")
        self.assertTrue(self.all(FakeMilter({"E": ["q|", "c"]})).reason)

    def test_edits_of_what_is_refused_are_forgotten(self) -> None:
        verdict = self.all(FakeMilter({"E": ["h|X-Spam| yes", "r"]}))
        self.assertIs(verdict.decision, Decision.REJECT)
        self.assertIsNone(verdict.mail)


class FailureTests(FilterCase):
    """A milter that cannot be reached, or sends invalid packets."""

    def failed(self, visit: MilterVisit, stage: Stage) -> str:
        """Why the filter failed."""
        looking = Deferred.fromCoroutine(visit.look(at(stage)))
        return str(self.failureResultOf(looking, FilterFailed).value)

    def test_it_is_tried_once_for_each_client(self) -> None:
        milter = FakeMilter()
        milter.there = False
        visit = self.make(milter)
        self.assertIn("no connection to the filter", self.failed(visit, Stage.CONNECTED))
        milter.there = True
        self.assertIn("no connection to the filter", self.failed(visit, Stage.SENDER))
        self.assertEqual(milter.connections, 0)
        visit.leave()

    def test_nonsense(self) -> None:
        for answer in ("z", "y|no code", "h|X-Not|now"):
            milter = FakeMilter({"M": [answer]})
            self.assertTrue(self.failed(self.make(milter), Stage.SENDER), answer)
            self.assertEqual(milter.heard[-1], "aborted")

    def test_a_header_that_is_larger_than_can_be_looked_at(self) -> None:
        """The milter would get a part of the header, and its edits might cut a field in two."""
        content = Content((b"A: 1\r\n" * (HEADER_LIMIT // 6 + 1) + b"\r\nx\r\n",))
        milter = FakeMilter({"E": ["h|X-Last| 1", "c"]})
        looking = self.make(milter).look(replace(at(Stage.MESSAGE), content=content))
        failure = self.failureResultOf(Deferred.fromCoroutine(looking), FilterFailed)
        self.assertIn("header", str(failure.value))

    def test_a_look_that_is_given_up_ends_the_connection(self) -> None:
        milter = FakeMilter({"M": []})
        visit = self.make(milter)
        looking = Deferred.fromCoroutine(visit.look(at(Stage.SENDER)))
        self.assertNoResult(looking)
        looking.cancel()
        self.failureResultOf(looking)
        self.assertTrue(self.failed(visit, Stage.MESSAGE))
        self.assertEqual(milter.connections, 1)
