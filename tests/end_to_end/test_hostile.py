"""Faults of clients: each gets a clear reply and a log line, and others are served."""

from __future__ import annotations

import contextlib
import signal
import socket
import time

from tests.end_to_end.shared import MAIL, Raw, SharedHost

MB = 1_000_000


class Talking(SharedHost):
    settings = """
[limits]
recipients = 1000
message_size = "5 MB"
errors = 20
"""

    def test_lines_too_long(self) -> None:
        client = self.raw()
        since = self.host.mark()
        self.refused(client.say(b"NOOP " + b"x" * 5000 + b"\r\n"), "500 5.5.2")
        self.refused(client.say(b"x" * 3 * MB + b"\r\n"), "500 5.5.2")
        self.host.wait_for("The line is too long", since)
        self.refused(client.say("NOOP\r\n"), "250")
        self.serves()

    def test_a_line_that_never_ends(self) -> None:
        before = self.memory()
        client = self.raw()
        for _ in range(30):
            client.send(b"y" * MB)
        self.serves()
        self.assertLess(self.memory() - before, 10 * MB)
        self.refused(client.say("\r\n"), "500")

    def test_commands_in_the_wrong_order(self) -> None:
        client = self.raw(hello="")
        client.reply()
        since = self.host.mark()
        for command in ("MAIL FROM:<a@b.example>", "RCPT TO:<ann@example.com>", "DATA"):
            self.refused(client.say(command + "\r\n"), "503 5.5.1")
        self.host.wait_for("Say EHLO first", since)
        client.say("EHLO c.example\r\n")
        for command in ("RCPT TO:<ann@example.com>", "DATA"):
            self.refused(client.say(command + "\r\n"), "503 5.5.1")
        client.say("MAIL FROM:<a@b.example>\r\n")
        self.refused(client.say("MAIL FROM:<a@b.example>\r\n"), "503 5.5.1")
        self.refused(client.say("DATA\r\n"), "554 5.5.1", "503 5.5.1")
        self.refused(client.say("RCPT TO:<ann@example.com>\r\n"), "250")
        self.refused(client.say("STARTTLS\r\n"), "503")
        self.refused(client.say("DATA\r\n"), "354")
        self.refused(client.say(MAIL % b"in the end"), "250 2.0.0")

    def test_binary_junk_ends_with_421(self) -> None:
        since = self.host.mark()
        client = self.raw()
        junk = bytes(octet for octet in range(256) if octet not in b"\r\n")
        with contextlib.suppress(ConnectionError):
            for _ in range(50):
                client.send(junk + b"\r\n")
        said = client.rest()
        self.assertIn(b"500 5.5.", said)
        self.host.wait_for("421 4.7.0 Too many errors", since)
        self.serves()

    def test_a_tls_hello_to_a_plain_port(self) -> None:
        client = self.raw(hello="")
        client.reply()
        client.send(b"\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03" + bytes(200) + b"\n\n")
        self.refused(client.reply(), "500 5.5.2")
        self.serves()

    def test_http_ends_the_session(self) -> None:
        client = self.raw(hello="")
        client.reply()
        with contextlib.suppress(ConnectionError):
            client.send(b"POST / HTTP/1.1\r\nHost: localhost\r\n\r\nEHLO x\r\n")
            said = client.rest()
            self.assertTrue(said.startswith(b"500 5.5.1 This is a mail server"), said)
            self.assertNotIn(b"250", said)
        self.serves()

    def test_endless_helo_ends_with_421(self) -> None:
        since = self.host.mark()
        client = self.raw(hello="")
        with contextlib.suppress(ConnectionError):
            for _ in range(40):
                client.send(b"HELO client.example\r\n" * 100)
        self.host.wait_for("421 4.7.0 Too many commands without a message", since)
        self.serves()

    def test_ten_thousand_recipients(self) -> None:
        client = self.raw()
        client.say("MAIL FROM:<sue@elsewhere.example>\r\n")
        rcpts = [f"RCPT TO:<ann+{number}@example.com>\r\n" for number in range(10_000)]
        since = self.host.mark()
        codes = []
        for start in range(0, len(rcpts), 100):
            client.send("".join(rcpts[start : start + 100]))
            codes += [client.reply()[:9] for _ in range(100)]
        self.assertEqual([b"250 2.1.5"] * 1000, codes[:1000])
        self.assertEqual({b"452 4.5.3"}, set(codes[1000:]))
        self.refused(client.say("DATA\r\n"), "354")
        self.refused(client.say(MAIL % b"for many"), "250 2.0.0")
        told = [line for line in self.host.lines[since:] if "452 4.5.3" in line]
        self.assertEqual(1, len(told), "one line of log, not thousands")
        self.assertEqual(1, self.arrived("for many"))

    def test_nuls_bare_cr_and_bare_lf(self) -> None:
        for octets, text in ((b"\0", b"NUL"), (b"\r", b"bare CR"), (b"\n", b"bare CR or LF")):
            client = self.raw()
            client.envelope("ann@example.com")
            client.say("DATA\r\n")
            since = self.host.mark()
            reply = client.say(b"Subject: bad\r\n\r\none" + octets + b"two\r\n.\r\n")
            self.refused(reply, "554 5.6.0")
            self.assertIn(text, reply)
            self.host.wait_for("554 5.6.0", since)
            self.refused(client.say("NOOP\r\n"), "250")
        for octets in (b"\0", b"\r", b"\n"):
            client = self.raw()
            self.refused(client.say(b"NOOP a" + octets + b"b\r\n"), "500 5.5.2")
        self.assertEqual(0, self.arrived("Subject: bad"))

    def test_smuggling(self) -> None:
        """Only CRLF.CRLF ends a message, however the octets are cut."""
        ends = (
            b"\n.\n",
            b"\n.\r\n",
            b"\r\n.\n",
            b"\r.\r",
            b"\r.\r\n",
            b"\r\n.\r",
            b"\r\n\0.\r\n",
            b"\r\n.\0\r\n",
            b"\r\n.\r\r\n",
        )
        inner = (
            b"MAIL FROM:<evil@elsewhere.example>\r\nRCPT TO:<ann@example.com>\r\nDATA\r\n"
            b"Subject: smuggled\r\n\r\nx\r\n.\r\n"
        )
        for end in ends:
            for cut in range(len(end) + 1):
                client = self.raw()
                client.envelope("ann@example.com")
                client.say("DATA\r\n")
                client.send(b"Subject: outer\r\n\r\nx" + end[:cut])
                if cut % 3 == 1:
                    time.sleep(0.005)
                client.send(end[cut:] + inner)
                self.refused(client.reply(), "554 5.6.0")
                self.refused(client.say("NOOP\r\n"), "250")
                self.refused(client.say("QUIT\r\n"), "221")
                client.close()
        for inbox in ("ann@example.com", "bob@example.com"):
            self.assertEqual(0, self.arrived("smuggled", inbox))
            self.assertEqual(0, self.arrived("Subject: outer", inbox))

    def test_a_dot_line_at_every_border_is_no_end(self) -> None:
        """A line far beyond any buffer, then a line that begins with a dot: all of it arrives."""
        for length in (16382, 16383, 16384, 65535, 65536, 200_000):
            client = self.raw()
            client.envelope("ann@example.com")
            client.say("DATA\r\n")
            line = b"z" * length
            subject = b"border %d." % length
            client.send(b"Subject: " + subject + b"\r\n\r\n" + line)
            reply = client.say(b"\r\n..stuffed\r\nRSET\r\n.\r\n")
            self.refused(reply, "250 2.0.0")
            stored = [
                path.read_bytes()
                for path in self.host.inbox("ann@example.com")
                if subject in path.read_bytes()
            ]
            self.assertEqual(1, len(stored))
            self.assertTrue(stored[0].endswith(line + b"\r\n.stuffed\r\nRSET\r\n"))
            client.close()

    def test_clients_that_vanish_in_mid_data(self) -> None:
        since = self.host.mark()
        for _ in range(20):
            client = self.raw()
            client.envelope("ann@example.com")
            client.say("DATA\r\n")
            client.send(b"Subject: half\r\n\r\n" + b"q" * 300_000)
            client.close()
        self.host.wait_for("451 4.4.2 Connection lost", since)
        self.serves()
        self.assertEqual(0, self.arrived("Subject: half"))
        self.assertEqual([], list((self.host.data / "incoming").iterdir()))

    def test_a_reset_in_mid_data(self) -> None:
        since = self.host.mark()
        client = self.raw()
        client.envelope("ann@example.com")
        client.say("DATA\r\n")
        client.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        client.close()
        self.host.wait_for("451 4.4.2 Connection lost", since)
        self.serves()

    def test_garbage_after_starttls(self) -> None:
        since = self.host.mark()
        client = self.raw()
        self.refused(client.say("STARTTLS\r\n"), "220")
        client.send(b"EHLO plain words where a handshake should be\r\n" * 10)
        self.assertNotIn(b"250", client.rest())
        line = self.host.wait_for("TLS handshake failed", since)
        self.assertIn(self.host.address, line)
        self.serves()

    def test_vanishing_after_starttls(self) -> None:
        client = self.raw()
        self.refused(client.say("STARTTLS\r\n"), "220")
        client.close()
        self.serves()

    def test_what_was_pipelined_behind_starttls_is_thrown_away(self) -> None:
        client = self.raw()
        self.refused(client.say("STARTTLS\r\nRSET\r\nNOOP\r\n"), "220")
        client.start_tls()
        self.refused(client.say("MAIL FROM:<a@b.example>\r\n"), "503 5.5.1")
        self.refused(client.say("EHLO c.example\r\n"), "250")
        self.refused(client.say("STARTTLS\r\n"), "503")

    def test_a_million_noops_and_no_reading(self) -> None:
        before = self.memory()
        client = self.raw()
        client.socket.settimeout(2)
        with contextlib.suppress(TimeoutError, ConnectionError):
            for _ in range(100):
                client.send(b"NOOP\r\n" * 10_000)
        self.serves()
        self.assertLess(self.memory() - before, 10 * MB)

    def test_no_reading_of_long_replies(self) -> None:
        """VRFY, errors and EHLO make replies longer than what asked for them."""
        before = self.memory()
        clients = [self.raw() for _ in range(5)]
        for client in clients:
            client.socket.settimeout(1)
            with contextlib.suppress(TimeoutError, ConnectionError):
                client.send((b"MAIL FROM:<>\r\n" + b"RCPT TO:<ann@example.com>\r\n" * 500) * 100)
        self.serves()
        self.assertLess(self.memory() - before, 20 * MB)

    def test_no_reading_over_tls(self) -> None:
        before = self.memory()
        clients = [self.raw() for _ in range(5)]
        for client in clients:
            client.say("STARTTLS\r\n")
            client.start_tls()
            client.say("EHLO client.example\r\n")
            client.socket.settimeout(1)
            with contextlib.suppress(TimeoutError, ConnectionError):
                client.send((b"MAIL FROM:<>\r\n" + b"RCPT TO:<ann@example.com>\r\n" * 500) * 100)
        self.serves()
        self.assertLess(self.memory() - before, 20 * MB)

    def test_nothing_a_client_says_makes_a_line_of_the_log_or_moves_the_cursor(self) -> None:
        since = self.host.mark()
        client = self.raw(hello="")
        client.reply()
        client.say(b"EHLO x\x1b[2J.example\r\n")
        client.say(b"EHLO good.example\r\n")
        client.say(b"\x1b]0;title\x07\r\n")
        client.say(b"MAIL FROM:<\x1b[31m@b.example>\r\n")
        client.say(b"MAIL FROM:<a@b.example>\r\n")
        client.say(b"RCPT TO:<eve\x1b[31m@example.com>\r\n")
        client.say(b'RCPT TO:<"eve\\\x1b[31m"@example.com>\r\n')
        client.say(b"RCPT TO:<ann@example.com>\r\n")
        client.say("DATA\r\n")
        header = b"Message-ID: <\x1b[2J\x85\xe2\x80\xa8fake@b.example\r\n\tmore>\r\n"
        self.refused(client.say(header + MAIL % b"escapes"), "250")
        self.host.wait_for("Message-ID <", since)
        for line in self.host.lines[since:]:
            self.assertNotIn("\x1b", line)
            self.assertTrue(line.startswith("20"), f"no line of its own: {line!r}")
            self.assertTrue(line.isprintable(), repr(line))

    def test_utf8_that_is_none(self) -> None:
        client = self.raw()
        self.refused(client.say(b"MAIL FROM:<\xff\xfe@b.example> SMTPUTF8\r\n"), "501", "553")
        self.refused(client.say(b"MAIL FROM:<\xc3\xa4@b.example>\r\n"), "553", "501", "550")
        self.refused(client.say("MAIL FROM:<ä@bücher.example> SMTPUTF8\r\n"), "250")
        self.refused(client.say(b"RCPT TO:<\xff@example.com>\r\n"), "501", "553")
        self.refused(client.say("RCPT TO:<ä@example.com>\r\n"), "550 5.1.1")
        self.refused(client.say("RCPT TO:<ann@example.com>\r\n"), "250")
        self.refused(client.say("DATA\r\n"), "354")
        self.refused(client.say(MAIL % "süß".encode()), "250")

    def test_bdat_of_all_sorts(self) -> None:
        client = self.raw()
        self.refused(client.say("BDAT 5 LAST\r\n12345"), "503")
        client.envelope("ann@example.com")
        self.refused(client.say("BDAT 0\r\n"), "250")
        self.refused(client.say("DATA\r\n"), "503")
        self.refused(client.say("BDAT 9\r\nSubject: "), "250")
        self.refused(client.say("BDAT 8\r\nx\r\n.\r\nab"), "250")
        self.refused(client.say("BDAT 2 LAST\r\n\r\n"), "250 2.0.0")
        client.envelope("ann@example.com")
        self.refused(client.say("BDAT 3\r\na\nb"), "554", "250")
        reply = client.say("BDAT 0 LAST\r\n")
        self.refused(reply, "554", "503")
        client = self.raw()
        client.envelope("ann@example.com")
        self.refused(client.say("BDAT -1 LAST\r\n"), "501 5.5.4")
        self.assertEqual(client.rest(), b"")
        client = self.raw()
        client.envelope("ann@example.com")
        self.refused(client.say("BDAT 1x LAST\r\n"), "501 5.5.4")
        self.serves()

    def test_a_storm_of_hangups(self) -> None:
        client = self.raw()
        client.envelope("ann@example.com")
        client.say("DATA\r\n")
        for _ in range(30):
            self.host.signal(signal.SIGHUP)
        self.assertIn("nothing changed", self.host.reload())
        self.refused(client.say(MAIL % b"through the storm"), "250")
        self.serves()

    def test_nonsense_on_the_control_socket(self) -> None:
        for junk in (
            b"\0" * 100 + b"\n",
            b"[" * 100_000 + b"\n",
            b'{"command": []}\n',
            b"x" * 2 * MB,
        ):
            client = Raw(str(self.host.data / "control.sock"))
            with contextlib.suppress(ConnectionError):
                client.send(junk)
                if junk.endswith(b"\n"):
                    self.assertIn(b'"ok": false', client.line())
            client.close()
        self.serves()

    def test_odd_addresses(self) -> None:
        client = self.raw()
        client.say("MAIL FROM:<>\r\n")
        odd = (
            "RCPT TO:<>",
            "RCPT TO:ann@example.com>",
            "RCPT TO:<ann@>",
            "RCPT TO:<@example.com>",
            "RCPT TO:<ann@example.com",
            'RCPT TO:<"ann@example.com>',
            "RCPT TO:<a\x01b@example.com>",
            "RCPT TO:<../../etc/passwd@example.com>",
            "RCPT TO:<ann@example..com>",
            f"RCPT TO:<{'a' * 2000}@example.com>",
            "RCPT TO:<ann@" + "a." * 1500 + "com>",
            "RCPT TO:<ann@[1.2.3.4.5]>",
            "RCPT TO:<ann@[IPv6:zz]>",
        )
        for command in odd:
            self.refused(client.say(command + "\r\n"), "501", "550", "553", "555", "500")
        self.refused(client.say("RCPT TO:<ann@example.com>\r\n"), "250")
