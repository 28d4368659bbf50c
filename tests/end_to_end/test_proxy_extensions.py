"""Extensions that Postfix has or lacks, by way of the proxy: SMTPUTF8, 8BITMIME, DSN, SIZE."""

from __future__ import annotations

import smtplib
from email.headerregistry import Address
from email.message import EmailMessage

from tests.end_to_end.postfix import ADDRESS
from tests.end_to_end.proxied import ANN, BOB, JOERG, SENDER, THIRD, Mailing, message

UTF8 = "zoë@élsewhere.example"


class Extensions(Mailing):
    """EHLO offers what both sides can do."""

    def test_what_postfix_can_do_is_offered(self) -> None:
        offers = self.client().offers()
        for word in ("8BITMIME", "SMTPUTF8", "DSN", "ENHANCEDSTATUSCODES", "CHUNKING"):
            self.assertIn(word, offers)
        self.assertEqual("60000000", offers["SIZE"])

    def test_what_it_cannot_is_not(self) -> None:
        offers = self.client("poor").offers()
        for word in ("8BITMIME", "SMTPUTF8", "DSN", "BINARYMIME", "XCLIENT", "ETRN", "VRFY"):
            self.assertNotIn(word, offers)
        self.assertIn("PIPELINING", offers)

    def test_what_is_not_offered_is_refused(self) -> None:
        client = self.client("poor")
        for parameter in ("SMTPUTF8", "BODY=8BITMIME", "RET=HDRS", "ENVID=x"):
            reply = client.say(f"MAIL FROM:<{SENDER}> {parameter}\r\n")
            self.starts(reply, "555 5.5.4")
        self.starts(client.recipients(f"<{ANN}> NOTIFY=NEVER")[0], "555 5.5.4")
        self.starts(client.say(f"RCPT TO:<{JOERG}>\r\n"), "553 5.6.7", "501 5.1.", "553 5.1.")
        self.starts(client.say(f"RCPT TO:<{ANN}>\r\n"), "250")


class Addresses(Mailing):
    """Those outside ASCII, and header fields."""

    def test_sender_recipient_and_header(self) -> None:
        content = message("Grüße von Zoë", "Grüße")
        client = self.client()
        mail = f"<{UTF8}> SMTPUTF8 BODY=8BITMIME"
        self.starts(client.transfer(content, JOERG, ANN, mail=mail), "250 2.0.0")
        self.arrived(content, "jörg", "ann")
        stored = self.stored("Grüße von Zoë", "jörg")
        self.assertIn("Return-Path: <zoë@xn--lsewhere-90a.example>\n".encode(), stored)
        self.assertIn(b"with UTF8SMTP", stored)

    def test_a_usual_client(self) -> None:
        mail = EmailMessage()
        mail["From"] = Address("Zoë", "zoë", "élsewhere.example")
        mail["To"] = Address("Jörg", "jörg", "example.com")
        mail["Subject"] = "Größe zählt"
        mail.set_content("Grüße\n", cte="8bit")
        with smtplib.SMTP(ADDRESS, self.stage.ports["usual"], timeout=30) as client:
            self.assertEqual({}, client.send_message(mail, UTF8, [JOERG]))
        self.assertIn("Grüße\n".encode(), self.stored("Größe zählt", "jörg"))

    def test_an_unknown_one_is_refused_with_the_words_of_postfix(self) -> None:
        """As far as they are ASCII: our replies are, to whomever."""
        path = "<jürgen@example.com>"
        through, straight = (
            each.recipients(path, mail=f"<{UTF8}> SMTPUTF8")[0].decode()
            for each in (self.client(), self.straight())
        )
        self.assertEqual(straight.replace("ü", "?"), through)
        self.assertIn("User unknown in virtual mailbox table", through)

    def test_a_server_without_hears_of_none(self) -> None:
        client = self.client("poor")
        self.starts(client.say(f"MAIL FROM:<{UTF8}> SMTPUTF8\r\n"), "555 5.5.4")
        self.starts(client.say(f"MAIL FROM:<{UTF8}>\r\n"), "553 5.6.7", "501 5.1.", "553 5.1.")
        self.starts(client.transfer(message("ASCII will do")), "250 2.0.0")
        self.arrived(message("ASCII will do"))


class QueueFiles(Mailing):
    """The queue files of Postfix have the commands that it got: these messages are held there."""

    def kept(self, mail: str, *paths: str, content: bytes = b"Subject: held\r\n\r\nx\r\n") -> str:
        """Send a message; return what its queue file says."""
        client = self.client("holding")
        for reply in client.recipients(*paths, mail=mail):
            self.starts(reply, "250")
        reply = client.data(content)
        self.starts(reply, "250 2.0.0 Ok: queued as ")
        return self.postfix.queue_file(reply.decode().rpartition(" ")[2])

    def test_parameters_for_reports(self) -> None:
        kept = self.kept(
            f"<{SENDER}> RET=HDRS ENVID=an+2Bid+3D",
            f"<{ANN}> NOTIFY=SUCCESS,DELAY ORCPT=rfc822;the+2Bold@example.com",
            f"<{BOB}> NOTIFY=NEVER",
            f"<{THIRD}> ORCPT=rfc822;+2B@example.com",
        )
        self.assertIn("envelope_id=an+id=\n", kept)
        self.assertIn("ret_flags=2\n", kept)
        head, ann, bob, third = kept.partition("*** MESSAGE")[0].split("original_recipient: ")
        of_ann = head.rpartition("client_address_type")[2]
        self.assertIn("notify_flags=10\n", of_ann)  # 2 success, 8 delay
        self.assertIn("dsn_orig_rcpt=rfc822;the+old@example.com\n", of_ann)
        self.assertTrue(ann.startswith(ANN))
        self.assertIn("notify_flags=1\n", ann)  # never
        self.assertTrue(bob.startswith(BOB))
        self.assertNotIn("notify_flags", bob)
        self.assertIn("dsn_orig_rcpt=rfc822;+@example.com\n", bob)
        self.assertTrue(third.startswith(THIRD))

    def test_eight_bits(self) -> None:
        content = message("eight bits", "Grüße")
        told = self.kept(f"<{SENDER}> BODY=8BITMIME", f"<{ANN}>", content=content)
        self.assertIn("encoding=8bit\n", told.partition("*** MESSAGE")[0])
        untold = self.kept(f"<{SENDER}>", f"<{ANN}>", content=content)
        self.assertNotIn("encoding=", untold.partition("*** MESSAGE")[0])
        for kept in (told, untold):
            self.assertIn("Subject: eight bits\n\nGrüße\n*** HEADER", kept)

    def test_utf8(self) -> None:
        kept = self.kept(f"<{UTF8}> SMTPUTF8", f"<{JOERG}> ORCPT=utf-8;j\\x{{F6}}rg@old.example")
        self.assertIn("sender: zoë@", kept)
        self.assertIn("dsn_orig_rcpt=utf-8;jörg@old.example\n", kept)
        self.assertIn("with UTF8SMTPS", kept)
