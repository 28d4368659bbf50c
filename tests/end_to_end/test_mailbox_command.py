"""A running host and the commands that change mail and passwords behind it."""

from __future__ import annotations

import imaplib
import json
import smtplib
import ssl

from tests.end_to_end.running import RunningHost
from tests.end_to_end.shared import SharedHost
from tests.store.exchange.source import dovecot_maildir

ANN, PASSWORD = "ann@example.com", "correct horse battery"
SPAM = b"X-Spam: Yes\r\nSubject: offer\r\n\r\nbuy\r\n"


class MailboxCommandTests(SharedHost):
    settings = """
[delivery]
junk = "X-Spam"
[limits]
stop_timeout = "1 second"
[login]
delay = "0.1 seconds"
"""
    domains = ""
    protocols = ("smtp", "imap")

    def prepare(self, host: RunningHost) -> None:
        host.add_accounts(PASSWORD, ANN)

    def run_command(self, *arguments: str) -> str:
        done = self.host.command(*arguments)
        self.assertEqual(0, done.returncode, f"{arguments}: {done.stdout}{done.stderr}")
        return done.stdout

    def imap(self, password: str = PASSWORD) -> imaplib.IMAP4:
        client = imaplib.IMAP4(self.host.address, self.host.ports["imap"], timeout=60)
        self.addCleanup(client.shutdown)
        context = ssl.create_default_context(cafile=str(self.host.data / "tls" / "chain.pem"))
        context.check_hostname = False
        client.starttls(context)
        client.login(ANN, password)
        return client

    def test_an_import_is_seen_by_a_session_that_waits(self) -> None:
        client = self.imap()
        client.select("INBOX")
        client.send(b"x1 IDLE\r\n")
        self.assertTrue(client.readline().startswith(b"+"))
        source = str(self.host.data.parent / "Maildir")
        dovecot_maildir(source)
        rows = json.loads(
            self.run_command("mailbox", "import", ANN, source, "--into", "Old", "--json")
        )
        self.assertEqual(rows[0]["imported"], 3)
        path = str(self.host.data.parent / "one.mbox")
        with open(path, "wb") as file:
            file.write(b"From a Thu Jan  1 00:00:00 1970\nSubject: one\n\n")
        self.run_command("mailbox", "import", ANN, path)
        self.assertEqual(client.readline(), b"* 1 EXISTS\r\n")
        client.send(b"DONE\r\n")
        self.assertTrue(client.readline().startswith(b"x1 OK"))
        self.assertEqual(client.select('"Old"'), ("OK", [b"3"]))
        self.assertIn("in order", self.run_command("mailbox", "check", ANN))
        self.run_command("mailbox", "rebuild", ANN)
        self.assertEqual(client.select("INBOX"), ("OK", [b"1"]))

    def test_junk_goes_to_its_folder(self) -> None:
        with smtplib.SMTP(self.host.address, self.host.ports["smtp"], timeout=30) as smtp:
            smtp.sendmail("sue@elsewhere.example", [ANN], SPAM)
        self.assertEqual(self.imap().select("Junk"), ("OK", [b"1"]))

    def test_app_passwords(self) -> None:
        password = self.run_command("account", "password", "add", ANN, "phone").strip()
        self.imap(password)
        self.host.stop()
        self.host.start()
        (row,) = json.loads(self.run_command("account", "password", "list", ANN, "--json"))
        self.assertGreaterEqual(row["last_used"], row["created"])
        self.imap(password)
        self.run_command("account", "password", "revoke", ANN, "phone")
        with self.assertRaises(imaplib.IMAP4.error):
            self.imap(password)
