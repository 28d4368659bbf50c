"""The client as Postfix sees it, by way of the proxy: its address, and its login."""

from __future__ import annotations

import atexit
import base64
import re
import smtplib
from typing import ClassVar

from twisted.trial.unittest import SkipTest, TestCase

from mailhost.logins.stored_secret import hash_password
from tests.end_to_end.postfix import ADDRESS, can_log_in
from tests.end_to_end.proxied import ANN, BOB, EVE, PASSWORD, SENDER, Mailing, message, trusting
from tests.end_to_end.running import RunningHost, remove_folder
from tests.end_to_end.shared import Raw, new_folder

ONE, OTHER = "127.0.0.9", "127.0.0.10"


class Addresses(Mailing):
    """Where the client comes from, as Postfix hears it."""

    def received(self, subject: str) -> str:
        """Postfix's own trace field of a message."""
        return self.stored(subject).split(b"Received: ")[1].decode()

    def test_without_it_everybody_is_the_proxy(self) -> None:
        client = self.client(source=ONE)
        self.starts(client.transfer(message("from nobody")), "250 2.0.0")
        self.assertIn("from proxy.example.org (unknown [127.0.0.1])", self.received("from nobody"))

    def test_xclient(self) -> None:
        for source in (ONE, OTHER):  # the second by the connection that the first left
            client, subject = self.client("xclient", source=source), f"xclient from {source}"
            self.starts(client.transfer(message(subject)), "250 2.0.0")
            client.say("QUIT\r\n")
            received = self.received(subject)
            self.assertIn(f"from client.example (unknown [{source}])", received)
        self.assertNotIn("XCLIENT", self.client("xclient").offers())

    def test_xclient_over_tls_and_after_another_hello(self) -> None:
        client = self.client("xclient", source=ONE)
        client.say("STARTTLS\r\n")
        client.start_tls("proxy.example.org")
        client.say("EHLO other.example\r\n")
        self.starts(client.transfer(message("xclient again")), "250 2.0.0")
        received = self.received("xclient again")
        self.assertIn(f"from other.example (unknown [{ONE}])", received)

    def test_xclient_for_who_speaks_no_ehlo(self) -> None:
        client = self.client("xclient", hello="HELO", source=ONE)
        self.starts(client.transfer(message("said HELO")), "250 2.0.0")
        self.assertIn(f"from client.example (unknown [{ONE}])", self.received("said HELO"))

    def test_postfix_judges_the_name_of_the_client(self) -> None:
        client = self.client("choosy", hello="", source=OTHER)
        client.reply()
        client.say("EHLO bad.example\r\n")
        (reply,) = client.recipients(f"<{ANN}>")
        self.starts(reply, "554 5.7.1 <bad.example>: Helo command rejected: no")

    def test_what_postfix_refuses_one_address_another_is_not(self) -> None:
        refused, good = (self.client("choosy", source=each) for each in (ONE, OTHER))
        (reply,) = refused.recipients(f"<{ANN}>")
        self.assertEqual(f"554 5.7.1 <unknown[{ONE}]>: Client host rejected: no", reply.decode())
        self.starts(good.transfer(message("not refused")), "250 2.0.0")
        self.arrived(message("not refused"))

    def test_where_xclient_is_not_allowed_mail_goes_without(self) -> None:
        client = self.client("unwanted", source=ONE)
        self.starts(client.transfer(message("not introduced")), "250 2.0.0")
        self.assertIn(
            "from proxy.example.org (unknown [127.0.0.1])", self.received("not introduced")
        )

    def test_xforward_is_for_the_log(self) -> None:
        for source in (ONE, OTHER):
            client = self.client("xforward", source=source)
            reply = client.transfer(message(f"xforward from {source}"))
            self.starts(reply, "250 2.0.0 Ok: queued as ")
            client.say("QUIT\r\n")
            identity = reply.decode().rpartition(" ")[2]
            self.stored(f"xforward from {source}")  # it was logged before that
            (line,) = re.findall(f"{identity}: client=.*", self.postfix.log)
            self.assertIn("client=unknown[127.0.0.1]", line)
            self.assertIn(f"orig_client=unknown[{source}]", line)

    def test_the_proxy_protocol(self) -> None:
        for source in (ONE, OTHER):
            client, subject = self.client("haproxy", source=source), f"haproxy from {source}"
            self.starts(client.transfer(message(subject)), "250 2.0.0")
            client.say("QUIT\r\n")
            received = self.received(subject)
            self.assertIn(f"from proxy.example.org (unknown [{source}])", received)


class Logins(Mailing):
    """Passwords that Postfix judges."""

    def setUp(self) -> None:
        super().setUp()
        if not can_log_in():
            raise SkipTest(
                "needs passwords for Postfix: apt-get install sasl2-bin libsasl2-modules"
            )

    def usual(self) -> smtplib.SMTP:
        client = smtplib.SMTP(ADDRESS, self.stage.ports["login"], timeout=30)
        self.addCleanup(client.close)
        client.starttls(context=trusting())
        return client

    def test_who_logged_in_may_send_abroad(self) -> None:
        for mechanism in ("PLAIN", "LOGIN"):
            client = self.usual()
            client.ehlo()
            self.assertEqual({"PLAIN", "LOGIN"}, set(client.esmtp_features["auth"].split()))
            client.esmtp_features["auth"] = mechanism
            self.assertEqual(235, client.login(ANN, PASSWORD)[0])
            content = message(f"logged in by {mechanism}")
            self.assertEqual({}, client.sendmail(ANN, [BOB], content))
            self.arrived(content, "bob")
            stored = self.stored(f"logged in by {mechanism}", "bob")
            self.assertIn(b"with ESMTPSA id", stored)
            self.assertIn(f"sasl_method={mechanism}, sasl_username={ANN}", self.postfix.log)

    def test_a_wrong_password_has_the_words_of_postfix(self) -> None:
        client = self.usual()
        with self.assertRaises(smtplib.SMTPAuthenticationError) as caught:
            client.login(ANN, "wrong")
        self.assertEqual(535, caught.exception.smtp_code)
        self.assertIn(b"Error: authentication failed", caught.exception.smtp_error)
        with self.assertRaises(smtplib.SMTPRecipientsRefused):
            client.sendmail(SENDER, [BOB], message("never"))
        self.assertEqual(235, client.login(ANN, PASSWORD)[0])
        self.assertEqual({}, client.sendmail(ANN, [BOB], message("at the second try")))
        self.arrived(message("at the second try"), "bob")

    def test_a_login_is_not_the_next_clients(self) -> None:
        client = self.usual()
        client.login(ANN, PASSWORD)
        client.quit()
        with self.assertRaises(smtplib.SMTPRecipientsRefused):
            self.usual().sendmail(SENDER, [BOB], message("never"))

    def test_no_password_in_the_clear(self) -> None:
        client = self.client("login")
        self.assertNotIn("AUTH", client.offers())
        initial = base64.b64encode(f"\0{ANN}\0{PASSWORD}".encode()).decode()
        self.starts(client.say(f"AUTH PLAIN {initial}\r\n"), "538 5.7.11")


class BehindIsAMailhost(TestCase):
    """Submission by way of the proxy, and what Postfix cannot take: binary messages."""

    timeout = 120

    hosts: ClassVar[list[RunningHost]] = []

    def setUp(self) -> None:
        if not self.hosts:
            self.start()
        self.host, self.proxy = self.hosts

    def start(self) -> None:
        """Start the two that both tests share."""
        folder = new_folder()
        secret = folder / "secret"
        secret.touch(0o600)
        secret.write_text(hash_password(PASSWORD))
        accounts = "".join(
            f'[domain."example.com".account.{user}]\npassword = {{ file = "{secret}" }}\n'
            for user in ("ann", "bob")
        )
        host = RunningHost(
            folder / "behind",
            f"\nworkers = 1\n[login]\ndelay = 0.1\n{accounts}",
            protocols=("smtp", "submission"),
            hostname="behind.example.org",
        )
        upstream = f'upstream = "tcp:{ADDRESS}:%d"'
        proxy = RunningHost(
            folder / "proxy",
            "\nworkers = 1\n[login]\ndelay = 0.1\n",
            protocols=("proxy", "proxys"),
            more={
                "proxy": upstream % host.ports["smtp"],
                "proxys": upstream % host.ports["submission"],
            },
            hostname="proxy.example.org",
        )
        atexit.register(remove_folder, folder)
        for each in (host, proxy):
            self.hosts.append(each)
            atexit.register(each.stop)
            each.start()

    def only_mail(self, address: str) -> bytes:
        """The one message in an inbox, which is removed."""
        (path,) = self.host.inbox(address)
        content = path.read_bytes()
        path.unlink()
        return content

    def test_logins(self) -> None:
        client = smtplib.SMTP_SSL(
            ADDRESS, self.proxy.ports["proxys"], timeout=30, context=trusting()
        )
        self.addCleanup(client.close)
        client.ehlo("client.example")
        submitted = message("submitted").replace(SENDER.encode(), ANN.encode())
        self.assertEqual(
            {"SCRAM-SHA-256", "PLAIN", "LOGIN"}, set(client.esmtp_features["auth"].split())
        )
        with self.assertRaises(smtplib.SMTPSenderRefused) as caught:
            client.sendmail(ANN, [BOB], message("never"))
        self.assertEqual(530, caught.exception.smtp_code)
        with self.assertRaises(smtplib.SMTPAuthenticationError):
            client.login(ANN, "wrong")
        self.proxy.wait_for("failure 2 from this address")  # smtplib tries PLAIN and LOGIN
        self.assertEqual(235, client.login(ANN, PASSWORD)[0])
        self.assertEqual({}, client.sendmail(ANN, [BOB], submitted))
        self.assertTrue(self.only_mail(BOB).endswith(submitted))
        with self.assertRaises(smtplib.SMTPSenderRefused):  # it may not write in another's name
            client.sendmail(EVE, [BOB], message("never"))
        self.proxy.wait_for("logged in")

    def test_messages_in_chunks(self) -> None:
        client = Raw((ADDRESS, self.proxy.ports["proxy"]), hello="EHLO")
        self.addCleanup(client.close)
        line = bytes(set(range(1, 256)) - set(b"\r\n")) + b"\r\n.\r\n"
        content = b"Subject: in chunks\r\n\r\n" + line * 2000
        refused = client.say(f"MAIL FROM:<{SENDER}> BODY=BINARYMIME\r\n")
        self.assertTrue(refused.startswith(b"555 5.5.4"), refused)
        client.say(f"MAIL FROM:<{SENDER}> BODY=8BITMIME\r\n")
        for address in (ANN, BOB):
            self.assertTrue(client.say(f"RCPT TO:<{address}>\r\n").startswith(b"250"))
        for start in range(0, len(content), 70_000):
            chunk = content[start : start + 70_000]
            last = b" LAST" if start + 70_000 >= len(content) else b""
            client.send(b"BDAT %d%b\r\n" % (len(chunk), last) + chunk)
            reply = client.reply()
            self.assertTrue(reply.startswith(b"250 2.0.0"), reply)
        for address in (ANN, BOB):
            self.assertTrue(self.only_mail(address).endswith(b"\r\n" + content))
