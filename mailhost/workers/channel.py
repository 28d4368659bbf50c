"""What the head and a worker say to each other: calls by name, over a socket that both inherit.

The head makes both ends and starts the other process itself, from the same installation: so what
is said may be pickled. A message is at most LARGEST octets and some; what is more goes other ways.
Descriptors go ahead of the message that speaks of them.

This is not AMP, whose boxes cost more than all else that is done for a small message.
"""

from __future__ import annotations

import pickle
import socket
from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectionLost
from twisted.internet.interfaces import IFileDescriptorReceiver, IReactorSocket
from twisted.internet.protocol import Factory, connectionDone
from twisted.logger import Logger
from twisted.protocols.basic import Int32StringReceiver
from twisted.python.failure import Failure
from zope.interface import implementer

LARGEST = 1 << 18

Answers = Mapping[str, Callable[..., Any]]

_NOTIFY, _HAND, _ASK, _ANSWER, _RAISE = range(5)


@implementer(IFileDescriptorReceiver)
class Channel(Int32StringReceiver):
    """One end. `answers` are the calls that the other side may make; `gone` ends it."""

    MAX_LENGTH = 16 * LARGEST
    _log = Logger("mailhost.workers")

    def __init__(self, answers: Answers, gone: Callable[[], None]) -> None:
        self._answers = answers
        self._gone = gone
        self._asked: dict[int, Deferred[Any]] = {}
        self._number = 0
        self._descriptors: deque[int] = deque()

    # --- what is said ----------------------------------------------------------------------------

    def notify(self, what: str, *given: object) -> None:
        """Call `what` at the other side. Nothing comes back."""
        if self.transport is not None:
            self._say(_NOTIFY, 0, what, given)

    def hand(self, fd: int, what: str, *given: object) -> None:
        """Call `what` at the other side with a copy of a descriptor, before all else given."""
        if self.transport is not None:
            transport: Any = self.transport
            transport.sendFileDescriptor(fd)
            self._say(_HAND, 0, what, given)

    async def ask(self, what: str, *given: object) -> Any:
        """Call `what` at the other side and return what it returns, or raise what it raises.

        Raises ConnectionLost where the other side is gone.
        """
        if self.transport is None:
            raise ConnectionLost("the other process is gone")
        self._number += 1
        answer = self._asked[self._number] = Deferred()
        self._say(_ASK, self._number, what, given)
        return await answer

    def _say(self, kind: int, number: int, what: str, given: object) -> None:
        send: Any = self.sendString
        send(pickle.dumps((kind, number, what, given), pickle.HIGHEST_PROTOCOL))

    # --- what is heard ---------------------------------------------------------------------------

    def stringReceived(self, string: bytes) -> None:
        """The other side said something. A bug in what it calls is told, and no more."""
        kind, number, what, given = pickle.loads(string)
        if kind in (_ANSWER, _RAISE):
            answer = self._asked.pop(number)
            (answer.callback if kind == _ANSWER else answer.errback)(given)
        elif kind == _ASK:
            Deferred.fromCoroutine(self._answer(number, what, given))
        else:
            fds = (self._descriptors.popleft(),) if kind == _HAND else ()
            try:
                self._answers[what](*fds, *given)
            except Exception:  # noqa: BLE001 - told; the processes go on talking
                self._log.failure("{what} failed", what=what)

    async def _answer(self, number: int, what: str, given: tuple[Any, ...]) -> None:
        try:
            result = self._answers[what](*given)
            if isinstance(result, Awaitable):
                result = await result
        except Exception as error:  # noqa: BLE001 - raised at the other side
            self._say_back(_RAISE, number, error)
        else:
            self._say_back(_ANSWER, number, result)

    def _say_back(self, kind: int, number: int, result: object) -> None:
        if self.transport is None:
            return
        try:
            self._say(kind, number, "", result)
        except Exception as error:  # noqa: BLE001 - what cannot be pickled; somebody waits
            self._say(_RAISE, number, "", RuntimeError(f"{result!r} cannot be sent: {error}"))

    def fileDescriptorReceived(self, descriptor: int) -> None:
        """A descriptor for the message that follows."""
        self._descriptors.append(descriptor)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """The other process is gone, or we left."""
        self.transport = None
        asked, self._asked = self._asked, {}
        for answer in asked.values():
            answer.errback(ConnectionLost("the other process is gone"))
        self._gone()


def attach(reactor: IReactorSocket, channel: Channel, fd: int) -> None:
    """Have `channel` speak over a socket that is ours; its descriptor is closed here."""
    factory: Any = Factory.forProtocol(lambda: channel)
    factory.noisy = False
    reactor.adoptStreamConnection(fd, socket.AF_UNIX, factory)
    socket.close(fd)
