"""Connects one protocol to an endpoint."""

from __future__ import annotations

from twisted.internet.defer import CancelledError
from twisted.internet.error import ConnectError, ConnectingCancelledError, ConnectionClosed
from twisted.internet.interfaces import IAddress, IReactorTime, IStreamClientEndpoint
from twisted.internet.protocol import Factory, Protocol


class ConnectFailed(Exception):
    """There is no connection; the text says why."""


class OneConnection(Factory):
    """A factory of one connection, which the log does not mention."""

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
        if timer.active():  # it was not the timer: the caller itself was cancelled
            raise CancelledError from error
        raise ConnectFailed(f"timed out after {seconds:g} s") from error
    except (ConnectError, ConnectionClosed, OSError) as error:
        raise ConnectFailed(str(error)) from error
    finally:
        if timer.active():
            timer.cancel()
