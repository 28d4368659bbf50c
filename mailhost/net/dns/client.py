"""One question to several servers, in bounded time: see `question`.

Only a server on this machine is believed when it says that an answer is authenticated: on the way
from another one anybody could have set that bit.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Any

from twisted.internet.defer import TimeoutError
from twisted.internet.error import ConnectError, ConnectionClosed
from twisted.names import dns
from twisted.names.error import DNSNameError, ResolverError

from mailhost.interfaces.reactor import IReactor
from mailhost.net.dns.question import QuestionMessage, ask_over_tcp, ask_over_udp
from mailhost.net.dns.servers import Server

_SHARES = (0.1, 0.25, 0.65)  # of the time for a question: its first, second and last round
_NO_EDNS = (dns.EFORMAT, dns.ENOTIMP)  # what servers say that do not know EDNS0 (RFC 6891 §7)


@dataclass(frozen=True, slots=True)
class Response:
    """The records of an answer, whether a server on this machine has authenticated them, and
    whether they come from a server of their zone."""

    records: Sequence[Any]
    secure: bool = False
    authoritative: bool = False


class DNSClient:
    """Asks each of `servers` in turn, round after round, for `seconds` in all.

    The first answer is taken, even if it is an error of the server. If a server is silent or cannot
    be reached, the next is asked. The last round does without EDNS0, which some firewalls drop.
    Without `recursion`, servers answer from their own zones alone.
    """

    def __init__(
        self,
        reactor: IReactor,
        servers: Callable[[], Sequence[Server]],
        seconds: float,
        recursion: bool = True,
    ) -> None:
        self._reactor = reactor
        self._recursion = recursion
        self._find_servers = servers
        self._seconds = seconds

    async def ask(self, query: dns.Query) -> Response:
        """Return the answer. Raises DNSNameError for a name that does not exist; ResolverError,
        TimeoutError, OSError, ConnectError or ConnectionClosed where the servers fail."""
        message, server = await self._over_udp(query)
        if message.trunc:
            message, server = await self._over_tcp(query)
        if message.rCode == dns.ENAME:
            raise DNSNameError(message)
        if message.rCode != dns.OK:
            raise ResolverError(f"response code {message.rCode}")
        secure = bool(message.authenticData) and ip_address(server[0]).is_loopback
        return Response(message.answers, secure, bool(message.auth))

    async def _over_udp(self, query: dns.Query) -> tuple[Any, Server]:
        servers = self._find_servers()
        trouble: Exception = TimeoutError()
        for number, share in enumerate(_SHARES, 1):
            seconds = self._seconds * share / len(servers)
            for server in servers:
                try:
                    edns = number < len(_SHARES)
                    return await self._ask_one(ask_over_udp, server, query, seconds, edns), server
                except (TimeoutError, OSError) as error:
                    trouble = error
        raise trouble

    async def _over_tcp(self, query: dns.Query) -> tuple[Any, Server]:
        servers = self._find_servers()
        trouble: Exception = TimeoutError()
        for server in servers:
            seconds = self._seconds / len(servers)
            try:
                message = await self._ask_one(ask_over_tcp, server, query, seconds, True)
            except (TimeoutError, OSError, ConnectError, ConnectionClosed) as error:
                trouble = error
                continue
            if message.trunc:
                raise ResolverError("an answer over TCP that is cut short")
            return message, server
        raise trouble

    async def _ask_one(
        self,
        ask: Callable[[IReactor, Server, QuestionMessage, float], Awaitable[Any]],
        server: Server,
        query: dns.Query,
        seconds: float,
        edns: bool,
    ) -> Any:
        """Ask one server, again without EDNS0 if it does not know that."""
        question = QuestionMessage(query, edns, self._recursion)
        message = await ask(self._reactor, server, question, seconds)
        if edns and message.rCode in _NO_EDNS:
            question = QuestionMessage(query, False, self._recursion)
            return await ask(self._reactor, server, question, seconds)
        return message
