"""All listeners of the host: opened at the start, and opened and closed by a reload."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.error import CannotListenError

from mailhost.application.foundation import Foundation
from mailhost.application.listeners import Listener, cannot_listen
from mailhost.application.protocols import make_factory, serve
from mailhost.application.services import Services
from mailhost.config.endpoint import Endpoint, parse_endpoint
from mailhost.config.model import Listen, Settings
from mailhost.config.protocol import ListenProtocol
from mailhost.interfaces.events import Warned
from mailhost.interfaces.reactor import IReactor

LATER_DEFAULTS = frozenset(
    (ListenProtocol.IMAP, ListenProtocol.IMAPS, ListenProtocol.HTTP, ListenProtocol.HTTPS)
)
"""Default listeners that were added after the first release, and those of the web. Another program
may serve their ports on a host that is upgraded, so the host must start without them."""

# kinds of endpoints whose sockets another listener can take over; with other kinds, Twisted or a
# plugin wraps the factory
TAKEN_OVER = ("tcp", "tcp6", "unix", "systemd")


class ListenerSet:
    """The head has one. It is empty until `open` and `use` are called."""

    def __init__(self, reactor: IReactor) -> None:
        self._reactor = reactor
        self._listeners: Sequence[Listener] = ()
        self._removed: list[Listener] = []  # their sockets are open until `close_removed`
        self._retired: list[Listener] = []  # their sockets are closed, but not their connections

    def open(self, foundation: Foundation, settings: Settings) -> list[Listener]:
        """Make those listeners of the settings that are new or changed, and return them.

        All sockets that are not open yet are opened, or none. `use` has a changed listener take
        over the socket of the former one.

        Raises CannotListenError.
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
            if self._former(listen) is None:
                listener.open(settings.user)
        except CannotListenError as error:
            if not (settings.listens_by_default and listen.protocol in LATER_DEFAULTS):
                raise
            text = f"{cannot_listen(error)}; the host runs without {listen.protocol.value}"
            foundation.events.emit(Warned("listen", text))
            return None
        return listener

    def _former(self, listen: Listen) -> Listener | None:
        """Return the listener whose socket `listen` can take over, None where none is in the place.

        Raises CannotListenError if a listener of this host is there whose socket does not fit.
        """
        endpoint = parse_endpoint(listen.endpoint)
        for former in self._listeners:
            there = parse_endpoint(former.listen.endpoint)
            if endpoint.overlaps(there):
                if _socket_of(endpoint) == _socket_of(there) and endpoint.kind in TAKEN_OVER:
                    return former
                what = f"for {former.listen.protocol.value} on {former.listen.endpoint}"
                text = f"this host listens there itself, {what}; restart the host to change that"
                raise CannotListenError(None, listen.endpoint, text)
        return None

    def use(self, opened: Sequence[Listener], settings: Settings) -> None:
        """Add listeners that `open` returned, and take out those that the settings no longer have;
        `close_removed` closes these."""
        for listener in opened:
            former = self._former(listener.listen)
            if former is not None:
                listener.take_over(former)
        wanted = {listen.socket: listen for listen in settings.listen}
        kept = [old for old in self._listeners if old.listen.socket in wanted]
        self._removed += [listener for listener in self._listeners if listener not in kept]
        self._listeners = [*kept, *opened]
        for listener in self._listeners:
            listener.listen = wanted[listener.listen.socket]

    async def close_removed(self) -> None:
        """Close the sockets of removed listeners. Called when the workers have closed theirs: this
        shuts the socket down, and a worker that accepts from it then logs an exception."""
        removed, self._removed = self._removed, []
        self._retired += removed
        for listener in removed:
            await listener.close()
            Deferred.fromCoroutine(self._retire(listener))

    async def _retire(self, listener: Listener) -> None:
        await listener.factory.retire()
        self._retired.remove(listener)

    def serve(self, services: Services) -> None:
        """Have each listener make its sessions with these services from now on."""
        for listener in self._listeners:
            serve(listener.factory, services, listener.listen)

    def shared(self) -> list[tuple[int, Listen]]:
        """Return the sockets that workers can serve too, each a descriptor and its listener."""
        shared = [
            (each.shared, each.listen) for each in self._listeners if not each.listen.protocol.web
        ]
        return [(fd, listen) for fd, listen in shared if fd is not None]

    def sessions(self) -> list[tuple[Listener, int]]:
        """Return each listener with the number of its open connections in this process."""
        return [(each, each.factory.open_count) for each in self._listeners]

    def sessions_by_protocol(self) -> Counter[str]:
        """Return how many connections are open in this process, also those at former listeners;
        0 for protocols without any."""
        found: Counter[str] = Counter()
        for each in (*self._listeners, *self._removed, *self._retired):
            found[each.listen.protocol.value] += each.factory.open_count
        return found

    def addresses(self) -> list[str]:
        """Return the protocol and address of each listener, for the log."""
        return [f"{each.listen.protocol.value} on {each.address}" for each in self._listeners]

    async def close(self) -> None:
        """Accept no more connections."""
        for listener in (*self._listeners, *self._removed):
            await listener.close()

    async def drain(self, seconds: float) -> None:
        """Let transactions under way end within `seconds`, then close every connection."""
        await gatherResults(
            [
                Deferred.fromCoroutine(listener.drain(seconds))
                for listener in (*self._listeners, *self._removed, *self._retired)
            ]
        )


def _socket_of(endpoint: Endpoint) -> Endpoint:
    """Return an endpoint without what can be changed while its socket is open."""
    parts = tuple((name, value) for name, value in endpoint.parts if name != "backlog")
    return replace(endpoint, parts=parts, proxied=False)


def close_all(listeners: Sequence[Listener]) -> None:
    """Close listeners that serve no connection yet."""
    for listener in listeners:
        Deferred.fromCoroutine(listener.close())
