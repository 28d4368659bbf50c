"""Connects one protocol to an endpoint."""

from __future__ import annotations

from twisted.internet.defer import CancelledError
from twisted.internet.error import ConnectError, ConnectingCancelledError, ConnectionClosed
from twisted.internet.interfaces import IAddress, IReactorTime, IStreamClientEndpoint
from twisted.internet.protocol import Factory, Protocol


class ConnectFailed(Exception):
    """The connection could not be made; the message has the reason."""


class OneConnection(Factory):
    """A factory for one connection. Its start and stop are not logged."""

    noisy = False

    def __init__(self, connection: Protocol) -> None:
        self._connection = connection

    def buildProtocol(self, addr: IAddress | None) -> Protocol:
        return self._connection


async def connect(
    endpoint: IStreamClientEndpoint, connection: Protocol, clock: IReactorTime, seconds: float
) -> None:
    """Connect within `seconds`. Raises ConnectFailed; CancelledError if the caller is cancelled."""
    connecting = endpoint.connect(OneConnection(connection))
    timer = clock.callLater(seconds, connecting.cancel)
    try:
        await connecting
    except (CancelledError, ConnectingCancelledError) as error:
        if timer.active():  # the caller was cancelled, and not by the timer
            raise CancelledError from error
        raise ConnectFailed(f"timed out after {seconds:g} s") from error
    except (ConnectError, ConnectionClosed, OSError) as error:
        raise ConnectFailed(str(error)) from error
    finally:
        if timer.active():
            timer.cancel()
