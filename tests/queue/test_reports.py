"""Reports and their receivers: NOTIFY, RET, ENVID, ORCPT and the null reverse-path."""

from __future__ import annotations

from dataclasses import replace

from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from mailhost.interfaces.outgoing import OwnMessage
from mailhost.message.address import parse_address
from mailhost.message.content import Content
from mailhost.message.envelope import Body, Envelope, ForwardPath, Notify, Return
from mailhost.message.header import values
from mailhost.message.outcome import Fate, Outcome
from mailhost.message.status import Status
from mailhost.message.tls_demand import TLSDemand
from mailhost.outgoing import Outgoing
from mailhost.queue.reports import ReportedMessage, compose_alarm, compose_report, wanted
from tests.message.reports import parts, status_fields
from tests.queue.fakes import (
    BUSY,
    GOOD,
    SENDER,
    START,
    UNKNOWN,
    RunningQueue,
    envelope,
    message,
    path,
)

STATUS = {Fate.FAILED: UNKNOWN, Fate.DEFERRED: BUSY}
SAID = {fate: replace(status, answer=status) for fate, status in STATUS.items()}
EVERYTHING = Notify.SUCCESS | Notify.FAILURE | Notify.DELAY


def outcome(
    fate: Fate, notify: Notify | None = EVERYTHING, address: str = "b@x.example"
) -> Outcome:
    """The outcome of a recipient with this NOTIFY."""
    return Outcome(ForwardPath(parse_address(address), notify), fate, SAID.get(fate, GOOD), "mx")


def notice_of(
    *outcomes: Outcome, about: Envelope | None = None, content: Content | None = None
) -> OwnMessage:
    """The notice that these make."""
    subject = ReportedMessage(about or Envelope(SENDER), content or message(), "m1", START)
    notice = compose_report(subject, outcomes, "mail.here.example", START + 60, START + 3600)
    assert notice is not None
    return notice


class Wishes(SynchronousTestCase):
    """RFC 3461 §4.1."""

    def test_every_wish(self) -> None:
        told_by_default = {Fate.FAILED, Fate.DEFERRED}
        for fate in Fate:
            for notify, fates in (
                (None, told_by_default),
                (Notify.NEVER, set()),
                (Notify.FAILURE, {Fate.FAILED}),
                (Notify.DELAY, {Fate.DEFERRED}),
                (Notify.SUCCESS, {Fate.DELIVERED, Fate.RELAYED, Fate.EXPANDED}),
                (EVERYTHING, set(Fate) - {Fate.PASSED_ON}),
            ):
                told = wanted(Envelope(SENDER), outcome(fate, notify))
                self.assertEqual(told, fate in fates, (fate, notify))

    def test_never_to_the_null_reverse_path(self) -> None:
        for fate in Fate:
            self.assertFalse(wanted(Envelope(None), outcome(fate)))
            subject = ReportedMessage(Envelope(None), message(), "m1", START)
            self.assertIsNone(compose_report(subject, [outcome(fate)], "h.example", START))

    def test_nothing_wanted(self) -> None:
        subject = ReportedMessage(Envelope(SENDER), message(), "m1", START)
        silent = [outcome(fate, Notify.NEVER) for fate in Fate]
        self.assertIsNone(compose_report(subject, silent, "h.example", START))

    def test_only_who_wants_it_is_named(self) -> None:
        notice = notice_of(
            outcome(Fate.FAILED, None, "a@x.example"),
            outcome(Fate.FAILED, Notify.NEVER, "b@x.example"),
            outcome(Fate.RELAYED, None, "c@x.example"),
        )
        _, groups = status_fields(notice.content.read())
        self.assertEqual([g["Final-Recipient"] for g in groups], ["rfc822; a@x.example"])


class ReportsTests(SynchronousTestCase):
    """The text of a notice."""

    def test_envelope(self) -> None:
        notice = notice_of(outcome(Fate.FAILED))
        self.assertIsNone(notice.envelope.reverse_path)
        self.assertEqual(notice.envelope.recipients, (ForwardPath(SENDER),))
        self.assertFalse(notice.envelope.smtputf8)
        self.assertEqual(notice.envelope.body, Body.SEVEN_BIT)
        self.assertEqual(notice.kind, "bounce")

    def test_kinds(self) -> None:
        for fates, kind, subject in (
            ([Fate.FAILED, Fate.RELAYED, Fate.DEFERRED], "bounce", "could not be delivered"),
            ([Fate.DEFERRED, Fate.RELAYED], "delay warning", "delayed"),
            ([Fate.RELAYED, Fate.EXPANDED], "delivery report", "was delivered"),
        ):
            notice = notice_of(*map(outcome, fates))
            message, _ = parts(notice.content.read())
            self.assertEqual(notice.kind, kind)
            self.assertIn(subject, message["Subject"])

    def test_one_report_for_all(self) -> None:
        fates = [Fate.FAILED, Fate.DEFERRED, Fate.DELIVERED, Fate.RELAYED, Fate.EXPANDED]
        _, groups = status_fields(notice_of(*map(outcome, fates)).content.read())
        self.assertEqual(
            [group["Action"] for group in groups],
            ["failed", "delayed", "delivered", "relayed", "expanded"],
        )
        self.assertEqual(groups[1]["Will-Retry-Until"], "Tue, 14 Nov 2023 23:13:20 +0000")
        self.assertEqual(
            [group["Status"] for group in groups], ["5.1.1", "4.3.2", "2.0.0", "2.0.0", "2.0.0"]
        )

    def test_parameters_come_back(self) -> None:
        about = Envelope(SENDER, envelope_id="QQ1")
        failed = outcome(Fate.FAILED)
        failed = replace(failed, recipient=replace(failed.recipient, original="rfc822;B@X.example"))
        fields, (group,) = status_fields(notice_of(failed, about=about).content.read())
        self.assertEqual(fields["Original-Envelope-Id"], "QQ1")
        self.assertEqual(fields["Reporting-MTA"], "dns; mail.here.example")
        self.assertEqual(group["Original-Recipient"], "rfc822; B@X.example")
        self.assertEqual(group["Remote-MTA"], "dns; mx")
        self.assertEqual(group["Diagnostic-Code"], "smtp; 550 5.1.1 No such user here")

    def test_our_own_verdict_is_no_smtp_reply(self) -> None:
        for by in ("", "mx"):
            ours = replace(outcome(Fate.FAILED), by=by, status=UNKNOWN)
            octets = notice_of(ours).content.read()
            _, (group,) = status_fields(octets)
            self.assertTrue(group["Diagnostic-Code"].startswith("x-mailhost; 550"))
            self.assertEqual(f"dns; {by}" if by else None, group["Remote-MTA"])
            self.assertNotIn(b"answered", octets)

    def test_the_bounce_of_expired_mail_quotes_the_last_reply(self) -> None:
        explanation = f"given up after 5 days; the last answer was: {BUSY}"
        given_up = Status(451, "4.4.7", explanation, answer=replace(BUSY, enhanced=""))
        octets = notice_of(replace(outcome(Fate.FAILED), status=given_up)).content.read()
        _, (group,) = status_fields(octets)
        said = f"smtp; {BUSY.code} {BUSY.text}"
        self.assertEqual(
            ("4.4.7", said, "dns; mx"),
            (group["Status"], group["Diagnostic-Code"], group["Remote-MTA"]),
        )
        self.assertIn(explanation, " ".join(octets.decode().split()))

    def test_the_cause_stays_in_the_house(self) -> None:
        secret = replace(outcome(Fate.FAILED), status=UNKNOWN.because("SECRET"))
        self.assertNotIn(b"SECRET", notice_of(secret).content.read())

    def test_words_that_help(self) -> None:
        for enhanced, explanation in (
            ("5.1.1", "no such mailbox"),
            ("5.1.10", "takes no mail"),
            ("5.2.2", "mailbox is full"),
            ("5.3.4", "smaller message"),
            ("5.7.1", "does not want this message"),
            ("4.4.7", "send it again later"),
        ):
            no = Status(550, enhanced, "No")
            failed = replace(outcome(Fate.FAILED), status=replace(no, answer=no))
            _, (text, _, _) = parts(notice_of(failed).content.read())
            said = " ".join(text.get_content().split())
            self.assertIn("<b@x.example>", said)
            self.assertIn(f"mx answered: 550 {enhanced} No", said)
            self.assertIn(explanation, said)


class Returning(SynchronousTestCase):
    """RET, and what cannot be returned (RFC 3461 §4.3)."""

    def kind(
        self, returns: Return | None, fate: Fate = Fate.FAILED, body: Body = Body.SEVEN_BIT
    ) -> str:
        """The type of the third part."""
        about = Envelope(SENDER, returns=returns, body=body)
        _, found = parts(notice_of(outcome(fate), about=about).content.read())
        return found[2].get_content_type()

    def test_return(self) -> None:
        self.assertEqual(self.kind(Return.HEADERS), "text/rfc822-headers")
        self.assertEqual(self.kind(Return.FULL), "message/rfc822")
        self.assertEqual(self.kind(None), "message/rfc822")

    def test_all_of_it_for_failures_alone(self) -> None:
        for fate in (Fate.DEFERRED, Fate.RELAYED, Fate.DELIVERED, Fate.EXPANDED):
            self.assertEqual(self.kind(Return.FULL, fate), "text/rfc822-headers")

    def test_binary(self) -> None:
        self.assertEqual(self.kind(Return.FULL, body=Body.BINARY), "text/rfc822-headers")

    def test_a_message_with_requiretls(self) -> None:
        about = Envelope(SENDER, returns=Return.FULL, tls=TLSDemand.REQUIRED)
        for fate in (Fate.FAILED, Fate.DEFERRED, Fate.RELAYED):
            notice = notice_of(outcome(fate), about=about)
            self.assertIs(notice.envelope.tls, TLSDemand.REQUIRED)
            _, found = parts(notice.content.read())
            self.assertEqual(found[2].get_content_type(), "text/rfc822-headers")

    def test_a_message_whose_tls_is_optional(self) -> None:
        about = Envelope(SENDER, tls=TLSDemand.OPTIONAL)
        notice = notice_of(outcome(Fate.FAILED), about=about)
        self.assertIs(notice.envelope.tls, TLSDemand.USUAL)

    def test_eight_bit(self) -> None:
        body = Content((b"Subject: x\r\n\r\n\xe4\r\n",))
        notice = notice_of(outcome(Fate.FAILED), content=body)
        self.assertEqual(notice.envelope.body, Body.EIGHT_BIT)


class International(SynchronousTestCase):
    """RFC 6533."""

    def test_when(self) -> None:
        utf8 = parse_address("bø@x.example")
        for about, failed, needed in (
            (Envelope(SENDER), outcome(Fate.FAILED), False),
            (Envelope(SENDER, smtputf8=True), outcome(Fate.FAILED), True),
            (Envelope(utf8), outcome(Fate.FAILED), True),
            (Envelope(SENDER), outcome(Fate.FAILED, address="bø@x.example"), True),
            (Envelope(SENDER), outcome(Fate.FAILED, address="b@bø.example"), False),
        ):
            notice = notice_of(failed, about=about)
            self.assertEqual(notice.envelope.smtputf8, needed)
            octets = notice.content.read()
            self.assertEqual(b"message/global-delivery-status" in octets, needed)
            self.assertTrue(needed or octets.isascii())


class Handing(SynchronousTestCase):
    """Notices as others use them."""

    def test_a_report_is_a_value(self) -> None:
        context = RunningQueue(self.mktemp())
        composing = context.reports.compose(
            envelope("b@x.example"), message(), "m1", [outcome(Fate.EXPANDED)]
        )
        report = self.successResultOf(Deferred.fromCoroutine(composing))
        assert report is not None
        self.assertIn(b"Action: expanded", report.content.read())
        self.assertEqual(("m1", SENDER), (report.about, report.to))
        self.assertEqual([], context.handover.taken)

    def test_nothing_to_report(self) -> None:
        context = RunningQueue(self.mktemp())
        composing = context.reports.compose(
            envelope("b@x.example"), message(), "m1", [outcome(Fate.FAILED, Notify.NEVER)]
        )
        self.assertIsNone(self.successResultOf(Deferred.fromCoroutine(composing)))

    def test_through_the_queue(self) -> None:
        context = RunningQueue(self.mktemp())
        context.start()
        wishes = (Notify.SUCCESS, None)
        recipients = [replace(path(f"b{n}@x.example"), notify=n) for n in wishes]
        context.accept(Envelope(SENDER, tuple(recipients)))
        (report,) = context.handover.taken
        _, groups = status_fields(report[1])
        self.assertEqual([group["Action"] for group in groups], ["relayed"])

    def test_reports_are_completed_last(self) -> None:
        context = RunningQueue(self.mktemp())
        context.start()
        context.accept(Envelope(SENDER, (replace(path("b@x.example"), notify=Notify.SUCCESS),)))
        composing = context.reports.compose_alarm("m1", "m1", "a bug")
        alarm = self.successResultOf(Deferred.fromCoroutine(composing))
        assert alarm is not None
        (report,) = context.handover.taken
        for sent, content in (report, (alarm.envelope, alarm.content.read())):
            header = content.partition(b"\r\n\r\n")[0] + b"\r\n"
            (message_id,) = values(header, "Message-ID")
            self.assertRegex(message_id, r"\A<\w+@mail\.here\.example>\Z")
            self.assertEqual(values(header, "Date"), ["Tue, 14 Nov 2023 22:13:20 +0000"])
            author = "Mail delivery <postmaster@mail.here.example>"
            self.assertEqual(values(header, "From"), [author])
            self.assertEqual(sent.size, len(content))

    def test_a_report_that_must_not_leave_waits(self) -> None:
        context = RunningQueue(self.mktemp())
        self.patch(Outgoing, "leave", lambda outgoing, message: BUSY)
        about = ReportedMessage(Envelope(SENDER), message(), "m1", START)
        composing = context.reports.compose_about(about, [outcome(Fate.FAILED)], START)
        self.failureResultOf(Deferred.fromCoroutine(composing), OSError)

    def test_alarm(self) -> None:
        notice = compose_alarm("m1", "m1", "ValueError: ü\r\nBcc: x", "mail.here.example")
        octets = notice.content.read()
        self.assertEqual(octets.count(b"\n"), octets.count(b"\r\n"))
        self.assertTrue(octets.isascii())
        self.assertIn(b"The fault: ValueError: ? Bcc: x\r\n", octets)
