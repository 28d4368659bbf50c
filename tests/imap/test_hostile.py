"""Clients that stall, never read, or send more than anybody should; and folders that are torn away
while they are used. On a real pump, upon the real store."""

from __future__ import annotations

import gc
import os
import shutil
import time
import tracemalloc
from typing import cast

from twisted.internet.interfaces import (
    IOpenSSLServerConnectionCreator,
    IReactorTime,
    ITCPTransport,
)
from twisted.trial.unittest import SynchronousTestCase

from mailhost.imap.grammar.reader import AFTER_LOGIN
from mailhost.imap.session import IDLE_TIMEOUT, ImapSession
from mailhost.interfaces.folders import IFolder, NewMessage
from mailhost.interfaces.wire import IMachine, IWire
from mailhost.message.client import Client
from mailhost.net.limits import Bounds, ConnectionLimits
from mailhost.net.pump import PumpFactory, ServedProtocol
from tests.fakes import RecordingEvents, now
from tests.imap.host import ANN, TLS, Host, content
from tests.net.pumping import PEER, NoTLS, SlowTransport
from tests.smtp.fakes import FakeAuthenticator

LOGIN = b"in LOGIN ann@example.com secret\r\n"


class Connection:
    """A client on a pump."""

    def __init__(self, host: Host, room: int = 65536, log_in: bool = True) -> None:
        self.host = host
        self.events = RecordingEvents()
        factory = PumpFactory(
            ServedProtocol("imap", False, lambda status: b""),
            self._make,
            cast("IReactorTime", host.clock),
            ConnectionLimits(Bounds(100, 100)),
            cast("IOpenSSLServerConnectionCreator", NoTLS()),
            self.events,
        )
        self.transport = SlowTransport(PEER, room)
        self.pump = factory.buildProtocol(PEER)
        self.pump.makeConnection(cast("ITCPTransport", self.transport))
        if log_in:
            assert b"in OK" in self.say(LOGIN)

    def _make(self, wire: IWire, client: Client) -> IMachine:
        client = Client(client.ip, client.port, "imap", tls=TLS)
        context = self.host.context(wire, client, FakeAuthenticator(), self.events)
        self.session = ImapSession(context)
        return self.session

    def say(self, data: bytes) -> bytes:
        """Send octets; return all that comes back."""
        self.pump.dataReceived(data)
        return self.hear()

    def hear(self) -> bytes:
        """Return what has come, reading until nothing more comes."""
        found = b""
        for _ in range(10_000):
            self.host.clock.advance(0)
            data = self.transport.read()
            if not data:
                break
            found += data
        return found


class HostileCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.host = Host(os.path.abspath(self.mktemp()))

    def fill(self, count: int, text: bytes = b"Subject: x\r\n\r\ntext\r\n") -> None:
        """Add messages to INBOX."""
        folder = cast(IFolder, now(self.host.store.account(ANN).open("INBOX")))
        now(folder.add([NewMessage(content(text))] * count))


class Silence(HostileCase):
    def test_a_client_that_stalls_within_a_literal(self) -> None:
        client = Connection(self.host)
        client.say(b"a APPEND INBOX {1000}\r\nabc")
        self.host.clock.pump([30] * 19)
        self.assertEqual(b"", client.hear())
        self.host.clock.pump([30] * 2)
        self.assertIn(b"* BYE ", client.hear())
        self.assertTrue(client.transport.closed)

    def test_a_client_that_stalls_within_a_command(self) -> None:
        client = Connection(self.host)
        client.say(b"a SELECT INB")
        self.host.clock.pump([30] * 21)
        self.assertIn(b"* BYE ", client.hear())

    def test_a_client_between_two_commands_has_half_an_hour(self) -> None:
        client = Connection(self.host)
        self.host.clock.pump([30] * int(IDLE_TIMEOUT / 30 - 1))
        self.assertEqual(b"", client.hear())
        self.host.clock.pump([30] * 2)
        self.assertIn(b"* BYE ", client.hear())

    def test_a_client_that_does_not_log_in(self) -> None:
        client = Connection(self.host, log_in=False)
        self.host.clock.pump([30] * 5)
        self.assertIn(b"* BYE ", client.hear())


class TooMuch(HostileCase):
    def test_two_gigabytes(self) -> None:
        client = Connection(self.host)
        self.assertIn(b"a NO [TOOBIG]", client.say(b"a APPEND INBOX {2147483648}\r\n"))
        answer = client.say(b"b APPEND INBOX {2147483648+}\r\n")
        self.assertIn(b"b NO [TOOBIG]", answer)
        for _ in range(1000):
            self.assertEqual(b"", client.say(b"x" * 65536))
        self.assertEqual(0, len(client.session._reader))

    def test_two_gigabytes_before_the_login(self) -> None:
        client = Connection(self.host, log_in=False)
        answer = client.say(b"a LOGIN {2147483648+}\r\n")
        self.assertIn(b"a BAD [TOOBIG]", answer)
        client.say(b"x" * 65536)
        self.assertEqual(0, len(client.session._reader))

    def test_a_line_without_an_end(self) -> None:
        client = Connection(self.host)
        for _ in range(100):
            client.say(b"a" * 65536)
        self.assertLess(len(client.session._reader), 2 * AFTER_LOGIN.line)

    def test_thousands_of_commands_at_once(self) -> None:
        client = Connection(self.host)
        self.fill(3)
        commands = b"".join(b"f%d FETCH 1:* FLAGS\r\n" % number for number in range(2000))
        answer = client.say(b"a SELECT INBOX\r\n" + commands)
        self.assertEqual(2000, answer.count(b" OK Fetched\r\n"))

    def test_ranges_as_many_as_a_line_holds(self) -> None:
        self.fill(1000)
        client = Connection(self.host)
        client.say(b"a SELECT INBOX\r\n")
        some = b",".join(b"%d" % (number % 999 + 1) for number in range(16_000))
        far = b",".join(b"%d" % (10_000_000 + 2 * number) for number in range(7_000))
        began = time.perf_counter()
        self.assertEqual(1000, client.say(b"b FETCH %b UID\r\n" % some).count(b"\r\n"))
        self.assertIn(b"c OK", client.say(b"c UID FETCH %b UID\r\n" % far))
        self.assertIn(b"d OK", client.say(b"d UID STORE %b +FLAGS (\\Seen)\r\n" % far))
        known = b"e SELECT INBOX (QRESYNC (%d 1 %b))\r\n" % (self._validity(client), far)
        client.say(b"e ENABLE QRESYNC\r\n")
        self.assertIn(b"e OK", client.say(known))
        self.assertLess(time.perf_counter() - began, 10)

    def _validity(self, client: Connection) -> int:
        answer = client.say(b"v STATUS INBOX (UIDVALIDITY)\r\n")
        return int(answer.split(b"UIDVALIDITY ")[1].split(b")")[0])


class NeverReading(HostileCase):
    def held(self, command: bytes) -> int:
        """Send a command whose answer is long; return how much of it is held unread."""
        client = Connection(self.host, room=20_000)
        client.say(b"a SELECT INBOX\r\n")
        client.transport.most = 0
        client.pump.dataReceived(command)
        for _ in range(1000):
            self.host.clock.advance(0)
        most = client.transport.most
        self.assertNotIn(b"f OK", client.transport.value())
        self.assertIn(b"f OK", client.hear())
        return most

    def test_flags_of_many_messages(self) -> None:
        self.fill(20_000)
        self.assertLess(self.held(b"f FETCH 1:* (UID FLAGS)\r\n"), 60_000)
        self.assertLess(self.held(b"f STORE 1:* +FLAGS (\\Seen)\r\n"), 60_000)

    def test_messages(self) -> None:
        self.fill(200, b"Subject: x\r\n\r\n" + b"text\r\n" * 2000)
        self.assertLess(self.held(b"f FETCH 1:* BODY.PEEK[]\r\n"), 200_000)

    def test_its_connection_ends_when_it_does_not_read_at_all(self) -> None:
        self.fill(2000)
        client = Connection(self.host, room=1000)
        client.pump.dataReceived(b"a SELECT INBOX\r\nf FETCH 1:* (UID FLAGS)\r\n")
        self.host.clock.pump([30] * 62)
        self.assertTrue(client.transport.disconnected)


class IdleMemory(HostileCase):
    SESSIONS = 30

    def memory(self, last: bytes) -> float:
        """Return the octets that a session takes, without its socket. It has selected a mailbox of
        1,000 messages, and sent `last`."""
        kept = [self.begin(last)]
        self.host.clock.advance(31)
        gc.collect()
        tracemalloc.start()
        try:
            kept += [self.begin(last) for _ in range(self.SESSIONS)]
            self.host.clock.advance(31)
            self.host.clock.advance(31)
            gc.collect()
            return tracemalloc.get_traced_memory()[0] / self.SESSIONS
        finally:
            tracemalloc.stop()

    def begin(self, last: bytes) -> Connection:
        client = Connection(self.host)
        client.say(b"a SELECT INBOX\r\nf FETCH 1:* (UID FLAGS)\r\n")
        client.say(last)
        return client

    def test_a_session_in_idle(self) -> None:
        self.fill(1000)
        self.assertLess(self.memory(b"i IDLE\r\n"), 15_000)

    def test_a_compressed_one(self) -> None:
        self.fill(1000)
        self.assertLess(self.memory(b"i COMPRESS DEFLATE\r\n"), 25_000)


class TornAway(HostileCase):
    COMMANDS = (
        b"NOOP",
        b"CHECK",
        b"FETCH 1 (FLAGS BODY[])",
        b"FETCH 1 (RFC822.SIZE ENVELOPE)",
        b"UID FETCH 1:* (FLAGS)",
        b"STORE 1 +FLAGS (\\Flagged)",
        b"COPY 1 Trash",
        b"MOVE 1 Trash",
        b"EXPUNGE",
        b"UID EXPUNGE 1",
        b"IDLE",
        b"CLOSE",
    )

    def test_the_selected_folder_is_gone_from_the_disk(self) -> None:
        for command in self.COMMANDS:
            client = Connection(self.host)
            client.say(b"a CREATE Gone\r\nb APPEND Gone {3+}\r\nabc\r\nc SELECT Gone\r\n")
            shutil.rmtree(self.host.path_of("Gone"))
            self.host.clock.advance(5)
            answer = client.say(b"d %b\r\n" % command)
            if command == b"IDLE":
                answer += client.say(b"DONE\r\n")
            self.assertRegex(answer, rb"\* BYE |d (NO|BAD|OK) ", command)
            self.assertNotIn(b"Something failed", answer, command)

    def test_the_mail_of_the_account_is_gone_from_the_disk(self) -> None:
        for command in self.COMMANDS:
            client = Connection(self.host)
            client.say(b"b APPEND INBOX {3+}\r\nabc\r\nc SELECT INBOX\r\n")
            shutil.rmtree(self.host.path_of("INBOX"))
            self.host.clock.advance(5)
            answer = client.say(b"d %b\r\n" % command)
            if command == b"IDLE":
                answer += client.say(b"DONE\r\n")
            self.assertRegex(answer, rb"\* BYE |d (NO|BAD|OK) ", command)
            self.assertNotIn(b"Something failed", answer, command)
            self.flushLoggedErrors()
