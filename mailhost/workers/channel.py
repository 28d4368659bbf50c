"""What the head and a worker say to each other: calls by name, over a socket that both inherit.

The head makes both ends and starts the other process itself, from the same installation: so what
is said may be pickled. A message of more than LARGEST octets is for other ways.
"""

from __future__ import annotations

import pickle
import socket
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, ClassVar

from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectionLost
from twisted.internet.interfaces import IReactorSocket
from twisted.internet.protocol import Factory, connectionDone
from twisted.protocols import amp
from twisted.python.failure import Failure

LARGEST = 60_000  # AMP's own limit is 65,535

Answers = Mapping[str, Callable[..., Any]]


class _Ask(amp.Command):
    commandName = b"ask"
    arguments = [(b"what", amp.Unicode()), (b"given", amp.String())]
    response = [(b"answer", amp.String())]


class _Tell(amp.Command):
    commandName = b"tell"
    arguments = [(b"what", amp.Unicode()), (b"given", amp.String())]
    response: ClassVar[list[Any]] = []
    requiresAnswer = False


class _Hand(amp.Command):
    commandName = b"hand"
    arguments = [
        (b"fd", amp.Descriptor()),
        (b"what", amp.Unicode()),
        (b"given", amp.String()),
    ]
    response: ClassVar[list[Any]] = []
    requiresAnswer = False


class Channel(amp.AMP):
    """One end. `answers` are the calls that the other side may make; `gone` ends it."""

    def __init__(self, answers: Answers, gone: Callable[[], None]) -> None:
        amp.AMP.__init__(self)
        self._answers = answers
        self._gone = gone

    def tell(self, what: str, *given: object) -> None:
        """Call `what` at the other side. Nothing comes back."""
        if self.transport is not None:
            self._call(_Tell, what, given)

    def hand(self, fd: int, what: str, *given: object) -> None:
        """Call `what` at the other side with a copy of a descriptor, before all else given."""
        if self.transport is not None:
            self._call(_Hand, what, given, fd=fd)

    async def ask(self, what: str, *given: object) -> Any:
        """Call `what` at the other side and return what it returns, or raise what it raises.

        Raises ConnectionLost where the other side is gone.
        """
        if self.transport is None:
            raise ConnectionLost("the other process is gone")
        box = await self._call(_Ask, what, given)
        good, answer = pickle.loads(box["answer"])
        if not good:
            raise answer
        return answer

    def _call(self, command: type[amp.Command], what: str, given: object, **more: object) -> Any:
        call: Any = self.callRemote
        return call(command, what=what, given=pickle.dumps(given), **more)

    @_Tell.responder
    def _told(self, what: str, given: bytes) -> dict[str, Any]:
        self._answers[what](*pickle.loads(given))
        return {}

    @_Hand.responder
    def _handed(self, fd: int, what: str, given: bytes) -> dict[str, Any]:
        self._answers[what](fd, *pickle.loads(given))
        return {}

    @_Ask.responder
    def _asked(self, what: str, given: bytes) -> Deferred[dict[str, bytes]]:
        return Deferred.fromCoroutine(self._answer(what, pickle.loads(given)))

    async def _answer(self, what: str, given: tuple[Any, ...]) -> dict[str, bytes]:
        try:
            answer = self._answers[what](*given)
            if isinstance(answer, Awaitable):
                answer = await answer
        except Exception as error:  # noqa: BLE001 - raised at the other side
            return {"answer": pickle.dumps((False, error))}
        return {"answer": pickle.dumps((True, answer))}

    # AMP's own would log each beginning and end

    def makeConnection(self, transport: Any) -> None:
        """The other process listens."""
        amp.BinaryBoxProtocol.makeConnection(self, transport)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """The other process is gone, or we left."""
        amp.BinaryBoxProtocol.connectionLost(self, reason)
        self.transport = None
        self._gone()


def attach(reactor: IReactorSocket, channel: Channel, fd: int) -> None:
    """Have `channel` speak over a socket that is ours; its descriptor is closed here."""
    factory: Any = Factory.forProtocol(lambda: channel)
    factory.noisy = False
    reactor.adoptStreamConnection(fd, socket.AF_UNIX, factory)
    socket.close(fd)
