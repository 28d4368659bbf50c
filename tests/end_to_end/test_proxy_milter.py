"""A milter in the proxy before a real Postfix: what it says, and what comes of it on both sides."""

from __future__ import annotations

import atexit
import json
import smtplib
from base64 import b64encode
from collections.abc import Sequence
from hashlib import sha256
from typing import Any, ClassVar

from twisted.trial.unittest import SkipTest, TestCase

from tests.end_to_end.opendkim import OpenDKIM, needed
from tests.end_to_end.postfix import ADDRESS, Postfix, installed
from tests.end_to_end.proxied import ANN, BOB, DOMAIN, SENDER, SETTINGS, without_trace
from tests.end_to_end.running import RunningHost, free_port, remove_folder, short_folder, until
from tests.end_to_end.scripted_milter import ScriptedMilter
from tests.end_to_end.shared import new_folder

PROXY = """
workers = 2
[[relay.route]]
via = "127.0.0.1:{upstream}"
[[filter]]
name = "outer"
kind = "milter"
endpoint = "tcp:127.0.0.1:{milter}"
timeout = 5
"""
SIGNING = """
[[filter]]
kind = "subject"
prefix = "[X]"
[[filter]]
kind = "disclaimer"
text = "Example Ltd, Köln"
[[filter]]
kind = "milter"
endpoint = "tcp:127.0.0.1:{milter}"
"""
EVERY_EDIT = (
    *("h|X-Last|1", "i|0|X-First|2\\n going on", "m|1|X-Old|new", "m|1|X-Gone|"),
    *("b|Other\\n.words\\n", "e|<other@elsewhere.example>", f"+|<{BOB}>", f"-|<{ANN}>", "p", "c"),
)


class MilterCase(TestCase):
    """All tests share a Postfix, the proxy before it, and its milter."""

    hosts: ClassVar[list[tuple[Postfix, RunningHost, ScriptedMilter]]] = []
    timeout = 120

    def setUp(self) -> None:
        if not installed():
            raise SkipTest("needs root, and Postfix: apt-get install postfix")
        if not self.hosts:
            self.start()
        self.postfix, self.proxy, self.milter = self.hosts[0]
        self.milter.script = lambda question: None
        self.milter.heard.clear()

    def start(self) -> None:
        folder = new_folder()
        postfix = Postfix(folder / "postfix", [ANN, BOB], SETTINGS, {"usual": {}}, {}, DOMAIN)
        postfix.start()
        upstream, port = postfix.ports["usual"], free_port("127.0.0.1")
        proxy = RunningHost(
            folder / "proxy",
            PROXY.format(upstream=upstream, milter=port),
            protocols=("proxy",),
            more={"proxy": f'upstream = "tcp:{ADDRESS}:{upstream}"'},
        )
        milter = ScriptedMilter(port, lambda question: None)
        self.hosts.append((postfix, proxy, milter))
        atexit.register(remove_folder, folder)
        atexit.register(postfix.stop)
        atexit.register(proxy.stop)
        proxy.start()

    def says(self, **answers: Sequence[str | bytes]) -> None:
        """The answers of the milter, by the letter of the question."""
        self.milter.script = lambda question: answers.get(question[0])

    def send(self, subject: str, *to: str) -> dict[str, Any]:
        """Send a message by way of the proxy; return who was refused."""
        with smtplib.SMTP(ADDRESS, self.proxy.ports["proxy"], timeout=30) as client:
            return client.sendmail(SENDER, to or [ANN], mail(subject))

    def refusal(self, subject: str) -> str:
        """The reply for a message that is not accepted."""
        try:
            refused = self.send(subject)
        except smtplib.SMTPRecipientsRefused as error:
            refused = error.recipients
        except smtplib.SMTPResponseException as error:
            text = error.smtp_error
            return f"{error.smtp_code} {text.decode() if isinstance(text, bytes) else text}"
        self.assertTrue(refused, f"{subject} was taken")
        ((code, text),) = refused.values()
        return f"{code} {text.decode()}"

    def found(self, subject: str, user: str) -> list[bytes]:
        """The messages with that subject in a mailbox."""
        line = f"\nSubject: {subject}\n".encode()
        return [each for each in self.postfix.inbox(user) if line in each]

    def stored(self, subject: str, user: str = "ann") -> bytes:
        """The only one of them, as soon as it is there."""
        until(lambda: bool(self.found(subject, user)), f"{subject!r} never came to {user}")
        [stored] = self.found(subject, user)
        return stored

    def marker(self) -> None:
        """By now all that was sent before would have arrived."""
        self.milter.script = lambda question: None
        subject = f"marker of {self.id()}"
        self.send(subject, BOB)
        self.stored(subject, "bob")


class AnswerTests(MilterCase):
    """Each answer, and what the client hears."""

    def test_nothing_to_say(self) -> None:
        self.send("as it came")
        stored = without_trace(self.stored("as it came")).replace(b"\n", b"\r\n")
        self.assertEqual(mail("as it came"), stored)
        self.assertEqual(f"M|<{SENDER}>|SIZE={len(mail('as it came'))}", self.heard("M"))
        self.assertEqual(f"R|<{ANN}>", self.heard("R"))

    def heard(self, letter: str) -> str:
        """The only question of that kind."""
        [found] = [each for each in self.milter.heard if each.startswith(letter + "|")]
        return found

    def test_refusals_at_each_stage(self) -> None:
        for letter in "CHMRTLNBE":
            for answer, text in (
                ("r", "550 5.7.1 Refused by a mail filter [outer]"),
                ("t", "451 4.7.1 A mail filter asks to try again later [outer]"),
                ("y|554 5.7.9 Go\\r\\n554 5.7.9 away", "554 5.7.9 Go"),
            ):
                self.says(**{letter: [answer]})
                refusal = self.refusal(f"refused {letter} {answer}")
                if letter == "C":  # a greeting has its own codes
                    self.assertIn(refusal[:3], ("554", "421"))
                else:
                    self.assertTrue(refusal.startswith(text), (letter, refusal))
        self.marker()
        self.assertFalse(
            [each for each in self.postfix.inbox("ann") if b"Subject: refused" in each]
        )

    def test_one_recipient_is_refused_as_often_as_it_is_named(self) -> None:
        self.milter.script = lambda question: ["y|550 5.1.1 Not Bob"] if BOB in question else None
        refused = self.send("for one", ANN, BOB, BOB)
        self.assertEqual({BOB: (550, b"5.1.1 Not Bob [outer]")}, refused)
        self.stored("for one")
        self.marker()
        self.assertEqual([], self.found("for one", "bob"))

    def test_discarded(self) -> None:
        for letter in "MRTE":
            self.says(**{letter: ["d"]})
            self.assertEqual({}, self.send("discarded"))
        self.marker()
        self.assertEqual([], self.found("discarded", "ann"))

    def test_accepted_early(self) -> None:
        self.says(R=["a"], E=["r"])
        self.assertEqual({}, self.send("accepted early"))
        self.stored("accepted early")

    def test_held(self) -> None:
        self.says(E=["h|X-Odd|yes", "q|odd\\xff\\nthing", "c"])
        since = self.proxy.mark()
        self.assertEqual({}, self.send("held"))
        self.proxy.wait_for("filter outer: quarantine, odd??thing", since)
        [entry] = json.loads(self.proxy.command("queue", "list", "--json").stdout)
        self.assertEqual("quarantined", entry["state"])
        self.assertIn("odd??thing", self.proxy.command("queue", "show", entry["id"]).stdout)
        self.assertEqual([], self.found("held", "ann"))
        done = self.proxy.command("queue", "release", entry["id"])
        self.assertEqual(0, done.returncode, done.stderr)
        self.assertIn(b"X-Odd: yes\n", self.stored("held"))


class EditTests(MilterCase):
    """Everything that it may change."""

    def test_every_edit(self) -> None:
        self.says(E=EVERY_EDIT)
        self.assertEqual({}, self.send("every edit", ANN))
        stored = self.stored("every edit", "bob")
        self.assertTrue(stored.startswith(b"Return-Path: <other@elsewhere.example>\n"))
        wanted = (
            b"X-First: 2\n going on\nFrom: sue\nSubject: every edit\nX-Old: new\n"
            b"X-Last: 1\n\nOther\n.words\n"
        )
        self.assertEqual(wanted, without_trace(stored))
        self.marker()
        self.assertEqual([], self.found("every edit", "ann"))

    def test_one_more_whom_postfix_does_not_know_is_left_out(self) -> None:
        self.says(E=["+|<eve@example.com>", f"+|<{BOB}>", "c"])
        since = self.proxy.mark()
        self.assertEqual({}, self.send("two more"))
        self.stored("two more")
        self.stored("two more", "bob")
        self.proxy.wait_for("refused RCPT <eve@example.com>, added to", since)

    def test_another_for_one_whom_postfix_does_not_know(self) -> None:
        self.says(E=["+|<eve@example.com>", f"-|<{ANN}>", "c"])
        refusal = self.refusal("moved away")
        self.assertTrue(refusal.startswith("550 5.1.1 <eve@example.com>"), refusal)


class NonsenseTests(MilterCase):
    """One that goes away, or does not know its protocol: mail waits, and others are served."""

    def test_at_each_point(self) -> None:
        huge, short = b"\xff\xff\xff\xffc", b"\x00\x00\x00\x00"
        for letter in "CHMRTLNBE":
            for answers in ((), (huge,), (short,), ("z",), ("y|250 2.0.0 fine",)):
                self.says(**{letter: answers})
                refusal = self.refusal(f"nonsense {letter} {answers}")
                self.assertIn(refusal[:9], ("451 4.3.0", "421 4.3.0"), (letter, answers))
                self.assertIn("[outer]", refusal)
        for text in (("h|X-Not now", "c"), ("i|0", "c"), ("+|nobody at all", "c"), ("m|1", "c")):
            self.says(E=text)
            self.assertEqual("451 4.3.0", self.refusal(f"nonsense {text}")[:9])
        self.marker()
        self.assertFalse([each for each in self.postfix.inbox("ann") if b": nonsense" in each])

    def test_it_never_answers(self) -> None:
        self.says(E=[b"\x00"])  # the beginning of a length
        self.assertEqual("451 4.3.0", self.refusal("silence")[:9])
        self.marker()


class SignedTests(MilterCase):
    """A real OpenDKIM behind the edits: what arrives has them, and they are what is signed."""

    def setUp(self) -> None:
        needed()
        super().setUp()

    def test_the_edits_are_signed(self) -> None:
        folder, port = short_folder(self), free_port("127.0.0.1")
        signer = OpenDKIM(folder / "opendkim", f"inet:{port}@127.0.0.1", signs_for="127.0.0.1")
        self.addCleanup(signer.stop)
        signer.start()
        proxy = RunningHost(
            folder / "proxy",
            SIGNING.format(milter=port),
            protocols=("proxy",),
            more={"proxy": f'upstream = "tcp:{ADDRESS}:{self.postfix.ports["usual"]}"'},
        )
        self.addCleanup(proxy.stop)
        self.proxy = proxy.start()
        content = f"From: ann@{DOMAIN}\r\nSubject: to be signed\r\n\r\nGr\u00fc\u00dfe\r\n"
        with smtplib.SMTP(ADDRESS, proxy.ports["proxy"], timeout=30) as client:
            client.sendmail(SENDER, [ANN], content.encode(), ["BODY=8BITMIME"])
        stored = self.stored("[X] to be signed")
        self.assertIn(b"DKIM-Signature:", stored)
        self.assertIn(b"\nExample Ltd, K=C3=B6ln\n", stored)
        body = stored.partition(b"\n\n")[2].replace(b"\n", b"\r\n")
        self.assertIn(b"bh=" + b64encode(sha256(body).digest()) + b";", stored)  # RFC 6376 §3.7


def mail(subject: str) -> bytes:
    """A message."""
    head = f"From: sue\r\nSubject: {subject}\r\nX-Old: 1\r\nX-Gone: 1\r\n\r\n"
    return head.encode() + b"Hello\r\n"
