"""Mail by way of the proxy to a real Postfix: whose words come back, and what arrives."""

from __future__ import annotations

import smtplib
import subprocess

from tests.end_to_end.postfix import ADDRESS
from tests.end_to_end.proxied import (
    ABROAD,
    ANN,
    BOB,
    EVE,
    LATER,
    REFUSED_WORD,
    SENDER,
    Mailing,
    memory,
    message,
    stuffed,
)

MB = 1_000_000


class Recipients(Mailing):
    """Postfix alone decides which recipients get the message."""

    def test_refusals_have_the_words_of_postfix(self) -> None:
        paths = [f"<{each}>" for each in (EVE, ANN, LATER, BOB, ABROAD)]
        through, straight = (each.recipients(*paths) for each in (self.client(), self.straight()))
        self.assertEqual(straight, through)
        self.starts(through[0], "550 5.1.1 <eve@example.com>: Recipient address rejected")
        self.starts(through[2], "450 4.2.1 <later@example.com>: ")
        self.starts(through[4], "554 5.7.1 <someone@far.example>: Relay access denied")

    def test_those_that_are_good_get_the_message(self) -> None:
        client, content = self.client(), message("for those who are good")
        replies = client.recipients(*(f"<{each}>" for each in (EVE, ANN, LATER, ABROAD, BOB)))
        self.assertEqual([b"550", b"250", b"450", b"554", b"250"], [each[:3] for each in replies])
        self.starts(client.data(content), "250 2.0.0 Ok: queued as ")
        self.arrived(content, "ann", "bob")
        self.assertEqual([], self.found("for those who are good", "later"))

    def test_a_usual_client_hears_who_was_refused(self) -> None:
        content = message("from a usual client")
        with smtplib.SMTP(ADDRESS, self.stage.ports["usual"], timeout=30) as client:
            refused = client.sendmail(SENDER, [ANN, EVE, LATER], content)
        self.assertEqual({EVE: 550, LATER: 450}, {name: word[0] for name, word in refused.items()})
        self.assertIn(b"User unknown in virtual mailbox table", refused[EVE][1])
        self.arrived(content)

    def test_where_all_are_refused_there_is_no_message(self) -> None:
        client, content = self.client(), message("good in the end")
        client.recipients(f"<{EVE}>", f"<{LATER}>")
        self.starts(client.say("DATA\r\n"), "503 5.5.1", "554 5.5.1")
        self.starts(client.say("RSET\r\n"), "250")
        self.starts(client.transfer(content), "250 2.0.0")
        self.arrived(content)

    def test_a_message_that_postfix_refuses(self) -> None:
        client, subject = self.client(), f"{REFUSED_WORD} things"
        self.assertEqual(b"550 5.7.1 Not accepted here", client.transfer(message(subject)))
        content = message("allowed things")
        self.starts(client.transfer(content), "250 2.0.0")
        self.arrived(content)
        self.assertEqual([], self.found(subject))

    def test_another_client_is_not_counted_for_what_one_was_refused(self) -> None:
        """Postfix slows down, and in the end shows out, whoever errs too often (20 times)."""
        for _ in range(4):
            client = self.client()
            for reply in client.recipients(*[f"<{EVE}>"] * 8):
                self.starts(reply, "550 5.1.1")
            client.say("QUIT\r\n")
        self.marker()


class Contents(Mailing):
    """The content arrives as it was sent."""

    def test_byte_for_byte(self) -> None:
        bodies: dict[str, list[str | bytes]] = {
            "dots": [".", "..", ".x", "", "x.", "."],
            "empty lines": ["", "", "x", "", ""],
            "blanks": ["  x  ", "\t", " "],
            "eight bits": [bytes(octet for octet in range(256) if octet not in b"\r\n\0")],
            "long lines": ["x" * 998, "y" * 5000, "." + "z" * 70_000],
            "many lines": ["line after line"] * 20_000,
            "from": ["From here on", ">From"],
        }
        client = self.client()
        for name, lines in bodies.items():
            content = message(f"content: {name}", *lines)
            self.starts(client.transfer(content), "250 2.0.0")
            self.arrived(content)

    def test_a_message_without_a_body(self) -> None:
        content = b"Subject: no body\r\n\r\n"
        self.starts(self.client().transfer(content), "250 2.0.0")
        self.arrived(content)

    def test_our_trace_field_stands_below_that_of_postfix(self) -> None:
        self.starts(self.client().transfer(message("traced")), "250 2.0.0")
        received = self.stored("traced").split(b"Received: ")[1:]
        self.assertEqual(2, len(received))
        self.assertIn(b"by postfix.example.org (Postfix)", received[0])
        self.assertTrue(received[1].startswith(b"from client.example ([127.0.0.1])"), received[1])
        self.assertIn(b"by proxy.example.org (mailhost) with ESMTP id", received[1])
        self.assertIn(b"for <ann@example.com>", received[1])

    def test_fifty_megabytes(self) -> None:
        content = message("fifty megabytes", *["0123456789abcdef" * 62] * (50 * MB // 994))
        self.assertGreater(len(content), 49 * MB)
        self.starts(self.client().transfer(content, ANN, BOB), "250 2.0.0 Ok: queued as")
        self.arrived(content, "ann", "bob")
        self.assertLess(memory(self.proxy), 200 * MB)
        self.assertEqual([], list((self.proxy.data / "incoming").iterdir()))

    def test_larger_than_postfix_takes(self) -> None:
        """Before it comes where the client says so; after it came otherwise."""
        client = self.client("small")
        self.assertEqual("20000", client.offers()["SIZE"])
        self.starts(client.say(f"MAIL FROM:<{SENDER}> SIZE=20001\r\n"), "552 5.3.4")
        self.starts(
            client.transfer(message("too large", "x" * 900, *["y" * 900] * 30)), "552 5.3.4"
        )
        self.starts(client.transfer(message("small enough")), "250 2.0.0")
        self.arrived(message("small enough"))
        self.assertEqual([], self.found("too large"))

    def test_larger_than_postfix_takes_by_our_trace_field(self) -> None:
        content = message("a bit too large")
        content += b"x" * 98 + b"\r\n"
        content += b"y" * 98 + b"\r\n" + b"z" * (19_990 - len(content) - 102) + b"\r\n"
        self.starts(self.client("small").transfer(content), "552 5.3.4 ")
        self.assertEqual([], self.found("a bit too large"))

    def test_many_clients_at_once(self) -> None:
        """Postfix's own load: each message on a new connection, of ten at a time."""
        before = self.proxy.mark()
        load = ("-s", "10", "-m", "100", "-f", SENDER, "-t", BOB, "-S", "one of a hundred")
        subprocess.run(
            ["/usr/sbin/smtp-source", *load, f"inet:{ADDRESS}:{self.stage.ports['usual']}"],
            check=True,
            capture_output=True,
            timeout=60,
        )
        self.marker()
        self.assertEqual(100, len(self.found("one of a hundred", "bob")))
        self.assertNotIn(": 421 ", "\n".join(self.proxy.lines[before:]))


class Chunks(Mailing):
    """BDAT, which Postfix gets as DATA, or refuses to hear of."""

    def test_in_chunks(self) -> None:
        for name in ("usual", "poor"):
            content = message(f"chunks for {name}", "a", ".", ".b", "x" * 300_000)
            client = self.client(name)
            self.assertIn("CHUNKING", client.offers())
            client.recipients(f"<{ANN}>", f"<{EVE}>", f"<{BOB}>")
            for start in range(0, len(content), 100_001):
                chunk = content[start : start + 100_001]
                client.send(b"BDAT %d\r\n" % len(chunk) + chunk)
                self.starts(client.reply(), "250 2.0.0")
            self.starts(client.say("BDAT 0 LAST\r\n"), "250 2.0.0 Ok: queued as ")
            self.arrived(content, "ann", "bob")

    def test_cut_between_cr_and_lf_and_between_lf_and_dot(self) -> None:
        content = message("cut", ".", "..", ".x")
        client = self.client()
        client.recipients(f"<{ANN}>")
        for octet in content[:-1]:
            client.send(b"BDAT 1\r\n" + bytes([octet]))
        client.send(b"BDAT 1 LAST\r\n" + content[-1:])
        replies = [client.reply() for _ in content]
        self.assertEqual({b"250"}, {reply[:3] for reply in replies})
        self.arrived(content)

    def test_where_nobody_is_left_the_chunk_is_no_command(self) -> None:
        client = self.client()
        client.recipients(f"<{EVE}>")
        chunk = b"RSET\r\nMAIL FROM:<evil@elsewhere.example>\r\n"
        client.send(b"BDAT %d LAST\r\n" % len(chunk) + chunk)
        self.starts(client.reply(), "503 5.5.1", "554 5.5.1")
        self.starts(client.say("NOOP\r\n"), "250")

    def test_binary_is_not_offered_as_postfix_takes_none(self) -> None:
        client = self.client()
        self.assertNotIn("BINARYMIME", client.offers())
        self.starts(client.say(f"MAIL FROM:<{SENDER}> BODY=BINARYMIME\r\n"), "555 5.5.4")


class Pipelines(Mailing):
    """Commands that do not wait for replies, and messages that follow others."""

    def test_all_at_once(self) -> None:
        content = message("all at once", ".", "x")
        client = self.client(hello="")
        client.send(
            f"EHLO client.example\r\nMAIL FROM:<{SENDER}>\r\nRCPT TO:<{ANN}>\r\nRCPT TO:<{EVE}>\r\n"
            f"RCPT TO:<{BOB}>\r\nDATA\r\n".encode()
            + stuffed(content)
            + b"QUIT\r\n"
        )
        replies = [client.reply()[:3] for _ in range(9)]
        self.assertEqual(b"220 250 250 250 550 250 354 250 221", b" ".join(replies))
        self.assertEqual(b"", client.rest())
        self.arrived(content, "ann", "bob")

    def test_octet_by_octet(self) -> None:
        content = message("octet by octet")
        client = self.client()
        talk = f"MAIL FROM:<{SENDER}>\r\nRCPT TO:<{ANN}>\r\nRCPT TO:<{EVE}>\r\nDATA\r\n".encode()
        for octet in talk + stuffed(content):
            client.send(bytes([octet]))
        self.assertEqual(
            [b"250", b"250", b"550", b"354", b"250"], [client.reply()[:3] for _ in range(5)]
        )
        self.arrived(content)

    def test_two_messages_with_all_their_commands_at_once(self) -> None:
        contents = [message(f"pipelined {number}", "x" * 5000) for number in range(2)]
        talk = b""
        for content, to in zip(contents, (ANN, BOB), strict=True):
            talk += f"MAIL FROM:<{SENDER}>\r\nRCPT TO:<{to}>\r\nRCPT TO:<{EVE}>\r\n".encode()
            talk += b"BDAT %d LAST\r\n" % len(content) + content
        client = self.client()
        client.send(talk)
        replies = [client.reply()[:3] for _ in range(8)]
        self.assertEqual([b"250", b"250", b"550", b"250"] * 2, replies)
        self.arrived(contents[0], "ann")
        self.arrived(contents[1], "bob")

    def test_two_messages_in_one_session(self) -> None:
        client = self.client()
        contents = [message(f"session {number}", f"{number}") for number in range(3)]
        self.starts(client.transfer(contents[0], ANN), "250 2.0.0")
        client.recipients(f"<{ANN}>")
        self.starts(client.say("RSET\r\n"), "250")
        self.starts(client.transfer(contents[1], BOB, mail="<>"), "250 2.0.0")
        self.starts(client.say("EHLO client.example\r\n"), "250")
        self.starts(client.transfer(contents[2], BOB), "250 2.0.0")
        self.arrived(contents[0], "ann")
        self.arrived(contents[1], "bob")
        self.arrived(contents[2], "bob")
        self.assertIn(b"Return-Path: <>\n", self.stored("session 1", "bob"))

    def test_to_a_server_without_pipelining(self) -> None:
        content = message("one by one")
        client = self.client("poor")
        self.assertNotIn("PIPELINING", self.straight("poor").offers())
        client.send(
            f"MAIL FROM:<{SENDER}>\r\nRCPT TO:<{EVE}>\r\nRCPT TO:<{ANN}>\r\nDATA\r\n".encode()
            + stuffed(content)
        )
        replies = [client.reply()[:3] for _ in range(5)]
        self.assertEqual([b"250", b"550", b"250", b"354", b"250"], replies)
        self.arrived(content)


class Smuggling(Mailing):
    """Only CRLF.CRLF ends a message: what else looks like it never reaches Postfix."""

    ends = (b"\n.\r\n", b"\r\n.\n", b"\r.\r", b"\n.\n", b"\r.\r\n", b"\r\n.\r", b"\r\n\0.\r\n")
    inner = message("smuggled in")

    def test_refused_before_postfix_sees_content(self) -> None:
        begun = len(self.postfix.log)
        for end in self.ends:
            client = self.client()
            client.recipients(f"<{ANN}>")
            client.say("DATA\r\n")
            envelope = f"MAIL FROM:<{SENDER}>\r\nRCPT TO:<{ANN}>\r\nDATA\r\n".encode()
            client.send(b"Subject: outer\r\n\r\nx" + end + envelope + self.inner + b".\r\n")
            self.starts(client.reply(), "554 5.6.0")
            self.starts(client.say("NOOP\r\n"), "250")
            client.say("QUIT\r\n")
        log = self.postfix.log[begun:]
        self.assertNotIn("cleanup", log)
        self.marker()
        self.assertEqual([], self.found("smuggled in") + self.found("outer"))
        self.assertNotIn("data=0/1", self.postfix.log[begun:])

    def test_in_chunks_too(self) -> None:
        for end in self.ends:
            content = b"Subject: outer\r\n\r\nx" + end + self.inner
            client = self.client()
            client.recipients(f"<{ANN}>")
            client.send(b"BDAT %d LAST\r\n" % len(content) + content)
            self.starts(client.reply(), "554 5.6.0")
            self.starts(client.say("NOOP\r\n"), "250")
        self.marker()
        self.assertEqual([], self.found("smuggled in") + self.found("outer"))

    def test_what_was_written_with_dots_stays_one_message(self) -> None:
        """A client that stuffs as it should: the dots that Postfix sees are stuffed again."""
        content = message("outer, whole", "x", ".", f"MAIL FROM:<{SENDER}>", ".", "QUIT")
        self.starts(self.client().transfer(content), "250 2.0.0")
        self.arrived(content)
