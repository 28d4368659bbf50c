"""TLS on both sides of the proxy, each its own: with clients, and with a real Postfix."""

from __future__ import annotations

import smtplib
import ssl

from tests.end_to_end.postfix import ADDRESS
from tests.end_to_end.proxied import ANN, SENDER, Mailing, message, trusting

ENVELOPE = f"MAIL FROM:<{SENDER}>\r\nRCPT TO:<{ANN}>\r\n".encode()


class WithClients(Mailing):
    """STARTTLS is the proxy's own, whatever the server behind it can do."""

    def test_a_client_that_checks_the_certificate(self) -> None:
        for name in ("usual", "poor"):  # over the second there is no TLS upstream
            content = message(f"over TLS to {name}")
            with smtplib.SMTP("localhost", self.stage.ports[name], timeout=30) as client:
                client.starttls(context=trusting(self.stage.chain))
                self.assertEqual({}, client.sendmail(SENDER, [ANN], content))
            self.arrived(content)
            ours = self.stored(f"over TLS to {name}").split(b"Received: ")[2]
            self.assertIn(b"with ESMTPS id", ours)
            self.assertIn(b"(using TLSv1.3 with cipher ", ours)

    def test_what_was_pipelined_behind_starttls_is_never_run(self) -> None:
        client = self.client()
        client.send(b"STARTTLS\r\n" + ENVELOPE)
        self.starts(client.reply(), "220 2.0.0")
        client.start_tls("proxy.example.org")
        self.starts(client.say("RCPT TO:<ann@example.com>\r\n"), "503 5.5.1")
        self.assertNotIn("STARTTLS", client.offers())
        self.starts(client.transfer(message("not injected")), "250 2.0.0")
        self.arrived(message("not injected"))

    def test_starttls_inside_a_session_that_has_sent_mail(self) -> None:
        client = self.client()
        self.starts(client.transfer(message("in the clear")), "250 2.0.0")
        client.say("STARTTLS\r\n")
        client.start_tls("proxy.example.org")
        client.offers()
        self.starts(client.transfer(message("then not")), "250 2.0.0")
        self.arrived(message("in the clear"))
        self.arrived(message("then not"))

    def test_a_handshake_that_fails_hurts_nobody(self) -> None:
        for junk in (b"junk\r\n" * 100, b""):
            client = self.client()
            client.say("STARTTLS\r\n")
            client.send(junk)
            client.close()
        with (
            smtplib.SMTP("localhost", self.stage.ports["usual"], timeout=30) as usual,
            self.assertRaises(ssl.SSLCertVerificationError),
        ):
            usual.starttls(context=ssl.create_default_context())
        self.marker()


class WithPostfix(Mailing):
    """`upstream_tls`."""

    def how(self, name: str) -> str:
        """Send a message; return with what Postfix says it came."""
        content = message(f"TLS {name}")
        self.starts(self.client(name).transfer(content), "250 2.0.0 Ok: queued as ")
        self.arrived(content)
        received = self.stored(f"TLS {name}").split(b"Received: ")[1].decode()
        return received.partition(" with ")[2].partition(" id ")[0]

    def refused(self, name: str, cause: str) -> None:
        """The client is told to come again, and the operator hears why."""
        since = self.proxy.mark()
        client = self.client(name, hello="")
        client.reply()
        reply = client.say("EHLO client.example\r\n")
        self.starts(reply, "421 4.4.1 The mail server behind this one cannot be reached")
        self.assertEqual(b"", client.rest())
        self.assertIn("TLS is required", self.proxy.wait_for(cause, since))
        client = self.client(name, hello="")  # at once again: it rests
        client.send(b"EHLO client.example\r\n" + ENVELOPE + b"DATA\r\n")
        client.reply()
        self.starts(client.reply(), "421 4.4.1")
        self.assertEqual(b"", client.rest())

    def test_opportunistic_takes_any_certificate(self) -> None:
        self.assertEqual("ESMTPS", self.how("usual"))

    def test_opportunistic_without_tls_behind(self) -> None:
        self.assertEqual("ESMTP", self.how("small"))

    def test_opportunistic_where_no_handshake_works(self) -> None:
        self.assertEqual("ESMTP", self.how("old"))

    def test_never(self) -> None:
        self.assertEqual("ESMTP", self.how("never"))

    def test_require_with_a_certificate_that_is_trusted_for_that_name(self) -> None:
        self.assertEqual("ESMTPS", self.how("signed"))

    def test_require_by_address(self) -> None:
        self.assertEqual("ESMTPS", self.how("by address"))

    def test_tls_from_the_first_byte(self) -> None:
        self.assertEqual("ESMTPS", self.how("wrapped"))

    def test_require_with_a_certificate_for_another_name(self) -> None:
        self.refused("misnamed", "TLS is required, and failed")

    def test_require_with_a_certificate_that_nobody_trusts(self) -> None:
        self.refused("untrusted", "TLS is required, and failed")

    def test_require_where_there_is_none(self) -> None:
        self.refused("without", "TLS is required, and the server offers none")

    def test_both_sides_at_once_with_a_large_message(self) -> None:
        content = message("large on both sides", *["0123456789" * 70] * 5000)
        with smtplib.SMTP(ADDRESS, self.stage.ports["signed"], timeout=30) as client:
            client.starttls(context=trusting(self.stage.chain))
            self.assertEqual({}, client.sendmail(SENDER, [ANN], content))
        self.arrived(content)
