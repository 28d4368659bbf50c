"""One question to one DNS server, over UDP or TCP (RFC 1035 §4.2).

Each question has a socket of its own, connected to its server: the port is as hard to guess as the
id, what others send never arrives, and a server that is not there is known at once. (A port of
twisted.names logs each question twice.) Octets that do not answer this question are ignored; an
answer to it that cannot be decoded is a failure of the server.
"""

from __future__ import annotations

import secrets
import socket
import struct
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.endpoints import TCP4ClientEndpoint, TCP6ClientEndpoint
from twisted.internet.interfaces import IReadDescriptor
from twisted.internet.protocol import connectionDone
from twisted.names import dns
from twisted.protocols.basic import Int16StringReceiver
from twisted.python.failure import Failure
from zope.interface import implementer

from mailhost.interfaces.reactor import IReactor
from mailhost.net.connect import OneConnection
from mailhost.net.dns.servers import Server

LARGEST_ANSWER = 65_535  # octets of an answer
LARGEST_DATAGRAM = 1232  # octets of an answer over UDP that pass every network unfragmented
_HEADER = 12  # octets before the question (RFC 1035 §4.1.1)
# the record that says how large a datagram may be, and that the answer may be authenticated by
# DNSSEC: root, OPT, size, extended code 0, version 0, DO, no options (RFC 6891 §6.1, RFC 3225 §3)
_EDNS = b"\0" + struct.pack(">HHIH", dns.OPT, LARGEST_DATAGRAM, 0x8000, 0)


class MalformedAnswer(OSError):
    """The server answered the question, and its answer cannot be decoded."""


class QuestionMessage:
    """A question as a message, and what is an answer to it. `edns` asks for DNSSEC too. Resolvers
    are asked with `recursion`, servers of a zone without."""

    def __init__(self, query: dns.Query, edns: bool = True, recursion: bool = True) -> None:
        self._query = query
        self._edns = edns
        self._recursion = recursion
        self._id = secrets.randbelow(1 << 16)

    def _plain(self) -> bytes:
        """The message without EDNS0."""
        # AD asks whether the answer is authenticated, also without EDNS0 (RFC 6840 §5.7)
        asked = int(self._recursion)
        message = dns.Message(self._id, recDes=asked, authenticData=asked)
        message.queries = [self._query]
        return bytes(message.toStr())

    def __bytes__(self) -> bytes:
        wire = self._plain()
        # ARCOUNT, the last two octets of the message's header, is 1 then
        return wire[:10] + b"\0\1" + wire[12:] + _EDNS if self._edns else wire

    def read(self, data: bytes) -> dns.Message | None:
        """Return the answer in `data`, None where it is none, or none to this question. Raises
        MalformedAnswer."""
        message = dns.Message()
        try:
            message.fromStr(data)
        except Exception as error:  # twisted.names raises many kinds for malformed octets
            if self._is_answered_by(data):
                text = " ".join(str(error).split())[:100] or type(error).__name__
                raise MalformedAnswer(f"the answer is malformed: {text}") from error
            return None
        if message.id != self._id or not message.answer or message.queries != [self._query]:
            return None
        return message

    def _is_answered_by(self, data: bytes) -> bool:
        """True for octets that begin with our id, the mark of an answer, and our question."""
        wire = self._plain()
        if len(data) < len(wire) or data[:2] != wire[:2] or not data[2] & 0x80:
            return False
        return data[_HEADER : len(wire)].lower() == wire[_HEADER:].lower()


async def ask_over_udp(
    reactor: IReactor, server: Server, question: QuestionMessage, seconds: float
) -> Any:
    """Return the answer as a Message. Raises TimeoutError of twisted.internet.defer, OSError, of
    which MalformedAnswer is one."""
    asking = _Datagrams(reactor, server, question)
    try:
        return await asking.answer.addTimeout(seconds, reactor)
    finally:
        asking.close()


async def ask_over_tcp(
    reactor: IReactor, server: Server, question: QuestionMessage, seconds: float
) -> Any:
    """As `ask_over_udp`, for answers that do not fit a datagram."""
    endpoint = (TCP6ClientEndpoint if ":" in server[0] else TCP4ClientEndpoint)(reactor, *server)
    stream = _Stream(question)
    connecting: Deferred[Any] = endpoint.connect(OneConnection(stream))
    await connecting.addTimeout(seconds, reactor)
    try:
        return await stream.answer.addTimeout(seconds, reactor)
    finally:
        if stream.transport is not None:
            stream.transport.abortConnection()  # type: ignore[attr-defined] # it is TCP
        await stream.lost


@implementer(IReadDescriptor)
class _Datagrams:
    """A UDP socket for one question. Raises OSError."""

    def __init__(self, reactor: IReactor, server: Server, question: QuestionMessage) -> None:
        self.answer: Deferred[dns.Message] = Deferred()
        self._reactor = reactor
        self._question = question
        family = socket.AF_INET6 if ":" in server[0] else socket.AF_INET
        self._socket = socket.socket(family, socket.SOCK_DGRAM)
        try:
            self._socket.setblocking(False)
            self._socket.connect(server)
            self._socket.send(bytes(question))
        except BaseException:
            self._socket.close()
            raise
        reactor.addReader(self)

    def fileno(self) -> int:
        return self._socket.fileno()

    def logPrefix(self) -> str:
        return "dns"

    def doRead(self) -> None:
        try:
            message = self._question.read(self._socket.recv(LARGEST_ANSWER))
        except BlockingIOError:
            return
        except OSError as error:  # no process listens there, by ICMP; or the answer is malformed
            if not self.answer.called:
                self.answer.errback(error)
            return
        if message is not None and not self.answer.called:
            self.answer.callback(message)

    def connectionLost(self, reason: Failure) -> None:
        """The reactor dropped the socket because of an error, which reading it raises: epoll does
        not ask for a reading then."""
        self.doRead()

    def close(self) -> None:
        self._reactor.removeReader(self)
        self._socket.close()


class _Stream(Int16StringReceiver):
    """A TCP connection for one question."""

    def __init__(self, question: QuestionMessage) -> None:
        self.answer: Deferred[dns.Message] = Deferred()
        self.lost: Deferred[None] = Deferred()
        self._question = question

    def connectionMade(self) -> None:
        self.sendString(bytes(self._question))  # type: ignore[no-untyped-call] # Twisted's

    def stringReceived(self, string: bytes) -> None:
        try:
            message = self._question.read(string)
        except MalformedAnswer as error:
            if not self.answer.called:
                self.answer.errback(error)
            return
        if message is not None and not self.answer.called:
            self.answer.callback(message)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        if not self.answer.called:
            self.answer.errback(reason)
        self.lost.callback(None)
