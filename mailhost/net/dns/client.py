"""twisted.names' client with sockets of its own and bounded time: see `question`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from twisted.internet.defer import Deferred, TimeoutError
from twisted.internet.error import ConnectError, ConnectionClosed
from twisted.names import client, dns
from twisted.names.error import ResolverError

from mailhost.interfaces.reactor import IReactor
from mailhost.net.dns.question import ask_over_tcp, ask_over_udp
from mailhost.net.dns.servers import Server

_SHARES = (0.1, 0.25, 0.65)  # of the time for a question: its first, second and last round


class DNSClient(client.Resolver):
    """Asks each of `servers` in turn, round after round, for `seconds` in all.

    The first answer is taken, even if it is an error of the server. If a server is silent or cannot
    be reached, the next is asked. Fails with the errors of twisted.names, TimeoutError, OSError and
    ConnectError.
    """

    def __init__(self, reactor: IReactor, servers: Callable[[], Sequence[Server]], seconds: float):
        self._find_servers = servers
        self._seconds = seconds
        super().__init__(  # type: ignore[no-untyped-call] # Twisted leaves it untyped
            servers=list(servers()), reactor=reactor
        )

    def ask(self, query: dns.Query) -> Deferred[Any]:
        """Return lists of answers, authorities and additional records."""
        answer: Deferred[Any] = self.query(query)  # type: ignore[no-untyped-call] # likewise
        return answer

    def queryUDP(self, queries: Sequence[Any], timeout: object = None) -> Deferred[Any]:
        """Ask one question; twisted.names calls this method."""
        return Deferred.fromCoroutine(self._in_rounds(queries[0]))

    def queryTCP(self, queries: Sequence[Any], timeout: object = None) -> Deferred[Any]:
        """Ask over TCP; twisted.names calls this method after a truncated answer over UDP."""
        return Deferred.fromCoroutine(self._over_tcp(queries[0]))

    async def _in_rounds(self, query: dns.Query) -> Any:
        servers = self._find_servers()
        trouble: Exception = TimeoutError()
        for share in _SHARES:
            seconds = self._seconds * share / len(servers)
            for server in servers:
                try:
                    return await ask_over_udp(self._reactor, server, query, seconds)
                except (TimeoutError, OSError) as error:
                    trouble = error
        raise trouble

    async def _over_tcp(self, query: dns.Query) -> Any:
        servers = self._find_servers()
        trouble: Exception = TimeoutError()
        for server in servers:
            seconds = self._seconds / len(servers)
            try:
                message = await ask_over_tcp(self._reactor, server, query, seconds)
            except (TimeoutError, OSError, ConnectError, ConnectionClosed) as error:
                trouble = error
                continue
            if message.trunc:  # twisted.names would ask again, for ever
                raise ResolverError("an answer over TCP that is cut short")
            return message
        raise trouble
