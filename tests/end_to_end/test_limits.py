"""The limits that clients run into: size, time, connections, failed logins."""

from __future__ import annotations

import base64
import shutil
import socket
import subprocess
import time
from typing import ClassVar

from twisted.trial.unittest import SkipTest

from tests.end_to_end.shared import Raw, SharedHost

MB = 1_000_000


class Limited(SharedHost):
    """All tests share one host; some change its limits by a reload."""

    protocols = ("smtp", "submission", "submissions", "pop3", "pop3s")
    settings = """
[limits]
message_size = "45 MB"
[login]
plaintext_on_loopback = true
failures = 4
delay = "0.2 seconds"
"""

    def limit(self, limits: str) -> None:
        """Have further limits until the end of the test."""
        self.addCleanup(self.reload, self.settings)
        self.reload(self.settings.replace("[limits]\n", f"[limits]\n{limits}\n"))

    def reload(self, settings: str) -> None:
        self.host.write_settings(settings + self.domains)
        self.assertIn("reloaded", self.host.reload())


class Large(Limited):
    def test_far_too_large_a_message(self) -> None:
        """Read to its end, refused, and kept nowhere."""
        before = self.memory("VmHWM")
        client = self.raw()
        client.socket.settimeout(60)
        self.refused(client.say(f"MAIL FROM:<> SIZE={2 << 30}\r\n"), "552 5.3.4")
        client.envelope("ann@example.com")
        client.say("DATA\r\n")
        block = (b"k" * 998 + b"\r\n") * 1000
        since = self.host.mark()
        for turn in range(120):
            client.send(block)
            if turn == 60:
                self.serves()
        self.refused(client.say(".\r\n"), "552 5.3.4")
        self.host.wait_for("552 5.3.4", since)
        self.assertLess(self.memory("VmHWM") - before, 25 * MB)
        self.refused(client.say("NOOP\r\n"), "250")

    def test_bdat_far_too_large(self) -> None:
        before = self.memory("VmHWM")
        client = self.raw()
        client.envelope("ann@example.com")
        client.send(f"BDAT {60 * MB} LAST\r\n")
        for _ in range(60):
            client.send((b"k" * 998 + b"\r\n") * 1000)
        self.refused(client.reply(), "552 5.3.4")
        self.assertLess(self.memory("VmHWM") - before, 25 * MB)
        client = self.raw()
        client.envelope("ann@example.com")
        self.refused(client.say(f"BDAT {'9' * 100} LAST\r\n"), "5", "4")
        self.serves()

    def test_a_large_message_passes_through_a_file(self) -> None:
        self.serves()
        before = self.memory("VmHWM")
        client = self.raw()
        client.envelope("ann@example.com", "bob@example.com")
        client.say("DATA\r\n")
        client.send("Subject: large\r\n\r\n")
        block = (b"k" * 998 + b"\r\n") * 1000
        for _ in range(40):
            client.send(block)
        self.refused(client.say(".\r\n"), "250 2.0.0")
        self.assertLess(self.memory("VmHWM") - before, 25 * MB)
        sizes = [
            path.stat().st_size
            for inbox in ("ann@example.com", "bob@example.com")
            for path in self.host.inbox(inbox)
        ]
        self.assertEqual(2, sum(40 * MB < size < 40 * MB + 2000 for size in sizes), sizes)


class Stalling(Limited):
    def test_stalls_end_with_421(self) -> None:
        self.limit('command_timeout = "1 second"\ndata_timeout = "2 seconds"')
        since = self.host.mark()
        idle = self.raw()
        inside = self.raw()
        inside.envelope("ann@example.com")
        inside.say("DATA\r\n")
        inside.send("Subject: stalled\r\n")
        chunk = self.raw()
        chunk.envelope("ann@example.com")
        chunk.send("BDAT 100\r\nhalf")
        for client in (idle, inside, chunk):
            client.socket.settimeout(40)
            self.refused(client.reply(), "421 4.4.2")
            self.assertEqual(b"", client.rest())
        self.host.wait_for("refused message", since)
        self.serves()
        self.assertEqual(0, self.arrived("stalled"))


class Crowding(Limited):
    def test_more_connections_than_one_client_may_have(self) -> None:
        self.limit("connections_per_client = 10")
        since = self.host.mark()
        clients = [self.raw() for _ in range(10)]
        surplus = [self.raw(hello="") for _ in range(5)]
        for client in surplus:
            self.refused(client.reply(), "421 4.7.0")
            self.assertEqual(b"", client.rest())
        self.host.wait_for("Too many connections", since)
        other = socket.create_connection(
            (self.host.address, self.host.ports["smtp"]), 10, ("127.0.0.9", 0)
        )
        with other:
            self.assertEqual(b"220", other.recv(3))
        for client in clients:
            self.refused(client.say("NOOP\r\n"), "250")
            client.close()
        deadline = time.monotonic() + 5
        while time.monotonic() < deadline:
            client = Raw((self.host.address, self.host.ports["smtp"]))
            greeting = client.reply()
            client.close()
            if greeting.startswith(b"220"):
                return
        self.fail("the places never became free")


class Guessing(Limited):
    guess: ClassVar[str] = base64.b64encode(b"\0ann@example.com\0guess").decode()

    def test_guesses_are_slowed_then_shown_out(self) -> None:
        since = self.host.mark()
        began = time.monotonic()
        client = self.raw("submission")
        replies = []
        for _ in range(6):
            replies.append(client.say(f"AUTH PLAIN {self.guess}\r\n")[:3])
            if replies[-1] != b"535":
                break
        self.assertEqual(b"421", replies[-1], replies)
        self.assertLessEqual(len(replies), 5)
        self.assertGreater(time.monotonic() - began, 0.2 + 0.4 + 0.6)
        self.host.wait_for("login as 'ann@example.com' refused", since)
        again = self.raw("submission")
        self.refused(again.say(f"AUTH PLAIN {self.guess}\r\n"), "421", "454")
        self.assertIn("ann@example.com", self.host.command("login", "blocked").stdout)
        self.assertEqual(0, self.host.command("login", "unblock", "ann@example.com").returncode)
        self.assertIn("no logins are blocked", self.host.command("login", "blocked").stdout)
        self.assertEqual(1, self.host.command("login", "unblock", "192.0.2.1").returncode)
        free = self.raw("submission")
        self.refused(free.say(f"AUTH PLAIN {self.guess}\r\n"), "535")
        self.serves()

    def test_plain_words_to_the_tls_port(self) -> None:
        for protocol in ("submissions", "pop3s"):
            since = self.host.mark()
            client = self.raw(protocol, hello="")
            client.send("EHLO there\r\n" * 20)
            self.assertNotIn(b"250", client.rest())
            line = self.host.wait_for("TLS handshake failed", since)
            self.assertIn(self.host.address, line)
        self.serves()

    def test_vanishing_before_the_handshake(self) -> None:
        for _ in range(20):
            self.raw("submissions", hello="").close()
        self.serves()

    def test_clients_that_offer_other_protocols_shake_hands(self) -> None:
        """Mail programs offer what they speak (RFC 7301), on every port."""
        if shutil.which("openssl") is None:
            raise SkipTest("openssl is not installed")
        for protocol, starttls, chosen in (
            ("smtp", ("-starttls", "smtp"), "No ALPN negotiated"),
            ("submission", ("-starttls", "smtp"), "No ALPN negotiated"),
            ("submissions", (), "No ALPN negotiated"),
            ("pop3", ("-starttls", "pop3"), "ALPN protocol: pop3"),
            ("pop3s", (), "ALPN protocol: pop3"),
        ):
            said = self.openssl(protocol, *starttls, "-alpn", "imap,pop3,http/1.1")
            self.assertIn(chosen, said, protocol)
            self.assertRegex(said, "New, TLSv1.3", protocol)

    def openssl(self, protocol: str, *options: str) -> str:
        """The output of `openssl s_client` for a handshake."""
        where = f"{self.host.address}:{self.host.ports[protocol]}"
        command = ["openssl", "s_client", "-connect", where, *options]
        done = subprocess.run(
            command, input="QUIT\n", capture_output=True, text=True, timeout=60, check=False
        )
        return done.stdout + done.stderr
