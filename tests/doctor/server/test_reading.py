"""IMAP and POP3 servers: those that are right, and those that are wrong in one way each."""

from __future__ import annotations

from dataclasses import replace

from mailhost.doctor.server import line_client
from mailhost.doctor.server.dialogue import Asked
from mailhost.doctor.server.services import MailProtocol
from tests.doctor.server.scripted_server import (
    HASTY,
    IMAP_REPLIES,
    LOST,
    MESSAGE,
    POP3_REPLIES,
    SILENT,
    Script,
    ServerCase,
    implicit,
)
from tests.net.tls.handshakes import issue


class ReadingCase(ServerCase):
    def setUp(self) -> None:
        super().setUp()
        self.asked = Asked("ann", "secret")

    def imap(self, **replies: str) -> Script:
        """An IMAP server without fault, but for these replies."""
        return Script("* OK ready", {**IMAP_REPLIES, **replies}, tls=self.own)

    def pop3(self, **replies: str) -> Script:
        """A POP3 server without fault, but for these replies."""
        return Script("+OK ready", {**POP3_REPLIES, **replies}, tls=self.own)

    async def fault(self, script: Script, name: str) -> str:
        """The server has this fault and no other; return what was seen of it."""
        protocol = MailProtocol.IMAP if script.greeting.startswith("*") else MailProtocol.POP3
        return self.assert_faults(await self.examine(self.service(script, protocol)), name).seen

    def said(self) -> str:
        """All that transcripts show."""
        return "\n".join(line.text for each in self.transcripts for line in each.lines)


class RightServers(ReadingCase):
    async def test_all_ports(self) -> None:
        imap, pop3 = self.imap(), self.pop3()
        findings = await self.examine(
            self.service(implicit(imap), MailProtocol.IMAP),
            self.service(imap, MailProtocol.IMAP),
            self.service(implicit(pop3), MailProtocol.POP3),
            self.service(pop3, MailProtocol.POP3),
        )
        self.assert_faults(findings)
        seen = [finding.seen for finding in findings]
        self.assertIn(f"one of 3 messages was read, of {len(MESSAGE)} octets", seen)
        self.assertIn("one of 2 messages was read, of 45 octets", seen)
        self.assertIn("FETCH 3 (RFC822.SIZE BODY.PEEK[]<0.1000000>)", " ".join(imap.heard))
        self.assertIn("TOP 2 999999", pop3.heard)

    async def test_neither_password_nor_mail_is_shown(self) -> None:
        plain = {"CAPABILITY over TLS": "* CAPABILITY IMAP4rev1\r\n{tag} OK done"}
        user = {"CAPA over TLS": "+OK\r\nUSER\r\n.", "RETR": f"+OK\r\n{MESSAGE}."}
        for script, protocol in (
            (self.imap(), MailProtocol.IMAP),
            (self.imap(**plain), MailProtocol.IMAP),
            (self.pop3(), MailProtocol.POP3),
            (self.pop3(**user), MailProtocol.POP3),
        ):
            self.assert_faults(await self.examine(self.service(script, protocol)))
        self.assertNotIn("secret", self.said())
        self.assertNotIn("AGFubgBzZWNyZXQ=", self.said())
        self.assertIn("LOGIN (hidden)", self.said())
        self.assertIn("PASS (hidden)", self.said())
        self.assertIn("a message of 45 octets, which is not shown", self.said())

    async def test_an_empty_mailbox(self) -> None:
        imap = self.imap(EXAMINE="* 0 EXISTS\r\n{tag} OK done")
        pop3 = self.pop3(LIST="+OK\r\n.")
        findings = await self.examine(
            self.service(imap, MailProtocol.IMAP), self.service(pop3, MailProtocol.POP3)
        )
        self.assert_faults(findings)
        empty = [each for each in findings if each.seen == "the mailbox is empty"]
        self.assertEqual(1, len(empty))

    async def test_ports_that_are_none_of_those_of_mail(self) -> None:
        for script in (self.imap(), implicit(self.imap()), self.pop3(), implicit(self.pop3())):
            self.assert_faults(await self.examine(port=self.listen(script)))


class Misbehaviours(ReadingCase):
    async def test_a_wrong_password(self) -> None:
        wrong = "{tag} NO [AUTHENTICATIONFAILED] wrong: secret"
        seen = await self.fault(self.imap(AUTHENTICATE=wrong), "login-refused")
        self.assertEqual("refused: NO [AUTHENTICATIONFAILED] wrong: (hidden)", seen)
        await self.fault(self.pop3(AUTH="-ERR wrong"), "login-refused")

    async def test_a_login_that_is_broken(self) -> None:
        self.limits = HASTY
        for reply in ("{tag} NO [UNAVAILABLE] later", "{tag} BAD what", "+ !!!", LOST, SILENT):
            await self.fault(self.imap(AUTHENTICATE=reply), "login-broken")
        for reply in ("-ERR [SYS/TEMP] later", "+ !!!", LOST, SILENT):
            await self.fault(self.pop3(AUTH=reply), "login-broken")

    async def test_a_mailbox_that_cannot_be_read(self) -> None:
        await self.fault(self.imap(EXAMINE="{tag} NO broken"), "mailbox-unreadable")
        await self.fault(self.imap(FETCH="{tag} NO broken"), "mailbox-unreadable")
        await self.fault(self.imap(FETCH=LOST), "mailbox-unreadable")
        await self.fault(self.pop3(LIST="-ERR broken"), "mailbox-unreadable")
        await self.fault(self.pop3(TOP=LOST), "mailbox-unreadable")

    async def test_the_server_refuses_everybody(self) -> None:
        await self.fault(replace(self.imap(), greeting="* BYE too many"), "server-busy")
        await self.fault(replace(self.pop3(), greeting="-ERR go away"), "server-refuses-client")

    async def test_no_starttls(self) -> None:
        self.asked = Asked()
        capable = "* CAPABILITY IMAP4rev1\r\n{tag} OK done"
        await self.fault(self.imap(CAPABILITY=capable), "starttls-missing")
        await self.fault(self.pop3(CAPA="+OK\r\nTOP\r\n."), "starttls-missing")

    async def test_a_handshake_that_fails(self) -> None:
        for script in (self.imap(), self.pop3()):
            await self.fault(replace(script, tls=None), "tls-handshake-failed")

    async def test_smtp_where_imap_is_expected(self) -> None:
        service = self.service(self.smtp(), MailProtocol.IMAP)
        finding = self.assert_faults(await self.examine(service), "wrong-service")
        self.assertEqual("the server uses SMTP instead of IMAP", finding.seen)

    async def test_a_bad_certificate(self) -> None:
        self.asked = Asked()
        self.own = issue("mx.example")
        await self.fault(self.imap(), "server-certificate-self-signed")

    async def test_text_without_end(self) -> None:
        script = replace(self.imap(), greeting="* OK " + "x" * 200_000)
        self.assertIn("too long", await self.fault(script, "wrong-service"))
        flood = ("* CAPABILITY " + "X" * 1000 + "\r\n") * 6000
        script = self.imap(**{"CAPABILITY over TLS": flood + "{tag} OK done"})
        self.assertIn("text without end", await self.fault(script, "wrong-service"))

    async def test_short_lines_without_end(self) -> None:
        self.patch(line_client, "MOST_LINES", 1000)
        script = self.imap(**{"CAPABILITY over TLS": "*\r\n" * 1100 + "{tag} OK done"})
        self.assertIn("text without end", await self.fault(script, "wrong-service"))
