"""Mail programs that are not Python's: curl, mutt and imapflow."""

from __future__ import annotations

import json
import os
import shutil
import ssl
import subprocess
from pathlib import Path

from twisted.trial.unittest import SkipTest

from tests.end_to_end.imap_host import MESSAGES, PASSWORD, ImapHost
from tests.end_to_end.running import PATIENCE, short_folder
from tests.end_to_end.terminal import Terminal

TOUR = Path(__file__).with_name("imapflow.cjs")
NODE_MODULES = Path(__file__).parents[2] / ".npm" / "node_modules"
MUTTRC = """
set folder = "imap://{host}:{port}/"
set spoolfile = "imap://{host}:{port}/INBOX"
set imap_user = "{user}"
set imap_pass = "{password}"
set imap_authenticators = "{mechanism}"
set imap_qresync = yes
set header_cache = "{folder}/headers"
set message_cachedir = "{folder}/bodies"
set certificate_file = "{folder}/certificate"
set ssl_verify_host = no
set sort = mailbox-order
set index_format = "%C %Z %s"
set delete = yes
set confirmappend = no
set timeout = 2
set mail_check = 2
set imap_keepalive = 5
set imap_idle = yes
set record = ""
set status_format = "%f %m messages"
"""


def needs(program: str) -> None:
    """Skip a test whose program is not installed."""
    if shutil.which(program) is None:
        raise SkipTest(f"{program} is not installed")


class CurlTests(ImapHost):
    def setUp(self) -> None:
        needs("curl")
        super().setUp()
        self.folder = short_folder(self)

    def curl(self, path: str, *arguments: str, protocol: str = "imap") -> bytes:
        """Run curl, which must succeed, and return what it printed."""
        url = f"{protocol}://{self.host.address}:{self.host.ports[protocol]}/{path}"
        command = ["curl", "--silent", "--show-error", "--insecure", "--ssl-reqd", "--url", url]
        command += ["--user", f"{self.address}:{PASSWORD}", *arguments]
        done = subprocess.run(command, capture_output=True, timeout=PATIENCE, check=False)
        self.assertEqual(0, done.returncode, done.stderr)
        return done.stdout

    def test_a_tour(self) -> None:
        listed = self.curl("")
        self.assertIn(b"INBOX", listed)
        self.assertIn(b"\\Sent", listed)
        for number, message in enumerate(MESSAGES, 1):
            file = self.folder / "message"
            file.write_bytes(message)
            self.curl("INBOX", "--upload-file", str(file))
            self.assertEqual(message, self.curl(f"INBOX;MAILINDEX={number}"))
            self.assertEqual(message, self.curl(f"INBOX;UID={number}", protocol="imaps"))
        header = self.curl("INBOX;MAILINDEX=2;SECTION=HEADER.FIELDS%20(Subject)")
        self.assertEqual(b"Subject: =?utf-8?q?K=C3=A4se?=\r\n\r\n", header)
        self.curl("INBOX", "--request", "STORE 1 +FLAGS (\\Deleted \\Flagged)")
        self.assertIn(b"\\Flagged", self.curl("INBOX", "--request", "FETCH 1 FLAGS"))
        self.curl("INBOX", "--request", "COPY 2 Archive")
        self.curl("INBOX", "--request", "MOVE 3 Archive")
        self.assertIn(b"* 1 EXPUNGE", self.curl("INBOX", "--request", "EXPUNGE"))
        self.assertEqual(MESSAGES[2], self.curl("Archive;MAILINDEX=2"))
        self.assertIn(b"* 3 EXISTS", self.curl("", "--request", "EXAMINE INBOX"))

    def test_logins(self) -> None:
        for mechanism in ("PLAIN", "LOGIN"):
            self.assertIn(b"INBOX", self.curl("", "--login-options", f"AUTH={mechanism}"))


class MuttTests(ImapHost):
    def setUp(self) -> None:
        needs("mutt")
        super().setUp()
        self.folder = short_folder(self)

    def start(self, mechanism: str) -> Terminal:
        """Mutt with the inbox."""
        certificate = ssl.get_server_certificate((self.host.address, self.host.ports["imaps"]))
        (self.folder / "certificate").write_text(certificate)
        settings = self.folder / "muttrc"
        settings.write_text(
            MUTTRC.format(
                host=self.host.address,
                port=self.host.ports["imap"],
                user=self.address,
                password=PASSWORD,
                mechanism=mechanism,
                folder=self.folder,
            )
        )
        environment = {"HOME": str(self.folder), "PATH": os.environ["PATH"]}
        terminal = Terminal(["mutt", "-n", "-F", str(settings)], environment)
        self.addCleanup(terminal.close)
        return terminal

    def subjects(self, folder: str = "") -> list[str]:
        """The subjects in a Maildir of the account, sorted."""
        path = self.maildir / folder
        files = [*path.glob("cur/*"), *path.glob("new/*")]
        lines = [line for file in files for line in file.read_text("latin-1").splitlines()]
        return sorted(line[9:] for line in lines if line.startswith("Subject: "))

    def test_a_tour(self) -> None:
        for subject in ("one", "two", "three"):
            self.deliver(f"From: a@b.example\r\nSubject: {subject}\r\n\r\nhello\r\n".encode())
        mutt = self.start("scram-sha-256")
        mutt.wait_for(b"3 messages")
        self.deliver(b"From: a@b.example\r\nSubject: while it idles\r\n\r\nhello\r\n")
        mutt.wait_for(b"while it idles")
        mutt.press(b"1\nC=Archive\n")  # copy the first
        self.host.until(lambda: self.subjects(".Archive") == ["one"], "mutt did not copy")
        mutt.press(b"2\nd1\ns=Trash\n")  # delete the second, save the first elsewhere
        mutt.press(b"3\nF$")  # flag the third, and do it all
        self.host.until(lambda: len(self.subjects()) == 2, "mutt did not expunge")
        mutt.press(b"q")
        self.assertEqual(0, mutt.wait())
        self.assertEqual(["three", "while it idles"], self.subjects())
        self.assertEqual(["one"], self.subjects(".Archive"))
        self.assertEqual(["one"], self.subjects(".Trash"))
        flagged = [path for path in self.maildir.glob("cur/*") if "F" in path.name.split(":2,")[1]]
        self.assertIn("Subject: three", "".join(path.read_text() for path in flagged))
        again = self.start("login")  # from its cache, by QRESYNC
        again.wait_for(b"2 messages")
        again.press(b"q")
        self.assertEqual(0, again.wait())


class ImapflowTests(ImapHost):
    def test_a_tour(self) -> None:
        needs("node")
        if not (NODE_MODULES / "imapflow").exists():
            raise SkipTest("imapflow is not installed: npm install --prefix .npm imapflow")
        command = ["node", str(TOUR), self.host.address, str(self.host.ports["imap"])]
        with subprocess.Popen(
            [*command, self.address, PASSWORD],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**os.environ, "NODE_PATH": str(NODE_MODULES)},
        ) as process:
            self.addCleanup(process.kill)
            assert process.stdin is not None
            assert process.stdout is not None
            process.stdin.write(MESSAGES[1])
            process.stdin.close()
            self.assertEqual(b"idling\n", process.stdout.readline())
            self.deliver(MESSAGES[0])
            seen = json.loads(process.stdout.readline())
        folder = "Entwürfe/Käse & Brot"
        self.assertEqual(
            {
                "sent": "Sent",
                "created": folder,
                "same": True,
                "subject": "Käse",
                "type": "text/plain",
                "flags": ["Work", "\\Seen"],
                "copied": 1,
                "moved": 1,
                "left": 0,
                "exists": 1,
                "fetched": "plain",
                "status": {"path": folder, "messages": 2, "unseen": 1},
            },
            seen,
        )
