"""A POP3 session on a fake wire, over a mailbox in memory with three messages."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from mailhost.message.client import Client, TLSState
from mailhost.message.content import Content
from mailhost.net.account_sessions import AccountSessions
from mailhost.net.sasl.mechanisms import Logins
from mailhost.pop3.session import Pop3Session
from tests.fake_wire import FakeWire, drive
from tests.fakes import RecordingEvents, address, now
from tests.memory_store import MemoryStore
from tests.smtp.fakes import FakeAuthenticator

ANN = address("ann@example.com")
TLS = TLSState("TLSv1.3", "TLS_AES_256_GCM_SHA384")
MESSAGES = (
    b"Subject: one\r\n\r\n.dot\r\n..\r\n",
    b"Subject: two\r\n\r\na\r\nb\r\nc\r\n",
    b"no end",
)


def store_with_messages() -> MemoryStore:
    """A store that has MESSAGES in Ann's inbox."""
    store = MemoryStore()
    for text in MESSAGES:
        now(store.inbox(ANN).deliver([Content((text,))]))
    return store


class SessionCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.store = store_with_messages()
        self.mailbox = self.store.inbox(ANN)
        self.account_sessions = AccountSessions()
        self.talk()

    def talk(self, tls: bool = True) -> None:
        """Begin a new session."""
        self.wire = FakeWire()
        self.authenticator = FakeAuthenticator()
        self.events = RecordingEvents()
        client = Client("192.0.2.1", 1, "pop3", tls=TLS if tls else None)
        self.session = Pop3Session(
            self.wire,
            client,
            Logins(self.authenticator),
            self.store,
            self.events,
            tls_available=True,
            hostname="mail.example.com",
            sessions=self.account_sessions,
        )
        self.session.greet()
        self.assertEqual(b"+OK mail.example.com POP3 ready\r\n", self.wire.take())

    def say(self, *lines: str) -> str:
        """Send these lines in one block; return the replies."""
        drive(self.session, "".join(line + "\r\n" for line in lines).encode())
        return self.wire.take().decode()

    def log_in(self) -> None:
        """USER and PASS."""
        said = self.say("USER ann@example.com", "PASS secret")
        self.assertTrue(said.endswith("+OK 3 messages (57 octets)\r\n"), said)
