"""Programs that keep a Maildir and an account the same: mbsync (isync) and offlineimap."""

from __future__ import annotations

import hashlib
import imaplib
import os
import re
import shutil
import ssl
import subprocess
from pathlib import Path

from twisted.trial.unittest import SkipTest

from tests.end_to_end.imap_host import MESSAGES, PASSWORD, ImapHost
from tests.end_to_end.running import PATIENCE, short_folder

MBSYNC = """
IMAPAccount host
Host {host}
Port {port}
User {user}
Pass "{password}"
SSLType STARTTLS
CertificateFile {folder}/certificate
AuthMechs {mechanism}

IMAPStore far
Account host

MaildirStore near
Path {maildirs}/
Inbox {maildirs}/INBOX
SubFolders Verbatim

Channel all
Far :far:
Near :near:
Patterns *
Create Both
Remove Both
Expunge Both
SyncState *
"""
OFFLINEIMAP = """
[general]
accounts = all
metadata = {folder}/state
[Account all]
localrepository = near
remoterepository = far
[Repository near]
type = Maildir
localfolders = {maildirs}
[Repository far]
type = IMAP
remotehost = {host}
remoteport = {tls_port}
remoteuser = {user}
remotepass = {password}
ssl = yes
cert_fingerprint = {fingerprint}
auth_mechanisms = {mechanism}
expunge = yes
"""


def _compared(message: bytes) -> bytes:
    """A message without what differs on the two sides: line ends, and a field of mbsync's."""
    return re.sub(rb"X-TUID: .*\n", b"", message.replace(b"\r\n", b"\n"))


class SyncCase(ImapHost):
    """Two-way sync, as one test for each program."""

    program = ""
    settings_text = ""
    mechanism = "PLAIN"
    separator = "/"

    def setUp(self) -> None:
        if shutil.which(self.program) is None:
            raise SkipTest(f"{self.program} is not installed")
        super().setUp()
        self.folder = short_folder(self)
        self.maildirs = self.folder / "mail"
        self.maildirs.mkdir()
        certificate = ssl.get_server_certificate((self.host.address, self.host.ports["imaps"]))
        (self.folder / "certificate").write_text(certificate)
        digest = hashlib.sha256(ssl.PEM_cert_to_DER_cert(certificate)).hexdigest()
        self.settings_file = self.folder / "settings"
        self.settings_file.write_text(
            self.settings_text.format(
                host=self.host.address,
                port=self.host.ports["imap"],
                tls_port=self.host.ports["imaps"],
                user=self.address,
                password=PASSWORD,
                folder=self.folder,
                maildirs=self.maildirs,
                fingerprint=digest,
                mechanism=self.mechanism,
            )
        )
        self.settings_file.chmod(0o600)
        self.client = imaplib.IMAP4(*self.where, timeout=PATIENCE)
        self.addCleanup(self.client.sock.close)
        self.client.login(self.address, PASSWORD)

    def command(self) -> list[str]:
        """A client that syncs once."""
        raise NotImplementedError

    def sync(self) -> None:
        """Sync once; it must succeed."""
        done = subprocess.run(
            self.command(),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            env={"HOME": str(self.folder), "PATH": os.environ["PATH"]},
            check=False,
        )
        self.assertEqual(0, done.returncode, done.stdout + done.stderr)

    def near(self, name: str) -> list[bytes]:
        """The messages of a folder here, in any order, as they came over the wire."""
        path = self.maildirs / name
        files = [*path.glob("cur/*"), *path.glob("new/*")]
        return sorted(_compared(file.read_bytes()) for file in files)

    def far(self, name: str) -> list[bytes]:
        """The messages of a folder there."""
        _, (count,) = self.client.select(f'"{name}"')
        assert count is not None
        if count == b"0":
            return []
        _, data = self.client.fetch("1:*", "(BODY.PEEK[])")
        bodies = [each[1] for each in data if isinstance(each, tuple)]
        return sorted(map(_compared, bodies))

    def file_of(self, name: str, text: bytes) -> Path:
        """The file here that has a text."""
        files = [*(self.maildirs / name).glob("cur/*"), *(self.maildirs / name).glob("new/*")]
        return next(file for file in files if text in file.read_bytes())

    def both_ways(self) -> None:
        """New mail, folders, flags and what was removed go both ways, and nothing is doubled."""
        self.client.create("Work")
        for message in MESSAGES:
            self.client.append("INBOX", "\\Seen", "", message)
        self.client.append("Work", "", "", MESSAGES[0])
        self.sync()
        for name in ("INBOX", "Work"):
            self.assertEqual(self.near(name), self.far(name))
        self.assertEqual(5, len(self.near("INBOX")))
        self.change_both()
        self.sync()
        self.check_changes()
        self.sync()
        self.check_changes()

    def change_both(self) -> None:
        """Flag, remove, and add on both sides."""
        flagged = self.file_of("INBOX", b"Subject: plain")
        flagged.rename(flagged.parent.parent / "cur" / f"{flagged.name.split(':')[0]}:2,FS")
        self.file_of("INBOX", b"Subject: long").unlink()
        (self.maildirs / "INBOX" / "new" / "1700000000.1_1.here").write_bytes(
            b"Subject: from here\n\nhello\n"
        )
        self.client.select("INBOX")
        self.client.uid("STORE", "2", "+FLAGS", "(\\Answered)")
        self.client.uid("STORE", "4", "+FLAGS", "(\\Deleted)")
        self.client.expunge()
        self.deliver(b"Subject: from there\r\n\r\nhello\r\n")

    def check_changes(self) -> None:
        """All that `change_both` did is on both sides."""
        self.assertEqual(self.near("INBOX"), self.far("INBOX"))
        self.assertEqual(self.near("Work"), self.far("Work"))
        subjects = b"\n".join(self.near("INBOX"))
        for subject in (b"plain", b"K=C3=A4se", b"large", b"from here", b"from there"):
            self.assertEqual(1, subjects.count(subject), subject)
        self.assertEqual(5, len(self.near("INBOX")))
        self.client.select("INBOX")
        flags = b"".join(map(bytes, self.client.fetch("1:2", "(FLAGS)")[1]))  # type: ignore[arg-type]
        self.assertIn(b"\\Flagged", flags)
        self.assertIn(b"R", self.file_of("INBOX", b"K=C3=A4se").name.partition(":2,")[2].encode())


class MbsyncTests(SyncCase):
    program = "mbsync"
    settings_text = MBSYNC

    def command(self) -> list[str]:
        return ["mbsync", "-c", str(self.settings_file), "-a", "-V"]

    def test_both_ways(self) -> None:
        self.both_ways()

    def test_scram(self) -> None:
        text = self.settings_file.read_text()
        self.settings_file.write_text(text.replace("AuthMechs PLAIN", "AuthMechs SCRAM-SHA-256"))
        self.deliver(MESSAGES[0])
        self.sync()
        self.assertEqual(1, len(self.near("INBOX")))


class OfflineimapTests(SyncCase):
    """With TLS from the first octet. After STARTTLS offlineimap hangs at times: its threads use one
    TLS connection without a lock, and what one writes while another reads the session tickets of
    TLS 1.3 is never sent. With TLS from the first octet, the greeting ends that reading first."""

    program = "offlineimap"
    settings_text = OFFLINEIMAP

    def command(self) -> list[str]:
        return ["offlineimap", "-c", str(self.settings_file), "-o", "-u", "basic"]

    def test_both_ways(self) -> None:
        self.both_ways()
