"""Connects to a port of a server, and finds the reason why a connection fails or ends."""

from __future__ import annotations

import errno
from collections.abc import Callable
from dataclasses import dataclass, replace

from OpenSSL import SSL
from twisted.internet import error
from twisted.internet.defer import CancelledError
from twisted.internet.endpoints import TCP4ClientEndpoint, TCP6ClientEndpoint
from twisted.internet.interfaces import IReactorTime, IStreamClientEndpoint
from twisted.internet.protocol import Protocol

from mailhost.doctor.server.record import Kind
from mailhost.doctor.server.services import Place
from mailhost.interfaces.reactor import IReactor
from mailhost.net.connect import ConnectFailed, connect

_NO_ROUTE = frozenset(
    {errno.ENETUNREACH, errno.EHOSTUNREACH, errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT, errno.EINVAL}
)

OpenEndpoint = Callable[[Place, float], IStreamClientEndpoint]
"""Returns the endpoint of a place; the number is the time limit in seconds."""


class Broken(Exception):
    """A connection could not be made, ended early, or does not follow the protocol.

    `kind` is the kind of failure, `text` the message of the server or of the system.
    """

    def __init__(self, kind: Kind, text: str = "") -> None:
        super().__init__(text or kind.value)
        self.kind = kind
        self.text = text


@dataclass(frozen=True, slots=True)
class Limits:
    """Seconds for each part of a probe. `whole` is for all of one probe.

    `ports` and `everything` count from the begin of a survey. A further attempt at a port begins
    only if it ends before `ports`, whatever the server does; logins and recipients end before
    `everything`. So the survey ends with all that was seen before the check itself is cancelled.
    """

    connect: float = 6.0
    greeting: float = 12.0
    handshake: float = 6.0
    command: float = 10.0
    whole: float = 20.0
    ports: float = 36.0
    everything: float = 53.0

    @property
    def shorter(self) -> Limits:
        """Limits for a second probe of a server that has shown that it answers."""
        return replace(self, greeting=self.greeting / 3, whole=self.whole / 2)


def endpoints_of(reactor: IReactor) -> OpenEndpoint:
    """Return a function that makes the endpoint for each port."""

    def open_endpoint(place: Place, seconds: float) -> IStreamClientEndpoint:
        make = TCP6ClientEndpoint if ":" in place.address else TCP4ClientEndpoint
        return make(reactor, place.address, place.port, timeout=seconds)

    return open_endpoint


async def connect_to(
    endpoint: IStreamClientEndpoint, protocol: Protocol, clock: IReactorTime, seconds: float
) -> None:
    """Connect within `seconds`. Raises Broken; CancelledError if the caller is cancelled."""
    try:
        await connect(endpoint, protocol, clock, seconds)
    except ConnectFailed as failed:
        raise Broken(_kind_of_refusal(failed.__cause__), str(failed)) from failed


def _kind_of_refusal(cause: BaseException | None) -> Kind:
    if isinstance(cause, CancelledError | error.ConnectingCancelledError | error.TimeoutError):
        return Kind.TIMED_OUT
    if isinstance(cause, error.TCPTimedOutError):
        return Kind.TIMED_OUT
    if isinstance(cause, error.ConnectionRefusedError | ConnectionRefusedError):
        return Kind.REFUSED
    number = getattr(cause, "osError", None) or getattr(cause, "errno", None)
    if isinstance(cause, error.NoRouteError) or number in _NO_ROUTE:
        return Kind.UNREACHABLE
    return Kind.RESET


def kind_of_end(reason: BaseException) -> Kind:
    """Return how the server ended a connection that was made."""
    if isinstance(reason, SSL.Error):
        return Kind.TLS
    return Kind.LOST if isinstance(reason, error.ConnectionDone) else Kind.RESET


def text_of_end(reason: BaseException) -> str:
    """Return the reason as a text; that of OpenSSL without its place in the source."""
    if isinstance(reason, SSL.Error) and reason.args and isinstance(reason.args[0], list):
        return ", ".join(str(each[-1]) for each in reason.args[0])
    return ""
