"""Filters in the proxy before a real Postfix: what arrives is parsed, the rest must not come."""

from __future__ import annotations

import atexit
import json
import random
import smtplib
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from typing import Any, ClassVar

from twisted.trial.unittest import SkipTest, TestCase

from tests.end_to_end.postfix import ADDRESS, Postfix, installed
from tests.end_to_end.proxied import ANN, BOB, DOMAIN, EVE, SENDER, SETTINGS, without_trace
from tests.end_to_end.running import RunningHost, remove_folder, until
from tests.end_to_end.shared import new_folder

FILTERS = """
workers = 2
[dns]
servers = ["127.0.0.1:9"]
[[relay.route]]
via = "127.0.0.1:{port}"
[[filter]]
name = "ours"
kind = "list"
look_at = "sender"
entries = ["ours.example"]
action = "tag"
tag = "ours"
[[filter]]
name = "judged"
kind = "list"
look_at = "sender"
entries = ["judged.example"]
action = "tag"
tag = "judged"
[[filter]]
kind = "authenticity"
when = ["judged"]
[[filter]]
name = "programs"
kind = "attachment"
types = ["exe"]
[[filter]]
name = "odd"
kind = "match"
part = "Subject"
pattern = "^odd"
action = "quarantine"
[[filter]]
kind = "strip"
names = ["*.docm"]
[[filter]]
kind = "disclaimer"
text = "Ours Ltd, Köln"
when = ["ours"]
[[filter]]
kind = "subject"
prefix = "[EXTERN]"
unless = ["ours"]
[[filter]]
kind = "header"
remove = ["X-Mailer"]
add = {{ X-Filtered = "yes" }}
[[filter]]
kind = "rewrite"
recipients = {{ "office@example.com" = "bob@example.com" }}
[[filter]]
kind = "journal"
maildir = "journal"
[[filter]]
name = "copies"
kind = "journal"
to = "bob@example.com"
when = ["ours"]
"""


class Filtered(TestCase):
    """All tests share a Postfix and the proxy before it."""

    hosts: ClassVar[list[tuple[Path, Postfix, RunningHost]]] = []

    def setUp(self) -> None:
        if not installed():
            raise SkipTest("needs root, and Postfix: apt-get install postfix")
        if not self.hosts:
            self.start()
        self.folder, self.postfix, self.proxy = self.hosts[0]

    def start(self) -> None:
        folder = new_folder()
        postfix = Postfix(folder / "postfix", [ANN, BOB], SETTINGS, {"usual": {}}, {}, DOMAIN)
        postfix.start()
        port = postfix.ports["usual"]
        proxy = RunningHost(
            folder / "proxy",
            FILTERS.format(port=port),
            protocols=("proxy",),
            more={"proxy": f'upstream = "tcp:{ADDRESS}:{port}"'},
        )
        self.hosts.append((folder, postfix, proxy))
        atexit.register(self.end)
        proxy.start()

    def end(self) -> None:
        """Leave nothing."""
        folder, postfix, proxy = self.hosts.pop()
        proxy.stop()
        postfix.stop()
        remove_folder(folder)

    def send(self, content: bytes, *to: str, sender: str = SENDER) -> dict[str, Any]:
        """Send a message by way of the proxy; return who was refused."""
        with smtplib.SMTP(ADDRESS, self.proxy.ports["proxy"], timeout=30) as client:
            return client.sendmail(sender, to or [ANN], content)

    def stored(self, subject: str, user: str = "ann") -> bytes:
        """The only message in a mailbox whose subject ends so."""

        def found() -> list[bytes]:
            line = f"{subject}\n".encode()
            return [each for each in self.postfix.inbox(user) if line in each]

        until(lambda: bool(found()), f"{subject!r} never came to {user}")
        [stored] = found()
        return stored


class EditTests(Filtered):
    """Edits, parsed from what lies in Postfix's mailboxes."""

    def mail(self, subject: str) -> EmailMessage:
        """A message with two texts and two attachments."""
        mail = EmailMessage(policy.SMTP)
        mail["From"], mail["Subject"], mail["X-Mailer"] = SENDER, subject, "Old One"
        mail.set_content("Grüße\n", charset="iso-8859-1", cte="quoted-printable")
        mail.add_alternative("<html><body><p>Grüße</p></body></html>\n", "html")
        mail.add_attachment(b"macros", "application", "octet-stream", filename="list.docm")
        mail.add_attachment(bytes(range(256)), "application", "octet-stream", filename="a.bin")
        return mail

    def test_everything_at_once(self) -> None:
        self.send(self.mail("ours").as_bytes(), sender="sue@ours.example")
        stored = message_from_bytes(self.stored("ours"), policy=policy.default)
        assert isinstance(stored, EmailMessage)
        self.assertEqual(["yes"], stored.get_all("X-Filtered"))
        self.assertIsNone(stored["X-Mailer"])
        self.assertEqual("ours", stored["Subject"])
        plain, html = stored.get_body(("plain",)), stored.get_body(("html",))
        assert plain is not None and html is not None
        self.assertEqual(["Grüße", "Ours", "Ltd,", "Köln"], plain.get_content().split())
        self.assertEqual("iso-8859-1", plain.get_content_charset())
        self.assertIn("Ours Ltd, Köln", html.get_content())
        *_, gone, kept = stored.walk()
        self.assertIn("The attachment list.docm was removed here", gone.get_content())
        self.assertEqual(bytes(range(256)), kept.get_content())
        self.assertNotIn(b"macros", self.stored("ours"))

    def test_what_is_not_edited_stays_octet_for_octet(self) -> None:
        odd = b"From: sue\r\nSubject:  =?utf-8?q?folded?=\r\n\tas it came\r\nX-a:1\r\n\r\nx \r\n"
        self.send(odd)
        stored = without_trace(self.stored("as it came"))
        wanted = odd.replace(b"Subject:  =?", b"Subject: [EXTERN] =?")
        self.assertEqual(b"X-Filtered: yes\r\n" + wanted, stored.replace(b"\n", b"\r\n"))

    def test_the_results_of_sender_authentication(self) -> None:
        forged = f"Authentication-Results: {self.proxy.hostname}; dmarc=pass\r\n"
        authors = "From: sue@judged.example\r\nFrom: eve@judged.example\r\n"
        content = f"{forged}{authors}Subject: two authors\r\n\r\nx\r\n"
        self.send(content.encode(), sender="sue@judged.example")
        stored = message_from_bytes(self.stored("two authors"), policy=policy.default)
        (field,) = stored.get_all("Authentication-Results", [])
        self.assertTrue(field.startswith(f"{self.proxy.hostname};"), field)
        for result in ("spf=none", "dkim=none", "dmarc=permerror", "disposition=quarantine"):
            self.assertIn(result, field)

    def test_a_large_message(self) -> None:
        mail = self.mail("large one from us")
        octets = random.Random(1).randbytes(8_000_000)
        mail.add_attachment(octets, "application", "octet-stream", filename="film.bin")
        self.send(mail.as_bytes(), sender="sue@ours.example")
        stored = message_from_bytes(self.stored("large one from us"), policy=policy.default)
        *_, gone, _, film = stored.walk()
        self.assertIn(b"list.docm was removed here", gone.get_payload(decode=True))
        self.assertTrue(film.get_payload(decode=True) == octets)
        self.assertIn("Ours Ltd, Köln".encode(), stored.as_bytes())

    def test_a_recipient_becomes_another_that_postfix_knows(self) -> None:
        refused = self.send(b"Subject: to the office\r\n\r\nx\r\n", "office@example.com", EVE)
        self.assertEqual([EVE], list(refused))
        self.assertIn(b"[EXTERN] to the office", self.stored("to the office", "bob"))

    def test_copies_are_in_the_journal(self) -> None:
        self.send(b"Subject: for the journal\r\n\r\nx\r\n", ANN, BOB)
        copies = [path.read_bytes() for path in (self.proxy.folder / "journal" / "new").iterdir()]
        [copy] = [each for each in copies if b"for the journal" in each]
        to = f"X-Envelope-To: <{ANN}>\r\nX-Envelope-To: <{BOB}>\r\n".encode()
        self.assertTrue(copy.startswith(f"X-Envelope-From: <{SENDER}>\r\n".encode() + to), copy)

    def test_copies_of_some_go_to_an_address(self) -> None:
        since = self.proxy.mark()
        self.send(b"Subject: theirs\r\n\r\nx\r\n")
        self.send(b"Subject: for the archive\r\n\r\nx\r\n", sender="sue@ours.example")
        copy = self.stored("for the archive", "bob")
        self.assertIn(b"X-Envelope-From: <sue@ours.example>\nX-Envelope-To: <ann@", copy)
        self.assertTrue(copy.startswith(b"Return-Path: <>\n"))
        self.proxy.wait_for("-journal", since)
        self.assertNotIn(b"theirs", b"".join(self.postfix.inbox("bob")))


class KeptOutTests(Filtered):
    """Mail that does not arrive, or not at once."""

    def test_a_program_is_refused_with_the_filters_name(self) -> None:
        mail = EmailMessage(policy.SMTP)
        mail["Subject"] = "holiday"
        mail.add_attachment(b"MZ\x90", "image", "jpeg", filename="beach.jpg")
        with self.assertRaises(smtplib.SMTPDataError) as refused:
            self.send(mail.as_bytes())
        self.assertEqual(550, refused.exception.smtp_code)
        self.assertIn(
            b"an attachment that is exe, which is not allowed [programs]",
            refused.exception.smtp_error,
        )

    def test_what_is_held_goes_to_the_server_once_it_is_released(self) -> None:
        self.send(b"Subject: odd one\r\n\r\nx\r\n")
        until(lambda: bool(self.queue()), "the head never heard of the message")
        [entry] = self.queue()
        self.assertEqual("quarantined", entry["state"])
        self.assertNotIn(b"odd one", b"".join(self.postfix.inbox("ann")))
        done = self.proxy.command("queue", "release", entry["id"])
        self.assertEqual(0, done.returncode, done.stderr)
        self.assertIn(b"odd one", self.stored("odd one"))

    def queue(self) -> list[dict[str, Any]]:
        """The waiting messages."""
        entries: list[dict[str, Any]] = json.loads(
            self.proxy.command("queue", "list", "--json").stdout
        )
        return entries
