"""The chain: who is asked, what counts, what is told."""

from __future__ import annotations

import contextlib
from dataclasses import replace
from typing import Any

from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from mailhost.interfaces.filters import FilterFailed
from mailhost.interfaces.verdict import (
    PASS,
    Decision,
    Mail,
    Stage,
    Verdict,
    defer,
    discard,
    edit,
    quarantine,
    reject,
    tag,
)
from mailhost.message.content import Content
from mailhost.message.envelope import Body
from mailhost.reception.filters.chain import FILTER_FAILED, Chain, ChainResult, Link, Marks
from tests.fakes import now
from tests.reception.filters.chain_fakes import ChainWorld, Saying, Visited, Watching
from tests.reception.filters.mails import CLIENT, message

MAIL = message("Subject: x\n\nhello\n")
BINARY = replace(MAIL.envelope, body=Body.BINARY)
SPAM = reject("Go away", "smells")


class ChainCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.world = ChainWorld()

    def look(self, *filters: Any, mail: Mail = MAIL, **more: bool) -> ChainResult:
        """What the chain of these makes of a mail."""
        return now(self.world.chain(*filters, **more).visit(CLIENT).look(mail, Marks()))

    def refusal(self, judged: ChainResult) -> str:
        """What the client reads."""
        assert judged.refusal is not None
        return str(judged.refusal)


class OrderTests(ChainCase):
    """One after the other, until one refuses or drops."""

    def test_all_are_asked(self) -> None:
        filters = Saying(), Saying(), Saying()
        judged = self.look(*filters)
        self.assertEqual([len(each.asked) for each in filters], [1, 1, 1])
        self.assertEqual(judged, ChainResult(MAIL, Marks()))
        self.assertEqual(self.world.events.lines, [])

    def test_nobody_is_asked_after_a_refusal(self) -> None:
        last = Saying()
        judged = self.look(Saying(), Saying(SPAM), last)
        self.assertEqual(self.refusal(judged), "550 5.7.1 Go away [second]")
        assert judged.refusal is not None
        self.assertEqual(judged.refusal.cause, "smells")
        self.assertEqual(last.asked, [])

    def test_nobody_is_asked_after_a_discard(self) -> None:
        last = Saying(SPAM)
        judged = self.look(Saying(discard("not wanted")), last)
        self.assertIsNone(judged.refusal)
        self.assertEqual(judged.marks.dropped, "not wanted")
        self.assertEqual(last.asked, [])

    def test_quarantine_goes_on(self) -> None:
        judged = self.look(Saying(quarantine("odd")), Saying(quarantine("odder")), Saying(SPAM))
        self.assertEqual(judged.marks.held, "odd")
        self.assertIsNotNone(judged.refusal)

    def test_each_stage_has_its_own(self) -> None:
        hello, sender = Saying(PASS, Stage.HELLO), Saying(PASS, Stage.SENDER, Stage.MESSAGE)
        chain = self.world.chain(hello, sender)
        self.assertEqual(chain.stages, {Stage.HELLO, Stage.SENDER, Stage.MESSAGE})
        now(chain.visit(CLIENT).look(Mail(Stage.HELLO, CLIENT), Marks()))
        self.assertEqual((len(hello.asked), len(sender.asked)), (1, 0))

    def test_the_next_sees_what_was_edited(self) -> None:
        changed = message("Subject: changed\n\n")
        last = Saying()
        judged = self.look(Saying(edit(changed, "better")), last)
        self.assertEqual(last.asked, [changed])
        self.assertEqual(judged.mail, changed)

    def test_an_edit_may_come_with_a_quarantine(self) -> None:
        changed = message("Subject: changed\n\n")
        judged = self.look(Saying(Verdict(Decision.QUARANTINE, "odd", mail=changed)))
        self.assertEqual((judged.mail, judged.marks.held), (changed, "odd"))

    def test_temporary_refusals(self) -> None:
        judged = self.look(Saying(defer("Later")))
        self.assertEqual(self.refusal(judged), "451 4.7.1 Later [first]")


class TagTests(ChainCase):
    """Filters that steer others."""

    def test_when_and_unless(self) -> None:
        for tagged, when, unless, asked in (
            ("", {}, {}, 1),
            ("a", {}, {}, 1),
            ("", {"a"}, {}, 0),
            ("a", {"a", "b"}, {}, 1),
            ("c", {"a", "b"}, {}, 0),
            ("a", {}, {"a"}, 0),
            ("b", {}, {"a"}, 1),
            ("a", {"a"}, {"a"}, 0),
        ):
            last = Saying()
            link = Link("last", last, when=frozenset(when), unless=frozenset(unless))
            self.look(Saying(tag(tagged, "known") if tagged else PASS), link)
            self.assertEqual(len(last.asked), asked, (tagged, when, unless))

    def test_a_tag_is_told_once(self) -> None:
        chain = self.world.chain(Saying(tag("a", "known")))
        visit = chain.visit(CLIENT)
        judged = now(visit.look(MAIL, Marks()))
        now(visit.look(MAIL, judged.marks))
        self.assertEqual(len(self.world.events.lines), 1)
        self.assertEqual(judged.marks.tags, {"a"})


class ObserveTests(ChainCase):
    """Nothing is done, all is told."""

    def test_each_decision_is_told_and_not_done(self) -> None:
        changed = message("Subject: changed\n\n")
        for verdict in (
            SPAM,
            defer("Later", "smells"),
            discard("smells"),
            quarantine("smells"),
            edit(changed, "smells"),
            tag("a", "smells"),
        ):
            self.setUp()
            last = Saying()
            judged = self.look(Link("nose", Saying(verdict), observe=True), last)
            self.assertIsNone(judged.refusal)
            self.assertEqual(judged.mail, MAIL)
            self.assertEqual((judged.marks.held, judged.marks.dropped), ("", ""))
            self.assertEqual(judged.marks.tags, frozenset())
            self.assertEqual(len(last.asked), 1)
            [line] = self.world.events.lines
            self.assertEqual(line, f"m1 filter nose: would {verdict.decision}, smells")
            self.assertEqual(self.world.counters.filters["nose", f"would {verdict.decision}"], 1)

    def test_a_chain_that_observes_has_its_tags_all_the_same(self) -> None:
        last = Saying(SPAM)
        known = Link("known", Saying(tag("a", "friend")), observe=True)
        link = Link("last", last, observe=True, unless=frozenset("a"))
        self.assertEqual(self.look(known, link, observing=True).marks.tags, {"a"})
        self.assertEqual(last.asked, [])

    def test_the_same_is_told_once_for_a_message(self) -> None:
        chain = self.world.chain(Link("nose", Saying(SPAM, *Stage), observe=True))
        visit = chain.visit(CLIENT)
        judged = now(visit.look(Mail(Stage.SENDER, CLIENT), Marks()))
        judged = now(visit.look(MAIL, judged.marks))
        self.assertEqual(len(self.world.events.lines), 1)
        self.assertEqual(len(judged.marks.findings), 1)


class FailureTests(ChainCase):
    """Filters that cannot judge."""

    def failed(self, says: Any, text: str, logged: int = 0) -> None:
        """Mail is deferred, or passes where it is to; what went wrong is told."""
        for open in (False, True):
            self.world = ChainWorld()
            judged = self.look(Link("nose", Saying(says), pass_errors=open))
            self.assertEqual(judged.refusal is None, open)
            if judged.refusal is not None:
                self.assertEqual(str(judged.refusal), f"{FILTER_FAILED} [nose]")
                self.assertEqual(judged.refusal.cause, text)
            self.assertIn(f"filter nose: {text}", self.world.events.lines)
            self.assertEqual(self.world.counters.filters["nose", "failed"], 1)
            self.assertEqual(len(self.flushLoggedErrors()), logged)

    def test_what_it_needs_is_not_there(self) -> None:
        self.failed(FilterFailed("no DNS"), "no DNS")

    def test_a_disk_that_fails(self) -> None:
        self.failed(OSError("no disk"), "no disk")

    def test_a_bug_has_its_traceback_in_the_log(self) -> None:
        self.failed(ZeroDivisionError("division"), "ZeroDivisionError: division", logged=1)

    def test_no_verdict(self) -> None:
        self.failed(
            lambda mail: None, "TypeError: look() returned None, which is no Verdict", logged=1
        )

    def test_a_filter_that_wants_to_end_the_program(self) -> None:
        def leaves(mail: Mail) -> Verdict:
            raise SystemExit(1)

        self.failed(leaves, "SystemExit: 1", logged=1)

    def test_a_verdict_without_sense(self) -> None:
        """A refusal that the client would take for a yes loses mail."""
        nothing = message("Subject: x\n\n")
        for verdict, text in (
            (reject("Fine", code=250), "to refuse with 250 5.7.1 Fine"),
            (Verdict(Decision.EDIT, "better"), "an edit without a Mail"),
            (Verdict(Decision.EDIT, "better", mail=b"Subject: x"), "an edit without a Mail"),  # type: ignore[arg-type]
            (Verdict(Decision.QUARANTINE, "odd", mail="x"), "a quarantine of 'x'"),  # type: ignore[arg-type]
            (Verdict("rejekt", "odd"), "the decision 'rejekt'"),  # type: ignore[arg-type]
        ):
            for observe in (False, True):
                self.setUp()
                judged = self.look(Link("nose", Saying(verdict), observe=observe), mail=nothing)
                self.assertEqual(judged.mail, nothing)
                self.assertEqual(judged.refusal is None, observe)
                self.assertIn(text, self.world.events.lines[0])
                self.assertEqual(len(self.flushLoggedErrors(TypeError)), 1)

    def test_code_of_ones_own_whose_edit_has_line_ends_of_unix(self) -> None:
        """Sent as it is it could be taken for two messages; it is the filter's fault, not the
        sender's."""
        for body, mail, good in (
            (b"Subject: y\n\nhello\n", MAIL, False),
            (b"Subject: y\r\n\r\nhello\r", MAIL, False),
            (b"Subject: y\r\n\r\nhello\r\n", MAIL, True),
            (b"Subject: y\r\n\r\na\nb", replace(MAIL, envelope=BINARY), True),
        ):
            self.setUp()
            changed = Saying(edit(mail.containing(Content((body[:9], body[9:]))), "own"))
            judged = self.look(Link("nose", changed, own=True), mail=mail)
            self.assertEqual(judged.refusal is None, good)
            if not good:
                self.assertIn("a bare CR or LF", self.world.events.lines[0])
                self.assertEqual(judged.mail, MAIL)
        self.flushLoggedErrors()

    def test_one_that_does_not_give_up_when_its_time_is_over(self) -> None:
        async def stubborn() -> Verdict:
            while True:
                with contextlib.suppress(Exception):
                    await Deferred()

        link = Link("nose", Saying(lambda mail: stubborn()), seconds=5.0)
        visit = self.world.chain(link).visit(CLIENT)
        looking = Deferred.fromCoroutine(visit.look(MAIL, Marks()))
        self.world.clock.advance(5.1)
        self.assertEqual(str(self.successResultOf(looking).refusal), f"{FILTER_FAILED} [nose]")

    def test_no_answer_in_time(self) -> None:
        for open in (False, True):
            link = Link("nose", Saying(lambda mail: Deferred()), pass_errors=open, seconds=5.0)
            visit = self.world.chain(link).visit(CLIENT)
            looking = Deferred.fromCoroutine(visit.look(MAIL, Marks()))
            self.world.clock.advance(4.9)
            self.assertNoResult(looking)
            self.world.clock.advance(0.2)
            judged = self.successResultOf(looking)
            self.assertEqual(judged.refusal is None, open)
            self.assertIn("no answer in 5 seconds", self.world.events.lines[-1])

    def test_waiting_is_fine(self) -> None:
        answer: Deferred[Verdict] = Deferred()
        visit = self.world.chain(Saying(answer)).visit(CLIENT)
        looking = Deferred.fromCoroutine(visit.look(MAIL, Marks()))
        answer.callback(SPAM)
        self.assertIsNotNone(self.successResultOf(looking).refusal)
        self.assertEqual(self.world.clock.getDelayedCalls(), [])


class OthersTests(ChainCase):
    """Those that keep something for a client, and those that watch."""

    def test_a_visit_for_each_client(self) -> None:
        visited = Visited()
        chain = self.world.chain(visited)
        visit = chain.visit(CLIENT)
        now(visit.look(MAIL, Marks()))
        visit.abandon()
        visit.leave()
        self.assertEqual(visited.heard, ["visit", "MESSAGE", "abandon", "leave"])

    def test_a_visit_that_cannot_begin(self) -> None:
        """It fails like any other filter, and the client is served."""
        for open in (False, True):
            broken = Visited()
            broken.visit = self.fault  # type: ignore[method-assign, assignment]
            visit = self.world.chain(Link("nose", broken, pass_errors=open), Visited()).visit(
                CLIENT
            )
            judged = now(visit.look(MAIL, Marks()))
            self.assertEqual(judged.refusal is None, open)
            self.assertIn("filter nose: ZeroDivisionError: no", self.world.events.lines)
            self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)
            visit.abandon()
            visit.leave()

    def test_a_visit_that_cannot_end_is_in_nobodys_way(self) -> None:
        broken, other = Visited(), Visited()
        one = broken.visit(CLIENT)
        one.abandon = one.leave = self.fault  # type: ignore[method-assign]
        broken.visit = lambda client: one  # type: ignore[method-assign]
        visit = self.world.chain(broken, other).visit(CLIENT)
        visit.abandon()
        visit.leave()
        self.assertEqual(other.heard, ["visit", "abandon", "leave"])
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 2)

    def test_a_witness_that_fails_is_in_nobodys_way(self) -> None:
        broken, other = Watching(), Watching()
        broken.ended = self.fault  # type: ignore[method-assign, assignment]
        self.world.chain(broken, other).ended(MAIL, [], [])
        self.assertEqual(len(other.heard), 1)
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)
        self.assertIn("filter first: ZeroDivisionError: no", self.world.events.lines)

    def fault(self, *_: Any) -> Any:
        """A bug."""
        raise ZeroDivisionError("no")

    def test_witnesses_hear_of_what_concerns_them(self) -> None:
        all, some = Watching(), Watching()
        chain: Chain = self.world.chain(all, Link("some", some, when=frozenset("a")))
        chain.ended(MAIL, [], [])
        self.assertEqual((len(all.heard), len(some.heard)), (1, 0))

    def test_a_pass_with_a_reason_is_told(self) -> None:
        judged = self.look(Saying(Verdict(Decision.PASS, "signed, left alone")))
        self.assertIsNone(judged.refusal)
        self.assertEqual(self.world.events.lines, ["m1 filter first: pass, signed, left alone"])
