"""The minimal servers do what they are measured for."""

from __future__ import annotations

from pathlib import Path

from twisted.internet.defer import Deferred
from twisted.internet.testing import StringTransport
from twisted.trial.unittest import SynchronousTestCase

from bench.ceilings.logged import Logged, record, records
from bench.ceilings.session import Session
from bench.ceilings.synced import Synced


class SessionTests(SynchronousTestCase):
    """A client on a string transport."""

    def setUp(self) -> None:
        self.stored: list[tuple[bytes, Deferred[None]]] = []
        self.wire = StringTransport()
        self.session = Session(self.store)
        self.session.makeConnection(self.wire)

    def store(self, content: bytes) -> Deferred[None]:
        """Keep a message until the test says that it is safe."""
        self.stored.append((content, Deferred()))
        return self.stored[-1][1]

    def replies(self, data: bytes) -> list[bytes]:
        """The codes that answer some octets."""
        self.wire.clear()
        self.session.dataReceived(data)
        return [line[:3] for line in self.wire.value().splitlines()]

    def test_a_message_is_answered_when_it_is_safe(self) -> None:
        self.assertEqual(self.wire.value()[:4], b"220 ")
        self.assertEqual(self.replies(b"EHLO x\r\n")[-1:], [b"250"])
        self.assertEqual(self.replies(b"MAIL FROM:<a@b.example>\r\n"), [b"250"])
        self.assertEqual(self.replies(b"RCPT TO:<a@b.exa"), [])
        self.assertEqual(self.replies(b"mple>\r\n"), [b"250"])
        self.assertEqual(self.replies(b"DATA\r\n"), [b"354"])
        self.assertEqual(self.replies(b"Subject: x\r\n\r\n..dot\r\n.\r"), [])
        self.assertEqual(self.replies(b"\n"), [])
        content, done = self.stored[0]
        self.assertEqual(content, b"Subject: x\r\n\r\n.dot\r\n")
        done.callback(None)
        self.assertEqual(self.wire.value()[:4], b"250 ")

    def test_the_connection_takes_the_next_message(self) -> None:
        for _ in range(2):
            self.assertEqual(self.replies(b"DATA\r\n"), [b"354"])
            self.replies(b".\r\n")
            self.stored[-1][1].callback(None)
        self.assertEqual([content for content, _ in self.stored], [b"", b""])
        self.assertEqual(self.replies(b"QUIT\r\n"), [b"221"])
        self.assertTrue(self.wire.disconnecting)


class FileTests(SynchronousTestCase):
    """Real files."""

    def setUp(self) -> None:
        self.folder = Path(self.mktemp())
        self.folder.mkdir()

    def messages(self) -> list[bytes]:
        """What lies in the Maildir, in order."""
        self.assertEqual(list((self.folder / "user" / "tmp").iterdir()), [])
        files = sorted((self.folder / "user" / "new").iterdir())
        return [file.read_bytes() for file in files]

    def test_small_and_large_batches_are_in_the_maildir(self) -> None:
        synced = Synced(self.folder)
        synced([b"a"])
        synced([b"b", b"c", b"d", b"e", b"f"])
        self.assertEqual(self.messages(), [b"a", b"b", b"c", b"d", b"e", b"f"])

    def test_batches_are_in_the_log_and_in_the_maildir(self) -> None:
        logged = Logged(self.folder, 4096)
        self.addCleanup(logged.close)
        logged([b"a", b"b"])
        logged([b"c"])
        self.assertEqual(self.messages(), [b"a", b"b", b"c"])
        log = (self.folder / "log").read_bytes()
        self.assertEqual(list(records(log)), [(0, b"a"), (1, b"b"), (2, b"c")])
        self.assertEqual(len(log), 4096)

    def test_a_full_log_begins_anew(self) -> None:
        logged = Logged(self.folder, 4096)
        self.addCleanup(logged.close)
        for _ in range(3):
            logged([b"x" * 2000])
        log = (self.folder / "log").read_bytes()
        self.assertEqual([number for number, _ in records(log)], [2])
        self.assertEqual(len(log), 4096)

    def test_a_torn_record_ends_a_log(self) -> None:
        log = record(0, b"first") + record(1, b"second")
        self.assertEqual(list(records(log)), [(0, b"first"), (1, b"second")])
        self.assertEqual(list(records(log[:-1])), [(0, b"first")])
