"""The chain: the filters that are asked, the verdicts that count, the log."""

from __future__ import annotations

import contextlib
from asyncio import CancelledError
from dataclasses import replace
from typing import Any

from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from mailhost.interfaces.filters import FilterFailed
from mailhost.interfaces.verdict import (
    PASS,
    Decision,
    Facts,
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
from mailhost.reception.filters.chain import (
    FILTER_FAILED,
    Chain,
    ChainLink,
    ChainResult,
    ChainState,
)
from tests.fakes import now
from tests.reception.filters.chain_fakes import (
    ChainServices,
    FakeFilter,
    FakeSessionFilter,
    FakeWitness,
)
from tests.reception.filters.mails import CLIENT, message

MAIL = message("Subject: x\n\nhello\n")
BINARY = replace(MAIL.envelope, body=Body.BINARY)
SPAM = reject("Go away", "smells")


class ChainCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.services = ChainServices()

    def look(self, *filters: Any, mail: Mail = MAIL, **more: bool) -> ChainResult:
        """Return the result of a chain of these filters for a mail."""
        return now(self.services.chain(*filters, **more).visit(CLIENT).look(mail, ChainState()))

    def refusal(self, result: ChainResult) -> str:
        """Return the text of the reply."""
        assert result.refusal is not None
        return str(result.refusal)


class FactTests(ChainCase):
    """The facts of a filter have their effect in the mode "observe" too."""

    def facts(self, decision: Decision, **more: Any) -> Verdict:
        edited = MAIL.containing(Content((b"X-A: b\r\n" + MAIL.content.read(),)))
        return Verdict(decision, facts=Facts(edited, frozenset({"a:pass", "b:fail"})), **more)

    def test_filters_behind_see_them(self) -> None:
        for verdict in (self.facts(Decision.PASS), self.facts(Decision.JUNK, reason="forged")):
            for observe in (False, True):
                behind = FakeFilter()
                first = ChainLink("first", FakeFilter(verdict), observe=observe)
                result = self.look(first, behind)
                self.assertTrue(result.mail.content.read().startswith(b"X-A: b"))
                self.assertEqual(result.state.tags, {"a:pass", "b:fail"})
                (seen,) = behind.asked
                self.assertEqual(seen.tags, {"a:pass", "b:fail"})
                self.assertTrue(seen.content.read().startswith(b"X-A: b"))

    def test_a_pass_is_not_logged_and_junk_is(self) -> None:
        self.look(FakeFilter(self.facts(Decision.PASS)))
        self.assertEqual(self.services.events.lines, [])
        self.look(FakeFilter(self.facts(Decision.JUNK, reason="forged")))
        self.assertIn("filter first: junk, forged", self.services.events.lines[0])

    def test_no_facts_and_bad_line_ends(self) -> None:
        odd = Verdict(Decision.PASS, facts=Facts(MAIL.containing(Content((b"a\nb",)))))
        result = self.look(ChainLink("own", FakeFilter(odd), own=True))
        self.assertIn("4.3.0", self.refusal(result))
        self.assertIn("4.3.0", self.refusal(self.look(FakeFilter(replace(odd, facts=1)))))  # type: ignore[arg-type]
        self.assertEqual(len(self.flushLoggedErrors(TypeError)), 1)


class OrderTests(ChainCase):
    """Filters are asked in order until one refuses or discards."""

    def test_all_are_asked(self) -> None:
        filters = FakeFilter(), FakeFilter(), FakeFilter()
        result = self.look(*filters)
        self.assertEqual([len(each.asked) for each in filters], [1, 1, 1])
        self.assertEqual(result, ChainResult(MAIL, ChainState()))
        self.assertEqual(self.services.events.lines, [])

    def test_no_filter_is_asked_after_a_refusal(self) -> None:
        last = FakeFilter()
        result = self.look(FakeFilter(), FakeFilter(SPAM), last)
        self.assertEqual(self.refusal(result), "550 5.7.1 Go away [second]")
        assert result.refusal is not None
        self.assertEqual(result.refusal.cause, "smells")
        self.assertEqual(last.asked, [])

    def test_no_filter_is_asked_after_a_discard(self) -> None:
        last = FakeFilter(SPAM)
        result = self.look(FakeFilter(discard("not wanted")), last)
        self.assertIsNone(result.refusal)
        self.assertEqual(result.state.dropped, "not wanted")
        self.assertEqual(last.asked, [])

    def test_quarantine_goes_on(self) -> None:
        result = self.look(
            FakeFilter(quarantine("odd")), FakeFilter(quarantine("odder")), FakeFilter(SPAM)
        )
        self.assertEqual(result.state.held, "odd")
        self.assertIsNotNone(result.refusal)

    def test_each_stage_has_its_filters(self) -> None:
        hello, sender = FakeFilter(PASS, Stage.HELLO), FakeFilter(PASS, Stage.SENDER, Stage.MESSAGE)
        chain = self.services.chain(hello, sender)
        self.assertEqual(chain.stages, {Stage.HELLO, Stage.SENDER, Stage.MESSAGE})
        now(chain.visit(CLIENT).look(Mail(Stage.HELLO, CLIENT), ChainState()))
        self.assertEqual((len(hello.asked), len(sender.asked)), (1, 0))

    def test_the_next_filter_gets_the_edited_mail(self) -> None:
        changed = message("Subject: changed\n\n")
        last = FakeFilter()
        result = self.look(FakeFilter(edit(changed, "better")), last)
        self.assertEqual(last.asked, [changed])
        self.assertEqual(result.mail, changed)

    def test_an_edit_may_come_with_a_quarantine(self) -> None:
        changed = message("Subject: changed\n\n")
        result = self.look(FakeFilter(Verdict(Decision.QUARANTINE, "odd", mail=changed)))
        self.assertEqual((result.mail, result.state.held), (changed, "odd"))

    def test_temporary_refusals(self) -> None:
        result = self.look(FakeFilter(defer("Later")))
        self.assertEqual(self.refusal(result), "451 4.7.1 Later [first]")


class TagTests(ChainCase):
    """Tags select filters."""

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
            last = FakeFilter()
            link = ChainLink("last", last, when=frozenset(when), unless=frozenset(unless))
            self.look(FakeFilter(tag(tagged, "known") if tagged else PASS), link)
            self.assertEqual(len(last.asked), asked, (tagged, when, unless))

    def test_a_tag_is_logged_once(self) -> None:
        chain = self.services.chain(FakeFilter(tag("a", "known")))
        visit = chain.visit(CLIENT)
        result = now(visit.look(MAIL, ChainState()))
        now(visit.look(MAIL, result.state))
        self.assertEqual(len(self.services.events.lines), 1)
        self.assertEqual(result.state.tags, {"a"})


class ObserveTests(ChainCase):
    """Verdicts of filters that observe are logged and have no effect."""

    def test_each_decision_is_logged_and_has_no_effect(self) -> None:
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
            last = FakeFilter()
            result = self.look(ChainLink("nose", FakeFilter(verdict), observe=True), last)
            self.assertIsNone(result.refusal)
            self.assertEqual(result.mail, MAIL)
            self.assertEqual((result.state.held, result.state.dropped), ("", ""))
            self.assertEqual(result.state.tags, frozenset())
            self.assertEqual(len(last.asked), 1)
            [line] = self.services.events.lines
            self.assertEqual(line, f"m1 filter nose: would {verdict.decision}, smells")
            self.assertEqual(self.services.counters.filters["nose", f"would {verdict.decision}"], 1)

    def test_tags_have_their_effect_in_a_chain_that_observes(self) -> None:
        last = FakeFilter(SPAM)
        known = ChainLink("known", FakeFilter(tag("a", "friend")), observe=True)
        link = ChainLink("last", last, observe=True, unless=frozenset("a"))
        self.assertEqual(self.look(known, link, observing=True).state.tags, {"a"})
        self.assertEqual(last.asked, [])

    def test_the_same_finding_is_logged_once_for_a_message(self) -> None:
        chain = self.services.chain(ChainLink("nose", FakeFilter(SPAM, *Stage), observe=True))
        visit = chain.visit(CLIENT)
        result = now(visit.look(Mail(Stage.SENDER, CLIENT), ChainState()))
        result = now(visit.look(MAIL, result.state))
        self.assertEqual(len(self.services.events.lines), 1)
        self.assertEqual(len(result.state.findings), 1)


class FailureTests(ChainCase):
    """Filters that fail."""

    def failed(self, answer: Any, text: str, logged: int = 0) -> None:
        """Mail is deferred, or passes with `pass_errors`; the fault is logged."""
        for open in (False, True):
            self.services = ChainServices()
            result = self.look(ChainLink("nose", FakeFilter(answer), pass_errors=open))
            self.assertEqual(result.refusal is None, open)
            if result.refusal is not None:
                self.assertEqual(str(result.refusal), f"{FILTER_FAILED} [nose]")
                self.assertEqual(result.refusal.cause, text)
            self.assertIn(f"filter nose: {text}", self.services.events.lines)
            self.assertEqual(self.services.counters.filters["nose", "failed"], 1)
            self.assertEqual(len(self.flushLoggedErrors()), logged)

    def test_a_filter_that_reports_a_failure(self) -> None:
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
        for error in (SystemExit(1), KeyboardInterrupt(1), CancelledError(1)):

            def leaves(mail: Mail, error: BaseException = error) -> Verdict:
                raise error

            self.failed(leaves, f"{type(error).__name__}: 1", logged=1)

    def test_an_invalid_verdict(self) -> None:
        """A refusal with a 2xx reply would lose mail."""
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
                result = self.look(
                    ChainLink("nose", FakeFilter(verdict), observe=observe), mail=nothing
                )
                self.assertEqual(result.mail, nothing)
                self.assertEqual(result.refusal is None, observe)
                self.assertIn(text, self.services.events.lines[0])
                self.assertEqual(len(self.flushLoggedErrors(TypeError)), 1)

    def test_an_edit_of_own_code_with_bare_line_feeds(self) -> None:
        """Such content could be read as two messages by the next hop; the mail is deferred, since
        the fault is that of the filter."""
        for body, mail, good in (
            (b"Subject: y\n\nhello\n", MAIL, False),
            (b"Subject: y\r\n\r\nhello\r", MAIL, False),
            (b"Subject: y\r\n\r\nhello\r\n", MAIL, True),
            (b"Subject: y\r\n\r\na\nb", replace(MAIL, envelope=BINARY), True),
        ):
            self.setUp()
            changed = FakeFilter(edit(mail.containing(Content((body[:9], body[9:]))), "own"))
            result = self.look(ChainLink("nose", changed, own=True), mail=mail)
            self.assertEqual(result.refusal is None, good)
            if not good:
                self.assertIn("a bare CR or LF", self.services.events.lines[0])
                self.assertEqual(result.mail, MAIL)
        self.flushLoggedErrors()

    def test_a_filter_that_goes_on_after_its_time(self) -> None:
        async def stubborn() -> Verdict:
            while True:
                with contextlib.suppress(Exception):
                    await Deferred()

        link = ChainLink("nose", FakeFilter(lambda mail: stubborn()), seconds=5.0)
        visit = self.services.chain(link).visit(CLIENT)
        looking = Deferred.fromCoroutine(visit.look(MAIL, ChainState()))
        self.services.clock.advance(5.1)
        self.assertEqual(str(self.successResultOf(looking).refusal), f"{FILTER_FAILED} [nose]")

    def test_no_answer_in_time(self) -> None:
        for open in (False, True):
            link = ChainLink(
                "nose", FakeFilter(lambda mail: Deferred()), pass_errors=open, seconds=5.0
            )
            visit = self.services.chain(link).visit(CLIENT)
            looking = Deferred.fromCoroutine(visit.look(MAIL, ChainState()))
            self.services.clock.advance(4.9)
            self.assertNoResult(looking)
            self.services.clock.advance(0.2)
            result = self.successResultOf(looking)
            self.assertEqual(result.refusal is None, open)
            self.assertIn("no answer in 5 seconds", self.services.events.lines[-1])

    def test_an_answer_within_the_time(self) -> None:
        answer: Deferred[Verdict] = Deferred()
        visit = self.services.chain(FakeFilter(answer)).visit(CLIENT)
        looking = Deferred.fromCoroutine(visit.look(MAIL, ChainState()))
        answer.callback(SPAM)
        self.assertIsNotNone(self.successResultOf(looking).refusal)
        self.assertEqual(self.services.clock.getDelayedCalls(), [])


class OthersTests(ChainCase):
    """Filters that keep state for a client, and witnesses."""

    def test_a_visit_for_each_client(self) -> None:
        session_filter = FakeSessionFilter()
        chain = self.services.chain(session_filter)
        visit = chain.visit(CLIENT)
        now(visit.look(MAIL, ChainState()))
        visit.abandon()
        visit.leave()
        self.assertEqual(session_filter.calls, ["visit", "MESSAGE", "abandon", "leave"])

    def test_a_visit_that_cannot_begin(self) -> None:
        """The visit fails like a filter, and the client is served."""
        for open in (False, True):
            broken = FakeSessionFilter()
            broken.visit = self.fault  # type: ignore[method-assign, assignment]
            visit = self.services.chain(
                ChainLink("nose", broken, pass_errors=open), FakeSessionFilter()
            ).visit(CLIENT)
            result = now(visit.look(MAIL, ChainState()))
            self.assertEqual(result.refusal is None, open)
            self.assertIn("filter nose: ZeroDivisionError: no", self.services.events.lines)
            self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)
            visit.abandon()
            visit.leave()

    def test_a_visit_that_fails_at_its_end(self) -> None:
        broken, other = FakeSessionFilter(), FakeSessionFilter()
        one = broken.visit(CLIENT)
        one.abandon = one.leave = self.fault  # type: ignore[method-assign]
        broken.visit = lambda client: one  # type: ignore[method-assign]
        visit = self.services.chain(broken, other).visit(CLIENT)
        visit.abandon()
        visit.leave()
        self.assertEqual(other.calls, ["visit", "abandon", "leave"])
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 2)

    def test_a_witness_that_fails(self) -> None:
        broken, other = FakeWitness(), FakeWitness()
        broken.ended = self.fault  # type: ignore[method-assign, assignment]
        self.services.chain(broken, other).ended(MAIL, [], [])
        self.assertEqual(len(other.calls), 1)
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)
        self.assertIn("filter first: ZeroDivisionError: no", self.services.events.lines)

    def fault(self, *_: Any) -> Any:
        """Raise, as a bug would."""
        raise ZeroDivisionError("no")

    def test_witnesses_are_notified_of_mail_with_their_tags(self) -> None:
        all, some = FakeWitness(), FakeWitness()
        chain: Chain = self.services.chain(all, ChainLink("some", some, when=frozenset("a")))
        chain.ended(MAIL, [], [])
        self.assertEqual((len(all.calls), len(some.calls)), (1, 0))

    def test_a_pass_with_a_reason_is_logged(self) -> None:
        result = self.look(FakeFilter(Verdict(Decision.PASS, "signed, left alone")))
        self.assertIsNone(result.refusal)
        self.assertEqual(self.services.events.lines, ["m1 filter first: pass, signed, left alone"])
