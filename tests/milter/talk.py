"""A client whose filter is the test: scripts of what is sent to a filter and what it answers.

The packets are read and made here by hand, so that a fault in our own codec is seen.
"""

from __future__ import annotations

import struct
from collections.abc import Coroutine, Iterator
from dataclasses import replace
from typing import Any, TypeVar

from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectionLost
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from mailhost.message.address import Address
from mailhost.message.client import Client
from mailhost.message.content import Content
from mailhost.milter.client import MilterClient, MilterTimeouts
from mailhost.milter.codec import MilterFailed
from mailhost.milter.edits import Edits
from mailhost.milter.negotiation import OFFER, MilterOptions
from mailhost.milter.session import MilterSession
from mailhost.milter.verdict import GO_ON

T = TypeVar("T")
FAR = Client("192.0.2.1", 4025)
ANN = Address("ann", "example.org")
BOB = Address("bob", "example.net")
CONTENT = Content((b"Subject: hi\r\nTo: bob\r\n\r\nHello\r\n",))
ALL_ANSWERED = "F: O|6|1ff|0"
SILENT = "F: O|6|1ff|f6080"  # it answers CONNECT, RCPT and the end alone


class Transport(StringTransport):
    """`aborted` is a close at once."""

    aborted = False

    def abortConnection(self) -> None:
        self.aborted = True


class MilterCase(SynchronousTestCase):
    """Plays scripts, line by line; at each line nothing else may have been sent.

    C: this packet must have been sent; F: the filter sends it; both as the letter and the strings
    with `|` between them, escapes as in Python. `= lost`, `= wait SECONDS`, `= full`, `= writable`.
    """

    offer: MilterOptions = replace(OFFER)

    def setUp(self) -> None:
        self.clock = Clock()
        self.wire = Transport()
        self.session = MilterSession(self.offer)
        self.client = MilterClient(self.clock, self.session, MilterTimeouts())
        self.client.makeConnection(self.wire)

    def play(self, work: Coroutine[Any, Any, T], script: str) -> Deferred[T]:
        """Start `work` and play the script."""
        done = Deferred.fromCoroutine(work)
        self.lines(script)
        return done

    def lines(self, script: str) -> None:
        """Play the script."""
        for line in filter(None, map(str.strip, script.splitlines())):
            kind, _, text = line.partition(" ")
            if kind == "C:":
                self.expect(text)
                continue
            self.assertEqual([], list(self.sent()), f"sent before {line!r}")
            if kind == "F:":
                self.client.dataReceived(octets(text))
            else:
                self.happen(text)
        self.assertEqual([], list(self.sent()), "sent after the script")

    def happen(self, text: str) -> None:
        """Let something happen to the connection."""
        if text == "lost":
            self.client.connectionLost(Failure(ConnectionLost()))
        elif text == "full":
            self.client.pauseProducing()
        elif text == "writable":
            self.client.resumeProducing()
        else:
            self.clock.advance(float(text.removeprefix("wait ")))

    def sent(self) -> Iterator[str]:
        """Yield the packets that were sent and not expected yet."""
        data = self.wire.value()
        while data:
            (length,) = struct.unpack_from("!I", data)
            packet, data = data[4 : 4 + length], data[4 + length :]
            yield explanation(packet)

    def expect(self, wanted: str) -> None:
        """This packet must have been sent next."""
        self.assertEqual(wanted, next(self.sent(), "nothing"))
        data = self.wire.value()
        (length,) = struct.unpack_from("!I", data)
        self.wire.clear()
        self.wire.write(data[4 + length :])

    def open(self, answer: str = ALL_ANSWERED) -> None:
        """Negotiate."""
        offer = self.offer
        script = f"C: O|{offer.version}|{offer.actions:x}|{offer.protocol_flags:x}\n{answer}"
        self.successResultOf(self.play(self.client.negotiate(), script))

    def greet(self, answer: str = ALL_ANSWERED) -> None:
        """Negotiate, and report a client that the filter accepts."""
        self.open(answer)
        script = "C: D|C\nC: C|[192.0.2.1]|4|4025|192.0.2.1\nF: c"
        self.successResultOf(self.play(self.client.begin(FAR, {}), script))

    def envelope(self, answer: str = ALL_ANSWERED) -> None:
        """Report everything up to DATA, for one recipient."""
        self.greet(answer)
        reply = "F: c" if answer == ALL_ANSWERED else ""
        for work, sent, answered in (
            (self.client.mail(ANN, [], {}), "C: D|M\nC: M|<ann@example.org>", reply),
            (self.client.recipient(BOB, [], {}), "C: D|R\nC: R|<bob@example.net>", "F: c"),
            (self.client.data({}), "C: D|T\nC: T", reply),
        ):
            self.successResultOf(self.play(work, f"{sent}\n{answered}"))

    def shown(self, content: bytes, answer: str = SILENT) -> list[str]:
        """Return the packets of content that a filter gets, without macros."""
        self.setUp()
        self.envelope(answer)
        done = Deferred.fromCoroutine(self.client.message(Content((content,)), {}))
        shown = [text for text in self.sent() if not text.startswith("D|")]
        self.wire.clear()
        self.lines("F: c")
        self.assertEqual((GO_ON, Edits()), self.successResultOf(done))
        return shown

    def assert_failed(self, work: Deferred[Any], fault: str) -> None:
        """The question must have failed with this text, and the connection must be closed."""
        self.assertIn(fault, str(self.failureResultOf(work, MilterFailed).value))
        self.assertTrue(self.wire.aborted)


def octets(text: str) -> bytes:
    """Return the packet that a line of a script describes."""
    letter, *parts = text.split("|")
    if letter == "O":
        numbers = struct.pack("!3I", *(int(part, 16) for part in parts[:3]))
        lists = (
            struct.pack("!I", int(stage)) + f"{names}\0".encode()
            for stage, names in zip(parts[3::2], parts[4::2], strict=True)
        )
        data = numbers + b"".join(lists)
    elif letter in "im":
        data = struct.pack("!I", int(parts[0])) + b"".join(map(_string, parts[1:]))
    elif letter == "b":
        data = _unescaped(parts[0])
    else:
        data = b"".join(map(_string, parts))
    return struct.pack("!I", 1 + len(data)) + letter.encode() + data


def explanation(packet: bytes) -> str:
    """Return the line of a script that describes a packet."""
    letter, data = packet[:1].decode(), packet[1:]
    if letter == "O":
        return "O|" + "|".join(f"{number:x}" for number in struct.unpack("!3I", data))
    if letter == "B":
        return f"B|{_escaped(data)}"
    prefix = letter
    if letter == "D":
        prefix, data = f"D|{data[:1].decode()}", data[1:]
    elif letter == "C":
        name, _, rest = data.partition(b"\0")
        prefix, data = f"C|{name.decode()}|{rest[:1].decode()}", rest[1:]
        if data:
            prefix, data = f"{prefix}|{struct.unpack('!H', data[:2])[0]}", data[2:]
    return "|".join([prefix, *map(_escaped, data.split(b"\0")[:-1])])


def _string(part: str) -> bytes:
    return _unescaped(part) + b"\0"


def _unescaped(part: str) -> bytes:
    return part.encode("latin-1").decode("unicode_escape").encode("latin-1")


def _escaped(data: bytes) -> str:
    return data.decode("latin-1").encode("unicode_escape").decode()
