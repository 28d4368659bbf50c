"""The socket between the head and a worker: each side calls functions of the other.

The head makes both ends and starts the other process itself, from the same installation, so
messages may be pickled. `calls` declares what can be called. A message has LARGEST_MESSAGE octets
and some at most; larger data goes through files. A descriptor is sent before the message that
belongs to it. Twisted sends it in a later turn of the reactor, so a copy of it stays open until the
other side reports that the descriptor has arrived.

AMP of Twisted is not used: encoding its boxes took longer than all other work for a small message.
"""

from __future__ import annotations

import os
import pickle
import socket
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectionLost
from twisted.internet.interfaces import IFileDescriptorReceiver, IReactorSocket, IUNIXTransport
from twisted.internet.protocol import Factory, connectionDone
from twisted.logger import Logger
from twisted.protocols.basic import Int32StringReceiver
from twisted.python.failure import Failure
from zope.interface import implementer

from mailhost.workers.calls import Answers, Call, DescriptorCall, Notification, P, R

LARGEST_MESSAGE = 1 << 18  # octets
OTHER_GONE = "the other process is gone"

_NOTIFY, _HAND, _ASK, _RESULT, _RAISE, _ARRIVED = range(6)


@implementer(IFileDescriptorReceiver)
class Channel(Int32StringReceiver):
    """One end. `answers` are the functions for the calls of the other side; `gone` is called when
    the connection ends."""

    MAX_LENGTH = 16 * LARGEST_MESSAGE
    _log = Logger("mailhost.workers")

    def __init__(self, answers: Answers, gone: Callable[[], None]) -> None:
        self._functions = {answer.name: answer.function for answer in answers}
        self._gone = gone
        self._asked: dict[int, Deferred[Any]] = {}
        self._number = 0
        self._descriptors: deque[int] = deque()  # that arrived before their messages
        self._copies: deque[int] = deque()  # of descriptors that are on their way

    # --- calls to the other side -----------------------------------------------------------------

    def notify(self, call: Notification[P], *args: P.args, **kwargs: P.kwargs) -> None:
        """Make a call without a result. It is dropped if the other side is gone."""
        if self.transport is not None:
            self._send(_NOTIFY, 0, call.name, args)

    def hand(self, fd: int, call: DescriptorCall[P], *args: P.args, **kwargs: P.kwargs) -> None:
        """Send a descriptor, and make a call that takes it. The caller may close its own at once.

        Raises OSError if this process has no descriptor left for a copy.
        """
        if self.transport is not None:
            self._copies.append(os.dup(fd))
            IUNIXTransport(self.transport).sendFileDescriptor(self._copies[-1])
            self._send(_HAND, 0, call.name, args)

    async def ask(self, call: Call[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        """Make a call, and return its result, or raise what it raises at the other side.

        Raises ConnectionLost where the other side is gone.
        """
        if self.transport is None:
            raise ConnectionLost(OTHER_GONE)
        self._number += 1
        result: Deferred[R] = Deferred()
        self._asked[self._number] = result
        self._send(_ASK, self._number, call.name, args)
        return await result

    def _send(self, kind: int, number: int, name: str, value: object) -> None:
        send: Callable[[bytes], None] = self.sendString
        send(pickle.dumps((kind, number, name, value), pickle.HIGHEST_PROTOCOL))

    # --- calls from the other side ---------------------------------------------------------------

    def stringReceived(self, string: bytes) -> None:
        """A message came. A notification that fails is logged, and the connection goes on."""
        kind, number, name, value = pickle.loads(string)
        if kind in (_RESULT, _RAISE):
            result = self._asked.pop(number)
            (result.callback if kind == _RESULT else result.errback)(value)
        elif kind == _ASK:
            Deferred.fromCoroutine(self._answer(number, name, value))
        elif kind == _ARRIVED:
            os.close(self._copies.popleft())
        else:
            fds = (self._descriptors.popleft(),) if kind == _HAND else ()
            try:
                self._functions[name](*fds, *value)
            except Exception:  # noqa: BLE001 - logged; the processes go on talking
                self._log.failure("{name} failed", name=name)

    async def _answer(self, number: int, name: str, args: tuple[object, ...]) -> None:
        try:
            result = self._functions[name](*args)
            if isinstance(result, Awaitable):
                result = await result
        except Exception as error:  # noqa: BLE001 - raised at the other side
            self._send_result(_RAISE, number, error)
        else:
            self._send_result(_RESULT, number, result)

    def _send_result(self, kind: int, number: int, result: object) -> None:
        if self.transport is None:
            return
        try:
            self._send(kind, number, "", result)
        except Exception as error:  # noqa: BLE001 - cannot be pickled, but the caller waits
            self._send(_RAISE, number, "", RuntimeError(f"{result!r} cannot be sent: {error}"))

    def fileDescriptorReceived(self, descriptor: int) -> None:
        """Keep a descriptor for the message that follows."""
        self._descriptors.append(descriptor)
        if self.transport is not None:
            self._send(_ARRIVED, 0, "", None)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """The connection ended, from either side."""
        self.transport = None
        for fd in (*self._copies, *self._descriptors):
            os.close(fd)
        self._copies.clear()
        self._descriptors.clear()
        asked, self._asked = self._asked, {}
        for result in asked.values():
            result.errback(ConnectionLost(OTHER_GONE))
        self._gone()


def attach(reactor: IReactorSocket, channel: Channel, fd: int) -> None:
    """Connect `channel` to a socket. Its descriptor is closed here."""
    factory: Any = Factory.forProtocol(lambda: channel)
    factory.noisy = False
    reactor.adoptStreamConnection(fd, socket.AF_UNIX, factory)
    socket.close(fd)
