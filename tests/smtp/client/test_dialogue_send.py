"""One message over a connection, as scripts: the statuses of recipients, and those without one."""

from __future__ import annotations

from mailhost.message.address import parse_address
from mailhost.message.envelope import Body, Envelope, ForwardPath
from mailhost.smtp.client.sending import NEEDS_BINARY
from tests.fakes import envelope as envelope_to
from tests.smtp.client_talk import ON_WIRE, TEXT, SendCase

PIPELINED = r"""
    C| MAIL FROM:<sue@far.example>\r\nRCPT TO:<a@x.example>\r\nRCPT TO:<b@x.example>\r\nDATA\r\n"""


class OneByOne(SendCase):
    def setUp(self) -> None:
        super().setUp()
        self.open_up("SIZE", "8BITMIME")

    def test_a_message(self) -> None:
        script = rf"""
            C: MAIL FROM:<sue@far.example> SIZE={len(TEXT)}
            S: 250 OK
            C: RCPT TO:<a@x.example>
            S: 250 OK
            C: RCPT TO:<b@x.example>
            S: 251 will forward
            C: DATA
            S: 354 go
            C| {ON_WIRE}
            S: 250 2.0.0 taken as 17"""
        self.assertEqual("250 250", self.send(script))
        self.assertEqual("taken as 17", self.sending.statuses[self.envelope.recipients[0]].text)

    def test_each_step_refused(self) -> None:
        mail = f"C: MAIL FROM:<sue@far.example> SIZE={len(TEXT)}\n"
        a, b = "C: RCPT TO:<a@x.example>\n", "C: RCPT TO:<b@x.example>\n"
        ok, go = "S: 250 OK\n", "S: 354 go\n"
        for script, codes in (
            (mail + "S: 550 no\n", "550 550"),
            (mail + "S: 451 wait\n", "451 451"),
            (mail + ok + a + "S: 550 no\n" + b + "S: 450 wait\n", "550 450"),
            (mail + ok + a + ok + b + "S: 550 no\nC: DATA\nS: 554 no\n", "554 550"),
            (mail + ok + a + ok + b + "S: 550 no\nC: DATA\nS: 250 odd\n", "451 550"),
            (mail + ok + a + ok + b + ok + f"C: DATA\n{go}C| {ON_WIRE}\nS: 451 no\n", "451 451"),
            (
                mail + ok + a + "S: 450 no\n" + b + ok + f"C: DATA\n{go}C| {ON_WIRE}\n{ok}",
                "450 250",
            ),
        ):
            with self.subTest(script):
                self.setUp()
                self.assertEqual(codes, self.send(script))

    def test_421_at_each_step_leaves_it_to_another_host(self) -> None:
        mail = f"C: MAIL FROM:<sue@far.example> SIZE={len(TEXT)}\n"
        a, b = "C: RCPT TO:<a@x.example>\n", "C: RCPT TO:<b@x.example>\n"
        ok, end = "S: 250 OK\n", "S: 421 4.3.2 bye"
        to_data = mail + ok + a + "S: 550 no\n" + b + ok + "C: DATA\n"
        for script, codes in (
            (mail, "- -"),
            (mail + ok + a, "- -"),
            (mail + ok + a + "S: 550 no\n" + b, "550 -"),
            (to_data, "550 -"),
            (to_data + f"S: 354 go\nC| {ON_WIRE}\n", "550 -"),
        ):
            with self.subTest(script):
                self.setUp()
                self.assertEqual(codes, self.send(script + end, broken="421 4.3.2 bye"))

    def test_a_lost_connection_before_and_after_the_content(self) -> None:
        mail = f"C: MAIL FROM:<sue@far.example> SIZE={len(TEXT)}\nS: 250 OK\n"
        both = mail + "C: RCPT TO:<a@x.example>\nS: 250 OK\nC: RCPT TO:<b@x.example>\nS: 550 no\n"
        sent = both + f"C: DATA\nS: 354 go\nC| {ON_WIRE}\n"
        for script, codes in (
            (mail + "C: RCPT TO:<a@x.example>\n= lost", "- -"),
            (both + "C: DATA\n= lost", "- 550"),
            (sent + "= lost", "451 550"),
            (sent + "= wait 600", "451 550"),
            (sent + "S: nonsense", "451 550"),
        ):
            with self.subTest(script):
                self.setUp()
                self.assertEqual(codes, self.send(script, broken=""))

    def test_the_next_message_needs_no_rset_unless_one_was_left_open(self) -> None:
        mail = f"C: MAIL FROM:<sue@far.example> SIZE={len(TEXT)}\n"
        rcpt = "C: RCPT TO:<a@x.example>\nS: 250 OK\nC: RCPT TO:<b@x.example>\nS: 250 OK\n"
        whole = f"{mail}S: 250 OK\n{rcpt}C: DATA\nS: 354 go\nC| {ON_WIRE}\nS: 250 OK\n"
        self.assertEqual("250 250", self.send(whole))
        self.assertEqual("550 550", self.send(mail + "S: 550 no\n"))
        self.assertEqual("250 250", self.send("C: RSET\nS: 250 OK\n" + whole))
        self.assertEqual("550 550", self.send(mail + "S: 550 no\n"))
        self.assertEqual("- -", self.send("C: RSET\nS: 500 no\n", broken="refused RSET"))


class Pipelined(SendCase):
    def setUp(self) -> None:
        super().setUp()
        self.open_up("PIPELINING")

    def test_a_message(self) -> None:
        script = rf"""{PIPELINED}
            S| 250 OK\r\n250 OK\r\n550 no\r\n354 go\r\n
            C| {ON_WIRE}
            S: 250 OK"""
        self.assertEqual("250 550", self.send(script))

    def test_all_refused_and_no_354(self) -> None:
        refused = r"S| 250 OK\r\n550 no\r\n451 wait\r\n554 no valid recipients\r\n"
        self.assertEqual("550 451", self.send(f"{PIPELINED}\n{refused}"))

    def test_all_refused_and_354_all_the_same(self) -> None:
        refused = r"S| 250 OK\r\n550 no\r\n451 wait\r\n354 go\r\n"
        script = f"{PIPELINED}\n{refused}\nC: .\nS: 554 no valid recipients"
        self.assertEqual("550 451", self.send(script))

    def test_mail_refused(self) -> None:
        refused = r"S| 550 no\r\n503 no\r\n503 no\r\n503 no\r\n"
        self.assertEqual("550 550", self.send(f"{PIPELINED}\n{refused}"))

    def test_a_host_that_takes_few_at_a_time(self) -> None:
        for many in ("452 4.5.3 too many", "452 enough", "552 5.5.3 too many", "552 enough"):
            self.setUp()
            script = rf"""{PIPELINED}
                S| 250 OK\r\n250 OK\r\n{many}\r\n354 go\r\n
                C| {ON_WIRE}
                S: 250 OK
                C| MAIL FROM:<sue@far.example>\r\nRCPT TO:<b@x.example>\r\nDATA\r\n
                S| 250 OK\r\n250 OK\r\n354 go\r\n
                C| {ON_WIRE}
                S: 250 OK"""
            self.assertEqual("250 250", self.send(script), many)

    def test_the_first_of_a_transaction_is_never_too_many(self) -> None:
        for refusal in ("452 4.5.3 many", "452 many", "552 5.5.3 many", "552 many"):
            self.setUp()
            script = rf"{PIPELINED}" + "\n" + rf"S| 250 OK\r\n{refusal}\r\n{refusal}\r\n"
            code = refusal[:3]
            self.assertEqual(f"{code} {code}", self.send(script + "\n" + r"S| 554 none\r\n"))

    def test_a_full_mailbox_after_one_that_was_taken_is_not_too_many(self) -> None:
        for full in ("452 4.2.2 full", "552 5.2.2 full", "452 4.3.1 no storage", "552 5.3.4 big"):
            self.setUp()
            script = rf"{PIPELINED}" + "\n" + rf"S| 250 OK\r\n250 OK\r\n{full}\r\n354 go\r\n"
            sent = f"{script}\nC| {ON_WIRE}\nS: 250 OK"
            self.assertEqual(f"250 {full[:3]}", self.send(sent))

    def test_a_reply_too_many_before_the_content_is_not_its_answer(self) -> None:
        script = rf"{PIPELINED}" + "\n" + r"S| 250 OK\r\n250 OK\r\n250 OK\r\n354 go\r\n250 OK\r\n"
        self.assertEqual("- -", self.send(script, broken="reply to no command"))

    def test_taken_before_its_end_is_not_taken(self) -> None:
        self.client.pauseProducing()
        script = PIPELINED + "\n" + r"S| 250 OK\r\n250 OK\r\n250 OK\r\n354 go\r\n"
        self.assertEqual("- -", self.send(script + "\nS: 250 OK", broken="before its end"))
        self.assertTrue(self.wire.aborted)

    def test_refused_before_its_end(self) -> None:
        self.client.pauseProducing()
        script = PIPELINED + "\n" + r"S| 250 OK\r\n250 OK\r\n250 OK\r\n354 go\r\n"
        self.assertEqual("552 552", self.send(script + "\nS: 552 5.3.4 too large"))
        self.assertTrue(self.wire.aborted)


class AsWritten(SendCase):
    """Addresses of other hosts are sent unchanged."""

    def test_addresses(self) -> None:
        for local in ("try..this.", '"try..this."', "user+caf_=" + "x" * 600):
            self.setUp()
            self.open_up()
            written = parse_address(f"{local}@x.example", lenient=True)
            self.envelope = Envelope(written, (ForwardPath(written),))
            mail = f"C: MAIL FROM:<{local}@x.example>\nS: 250 OK\n"
            script = f"{mail}C: RCPT TO:<{local}@x.example>\nS: 550 no"
            self.assertEqual("550", self.send(script), local)


class Binary(SendCase):
    text = b"Subject: hi\r\n\r\n\0\n.\r\r\n"
    envelope = Envelope(
        envelope_to().reverse_path, envelope_to("a@x.example").recipients, Body.BINARY
    )

    def test_a_host_that_cannot(self) -> None:
        for offers in ((), ("CHUNKING",), ("BINARYMIME",)):
            self.setUp()
            self.open_up(*offers)
            self.assertEqual("554", self.send(""))
            self.assertEqual({NEEDS_BINARY}, set(self.sending.statuses.values()))

    def test_bdat_with_and_without_pipelining(self) -> None:
        size = len(self.text)
        content = rf"C| BDAT {size} LAST\r\nSubject: hi\r\n\r\n\x00\n.\r\r\n"
        mail, rcpt = "MAIL FROM:<sue@far.example> BODY=BINARYMIME", "RCPT TO:<a@x.example>"
        slow = f"C: {mail}\nS: 250 OK\nC: {rcpt}\nS: 250 OK\n{content}\nS: 250 OK"
        fast = rf"C| {mail}\r\n{rcpt}\r\n" + f"\nS: 250 OK\nS: 250 OK\n{content}\nS: 250 OK"
        for offers, script in (((), slow), (("PIPELINING",), fast)):
            self.setUp()
            self.open_up("CHUNKING", "BINARYMIME", *offers)
            self.assertEqual("250", self.send(script))

    def test_text_that_was_declared_binary_goes_by_data(self) -> None:
        longest = b"x" * 998 + b"\r\n"
        for text, offers, parameter in (
            (TEXT, (), ""),
            (TEXT, ("8BITMIME",), ""),
            (longest * 200, ("CHUNKING",), ""),
            (longest * 66 + b"\xfc\r\n", (), ""),
            (b"\xc3\xbc\r\n", ("8BITMIME", "BINARYMIME"), " BODY=8BITMIME"),
        ):
            self.setUp()
            self.open_up(*offers)
            self.text = text
            mail = f"= wait 0\nC: MAIL FROM:<sue@far.example>{parameter}\nS: 250 OK\n"
            rest = "C: RCPT TO:<a@x.example>\nS: 250 OK\nC: DATA\nS: 550 no"
            self.assertEqual("550", self.send(mail + rest))

    def test_content_that_no_host_takes_by_data(self) -> None:
        for text in (b"x" * 999 + b"\r\n", b"a\0\r\n", b"a\nb\r\n", b"a\r", b"x" * 70000):
            self.setUp()
            self.open_up("8BITMIME")
            self.text = text
            self.assertEqual("554", self.send("= wait 0"))

    def test_all_recipients_refused(self) -> None:
        self.open_up("CHUNKING", "BINARYMIME", "PIPELINING")
        mail, rcpt = "MAIL FROM:<sue@far.example> BODY=BINARYMIME", "RCPT TO:<a@x.example>"
        script = rf"C| {mail}\r\n{rcpt}\r\n" + "\nS: 250 OK\nS: 550 no"
        self.assertEqual("550", self.send(script))


class BareLineEnds(SendCase):
    def test_content_that_another_host_might_see_otherwise(self) -> None:
        self.open_up("PIPELINING")
        for text in (b"a\n.\n", b"a\r.\r", b"a\r\n.\r\n\n"):
            self.setUp()
            self.open_up("PIPELINING")
            self.text = text
            script = PIPELINED + "\n" + r"S| 250 OK\r\n250 OK\r\n250 OK\r\n354 go\r\n"
            self.assertEqual("554 554", self.send(script))
            self.assertTrue(self.wire.aborted)
