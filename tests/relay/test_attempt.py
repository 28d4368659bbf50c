"""Replies of other hosts reach log and reports word for word; our own verdicts stay ours."""

from __future__ import annotations

from mailhost.config.types import Secret
from mailhost.message.envelope import Envelope
from mailhost.message.outcome import Outcome
from mailhost.queue.reports import ReportedMessage, compose_report
from tests.fakes import envelope as envelope_to
from tests.message.reports import status_fields
from tests.queue.fakes import message
from tests.relay.carrying import RelayCase
from tests.relay.far_net import FarHost

DEFERRED = "4.7.0 [TSS04] Messages from 192.0.2.77 temporarily deferred"
BY_1, BY_2 = "mx1.x.example [192.0.2.1]", "mx2.x.example [192.0.2.2]"
ONE_BY_ONE = ("8BITMIME",)


class WordsCase(RelayCase):
    def reported(self, recipient: str) -> tuple[str, str, str]:
        """Status, Diagnostic-Code and Remote-MTA of the report on one message."""
        work = self.begin(recipient)
        self.turn()
        self.turn(400)
        (self.outcome,) = self.successResultOf(work)
        return self.report(self.outcome)

    def report(self, outcome: Outcome) -> tuple[str, str, str]:
        about: Envelope = envelope_to("a@y.example")
        notice = compose_report(
            ReportedMessage(about, message(), "m1", 0.0), [outcome], "us.example", 0.0
        )
        assert notice is not None
        self.octets = notice.content.read()
        _, (group,) = status_fields(self.octets)
        return group["Status"], group["Diagnostic-Code"], group.get("Remote-MTA", "")

    def assert_said(self, text: str) -> None:
        """A message for y.example is not taken, and the report says these words of the host."""
        status, diagnostic, remote = self.reported("a@y.example")
        self.assertEqual((f"smtp; {text}", "dns; mx.y.example"), (diagnostic, remote))
        self.assertEqual(status[0], "5" if "failed" in self.events.lines[-1] else "4")
        self.assertIn(text.partition(" ")[2], self.events.lines[-1])
        self.assertIn("by mx.y.example [192.0.2.3]: ", self.events.lines[-1])
        self.assertIn(f"answered: {text}", " ".join(self.octets.decode().split()))


class Said(WordsCase):
    def test_421_at_every_step(self) -> None:
        said = f"421 {DEFERRED}"
        for host in (
            FarHost(greeting=said),
            *(FarHost(replies={verb: said}) for verb in ("EHLO", "MAIL", "RCPT", "DATA")),
            *(
                FarHost(offers=ONE_BY_ONE, replies={verb: said})
                for verb in ("EHLO", "MAIL", "RCPT", "DATA")
            ),
            FarHost(end=said),
            FarHost(replies={"EHLO": "502 no", "HELO": said}),
        ):
            self.setUp()
            self.net.hosts["192.0.2.3"] = host
            self.assert_said(said)

    def test_an_unasked_421(self) -> None:
        said = f"421 {DEFERRED}"
        for verb in ("EHLO", "MAIL", "RCPT", "DATA"):
            self.setUp()
            usual = {"DATA": "354 go"}.get(verb, "250 OK")
            replies: dict[str, str | None] = {verb: f"{usual}\r\n{said}"}
            self.net.hosts["192.0.2.3"] = FarHost(offers=ONE_BY_ONE, replies=replies)
            self.assert_said(said)

    def test_refusals_at_every_step(self) -> None:
        for code in ("450", "550"):
            said = f"{code} {DEFERRED.replace('4.7.0', code[0] + '.7.0')}"
            for host in (
                FarHost(greeting=said),
                *(FarHost(replies={verb: said}) for verb in ("EHLO", "MAIL", "RCPT", "DATA")),
                FarHost(replies={"EHLO": "502 no", "HELO": said}),
                FarHost(end=said),
            ):
                self.setUp()
                self.net.hosts["192.0.2.3"] = host
                self.assert_said(said)

    def test_words_without_an_enhanced_code_get_none(self) -> None:
        for said in ("421 busy", "450 later", "554 no"):
            for host in (FarHost(greeting=said), FarHost(replies={"MAIL": said})):
                self.setUp()
                self.net.hosts["192.0.2.3"] = host
                self.assertEqual(f"smtp; {said}", self.reported("a@y.example")[1])

    def test_answers_without_sense(self) -> None:
        for host in (FarHost(replies={"DATA": "250 2.0.0 odd"}), FarHost(end="354 2.0.0 odd")):
            self.setUp()
            self.net.hosts["192.0.2.3"] = host
            status, diagnostic, _ = self.reported("a@y.example")
            self.assertEqual("4.5.0", status)
            self.assertRegex(diagnostic, "^smtp; (250|354) 2.0.0 odd$")

    def test_rset(self) -> None:
        self.mx.offers, self.mx.replies["MAIL"] = ONE_BY_ONE, "450 4.7.1 wait"
        self.send("a@y.example")
        self.mx.replies["RSET"] = "550 5.7.0 enough"
        self.mx.greeting = "lost"
        self.assertEqual("smtp; 550 5.7.0 enough", self.reported("a@y.example")[1])

    def test_starttls_and_auth_where_they_are_needed(self) -> None:
        password = {"env": "ISP"}
        route = {"via": "smart.example", "user": "me", "password": password, "tls": "require"}
        for verb in ("STARTTLS", "AUTH"):
            for said in (f"421 {DEFERRED}", f"454 {DEFERRED}", "535 5.7.8 no"):
                self.setUp()
                self.make({"route": [route]}, {Secret(env="ISP"): "secret"})
                self.smart.offers = ("STARTTLS", "AUTH PLAIN")
                self.smart.replies[verb] = said
                status, diagnostic, remote = self.reported("a@y.example")
                self.assertEqual((f"smtp; {said}", "dns; smart.example"), (diagnostic, remote))
                self.assertEqual("4", status[0])


class Ours(WordsCase):
    def assert_ours(self, remote: str) -> None:
        """The report has our own verdict, about this host."""
        _, diagnostic, told = self.reported("a@y.example")
        self.assertRegex(diagnostic, "^x-mailhost; ")
        self.assertEqual(f"dns; {remote}" if remote else "", told)
        self.assertNotIn(b"answered", self.octets)

    def test_no_host_was_reached(self) -> None:
        for host in (None, FarHost(greeting=None), FarHost(greeting="lost")):
            self.setUp()
            self.net.hosts["192.0.2.3"] = host
            self.assert_ours("")
        del self.net.hosts["192.0.2.3"]
        self.turn(400)
        self.assert_ours("")
        self.assertRegex(self.reported("a@unknown.example")[1], "^x-mailhost; 550 5.1.2")

    def test_a_host_that_falls_silent_or_is_lost(self) -> None:
        for host in (
            *(FarHost(offers=ONE_BY_ONE, replies={verb: None}) for verb in ("EHLO", "MAIL")),
            *(FarHost(replies={verb: "lost"}) for verb in ("EHLO", "MAIL", "RCPT", "DATA")),
            FarHost(end="lost"),
            FarHost(replies={"MAIL": "what?"}),
        ):
            self.setUp()
            self.net.hosts["192.0.2.3"] = host
            self.assert_ours("mx.y.example")

    def test_what_no_host_says(self) -> None:
        for said, reason in (
            ("what is this", "no SMTP reply: b'what is this'"),
            ("550-5.1.1 no\r\n" * 300 + "550 no", "a reply that is too long: b'550-5.1.1 no'"),
            ("550-5.1.1 no\r\n551 no", "a reply with two codes: b'551 no'"),
        ):
            for host in (FarHost(replies={"RCPT": said}), FarHost(end=said)):
                self.setUp()
                self.net.hosts["192.0.2.3"] = host
                status, diagnostic, _ = self.reported("a@y.example")
                self.assertEqual("4.4.2", status)
                self.assertRegex(diagnostic, "^x-mailhost; 451 4.4.2 The connection broke before ")
                self.assertIn(reason, diagnostic)

    def test_mail_that_a_host_cannot_take(self) -> None:
        self.mx.offers = ("SIZE 3",)
        self.assert_ours("mx.y.example")


class Several(WordsCase):
    """Which of several hosts' faults is reported."""

    def of(self, one: FarHost | None, two: FarHost | None) -> tuple[str, str]:
        self.setUp()
        self.net.hosts = {"192.0.2.1": one, "192.0.2.2": two}
        _, diagnostic, _ = self.reported("a@x.example")
        return diagnostic, self.outcome.by

    def test_a_reply_comes_before_a_timeout(self) -> None:
        spoke, silent = FarHost(greeting="421 4.7.0 A"), FarHost(greeting="lost")
        self.assertEqual(("smtp; 421 4.7.0 A", BY_1), self.of(spoke, silent))
        self.assertEqual(("smtp; 421 4.7.0 A", BY_2), self.of(silent, spoke))
        self.assertEqual(("smtp; 421 4.7.0 A", BY_2), self.of(None, spoke))

    def test_the_preferred_hosts_words(self) -> None:
        one, two = FarHost(replies={"MAIL": "421 4.7.0 A"}), FarHost(greeting="554 5.7.1 B")
        self.assertEqual(("smtp; 421 4.7.0 A", BY_1), self.of(one, two))
        self.assertEqual(("smtp; 554 5.7.1 B", BY_1), self.of(two, one))

    def test_a_kept_connection_that_ended_counts_less_than_a_new_one(self) -> None:
        for greeting, text in (("421 4.7.0 new", "421 4.7.0 new"), ("lost", "421 4.4.2 idle")):
            self.setUp()
            self.send("a@y.example")
            self.mx.replies["MAIL"], self.mx.greeting = "421 4.4.2 idle", greeting
            self.assertEqual(f"smtp; {text}", self.reported("a@y.example")[1])

    def test_a_destination_that_is_left_alone(self) -> None:
        self.net.hosts["192.0.2.3"] = FarHost(greeting="554 5.7.1 no")
        self.send("a@y.example")
        work = self.begin("b@y.example")
        (outcome,) = self.successResultOf(work)
        self.assertEqual("smtp; 554 5.7.1 no", self.report(outcome)[1])
        self.assertEqual(1, len(self.net.tried))
