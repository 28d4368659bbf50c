"""All that a client may send to a POP3 listener (RFC 1939, RFC 5034)."""

from __future__ import annotations

import re

from mailhost.message.client import Client, TLSState
from mailhost.net.sasl.mechanisms import Logins
from mailhost.pop3.session import Pop3Session
from tests.fake_wire import FakeWire, drive
from tests.fakes import RecordingEvents
from tests.fuzz.cutting import result_of_any_cut
from tests.pop3.session_case import MESSAGES, store_with_messages
from tests.smtp.fakes import ANN, FakeAuthenticator

TLS = TLSState("TLSv1.3", "TLS_AES_256_GCM_SHA384")
LOG_IN = b"USER ann@example.com\r\nPASS secret\r\n"
_FIRST = re.compile(rb"(?:\+OK|-ERR)(?: [ -~]*)?|\+ [A-Za-z0-9+/=]*")


def target(data: bytes) -> None:
    result_of_any_cut(data, lambda blocks: _run(blocks, TLS))
    result_of_any_cut(data, lambda blocks: _run(blocks, None))
    result_of_any_cut(LOG_IN + data, lambda blocks: _run(blocks, TLS))


class _Wire(FakeWire):
    """Looks at what is written but messages."""

    def write(self, data: bytes) -> None:
        first, *others = data.removesuffix(b"\r\n").split(b"\r\n")
        assert data.endswith(b"\r\n")
        assert _FIRST.fullmatch(first), first
        assert len(first) <= 510
        if others:
            assert others[-1] == b"."
            assert not any(line.startswith(b".") for line in others[:-1])
        super().write(data)


def _run(blocks: list[bytes], tls: TLSState | None) -> object:
    store, wire, events = store_with_messages(), _Wire(), RecordingEvents()
    session = Pop3Session(
        wire,
        Client("192.0.2.1", 1, "pop3", tls=tls),
        Logins(FakeAuthenticator()),
        store,
        events,
        tls_available=True,
        hostname="mail.example.com",
    )
    session.greet()
    failures = list[object]()
    for block in blocks:
        if not wire.handshakes:  # what comes in the clear after that never reaches the session
            drive(session, block).addErrback(failures.append)
    assert failures == []
    session.lost("")
    mailbox, wire_octets = store.inbox(ANN), b"".join(blocks).upper()
    assert not mailbox.locked, "the lock is kept"
    if len(mailbox.contents) < len(MESSAGES):
        assert b"DELE" in wire_octets
        assert b"QUIT" in wire_octets
    return bytes(wire.sent), wire.hung_up, wire.handshakes, sorted(mailbox.contents), events.lines
