"""The DNS servers that are asked for the records of keys: each resolver of the host by itself, and
the authoritative servers of the domain, where these can be found."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from twisted.internet.defer import Deferred, gatherResults
from zope.interface import implementer

from mailhost.config.model import DNS
from mailhost.interfaces.dns import IAuthoritativeServers, Reply, txt_of
from mailhost.interfaces.reactor import IReactor
from mailhost.net.dns.resolver import Resolver
from mailhost.net.dns.servers import SystemServers
from mailhost.signing.published import IServers


@implementer(IServers)
class Servers:
    """`settings` returns those in use; without servers in them the resolvers of the system are
    asked."""

    def __init__(
        self,
        reactor: IReactor,
        settings: Callable[[], DNS],
        authoritative: IAuthoritativeServers,
        system: SystemServers | None = None,
    ) -> None:
        self._reactor = reactor
        self._settings = settings
        self._authoritative = authoritative
        self._system = system or SystemServers()

    async def ask_all(self, name: str) -> Sequence[Reply[bytes]]:
        settings = self._settings()
        servers = settings.servers or [_text(each) for each in self._system.get()]
        # new resolvers each time, as their caches would hide a change
        resolvers = [
            Resolver(self._reactor, DNS(servers=(server,), timeout=settings.timeout))
            for server in servers
        ]
        question = txt_of(name)
        asking = [Deferred.fromCoroutine(each.look_up(question)) for each in resolvers]
        authority = await self._authoritative.ask_all(question)
        return [*await gatherResults(asking), *authority.replies.values()]


def _text(server: tuple[str, int]) -> str:
    host, port = server
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
