"""All listeners of the host: opened at the start, and opened and closed by a reload."""

from __future__ import annotations

from collections.abc import Sequence

from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.error import CannotListenError

from mailhost.application.foundation import Foundation
from mailhost.application.listeners import Listener, cannot_listen
from mailhost.application.protocols import make_factory, serve
from mailhost.application.services import Services
from mailhost.config.model import Listen, Settings
from mailhost.config.protocol import ListenProtocol
from mailhost.interfaces.events import Faulted
from mailhost.interfaces.reactor import IReactor

LATER_DEFAULTS = frozenset((ListenProtocol.IMAP, ListenProtocol.IMAPS))
"""Default listeners that were added after the first release. Beside them another server may run
on a host that is upgraded, so it must start without them."""


class ListenerSet:
    """The head has one. It is empty until `open` and `use` are called."""

    def __init__(self, reactor: IReactor) -> None:
        self._reactor = reactor
        self._listeners: Sequence[Listener] = ()

    def open(self, foundation: Foundation, settings: Settings) -> list[Listener]:
        """Open those listeners of the settings whose sockets are not open yet, and return them.

        All or none are opened. Raises CannotListenError.
        """
        opened: list[Listener] = []
        try:
            for listen in settings.listen:
                if all(old.listen.socket != listen.socket for old in self._listeners):
                    listener = self._opened(foundation, settings, listen)
                    if listener is not None:
                        opened.append(listener)
        except CannotListenError:
            close_all(opened)
            raise
        return opened

    def _opened(
        self, foundation: Foundation, settings: Settings, listen: Listen
    ) -> Listener | None:
        """Open one listener. None, and a warning, where another program has the port of a default
        listener that older versions did not have."""
        listener = Listener(self._reactor, listen, make_factory(foundation, listen))
        try:
            listener.open(settings.user)
        except CannotListenError as error:
            if not (settings.listens_by_default and listen.protocol in LATER_DEFAULTS):
                raise
            text = f"{cannot_listen(error)}; the host runs without {listen.protocol.value}"
            foundation.events.emit(Faulted("listen", text))
            return None
        return listener

    def use(self, opened: Sequence[Listener], settings: Settings) -> None:
        """Add listeners that `open` returned, and close those that the settings no longer have."""
        wanted = {listen.socket: listen for listen in settings.listen}
        kept = [old for old in self._listeners if old.listen.socket in wanted]
        for listener in self._listeners:
            if listener not in kept:
                Deferred.fromCoroutine(_retire(listener, settings.limits.stop_timeout))
        self._listeners = [*kept, *opened]
        for listener in self._listeners:
            listener.listen = wanted[listener.listen.socket]

    def serve(self, services: Services) -> None:
        """Have each listener make its sessions with these services from now on."""
        for listener in self._listeners:
            serve(listener.factory, services, listener.listen)

    def shared(self) -> list[tuple[int, Listen]]:
        """Return the sockets that workers can serve too, each a descriptor and its listener."""
        shared = [(listener.shared, listener.listen) for listener in self._listeners]
        return [(fd, listen) for fd, listen in shared if fd is not None]

    def addresses(self) -> list[str]:
        """Return the protocol and address of each listener, for the log."""
        return [f"{each.listen.protocol.value} on {each.address}" for each in self._listeners]

    async def close(self) -> None:
        """Accept no more connections."""
        for listener in self._listeners:
            await listener.close()

    async def drain(self, seconds: float) -> None:
        """Let transactions under way end within `seconds`, then close every connection."""
        await gatherResults(
            [Deferred.fromCoroutine(listener.drain(seconds)) for listener in self._listeners]
        )


def close_all(listeners: Sequence[Listener]) -> None:
    """Close listeners that serve no connection yet."""
    for listener in listeners:
        Deferred.fromCoroutine(listener.close())


async def _retire(listener: Listener, seconds: float) -> None:
    await listener.close()
    await listener.drain(seconds)
