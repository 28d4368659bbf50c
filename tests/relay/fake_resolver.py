"""A resolver without a network, and routes of the settings."""

from __future__ import annotations

from collections.abc import Awaitable, Sequence

from twisted.internet.defer import fail, succeed
from zope.interface import implementer

from mailhost.config.model import Route
from mailhost.interfaces.dns import IResolver, MXRecord, NoSuchDomain, Question, Record, Reply


@implementer(IResolver)
class FakeResolver:
    """Answers by name; names without an answer do not exist."""

    def __init__(
        self,
        mx: dict[str, list[tuple[int, str]] | Exception] | None = None,
        addresses: dict[str, list[str] | Exception] | None = None,
    ) -> None:
        self._mx = mx or {}
        self._addresses = addresses or {}

    def mx(self, domain: str) -> Awaitable[Sequence[MXRecord]]:
        found = self._mx.get(domain, NoSuchDomain(domain))
        if isinstance(found, Exception):
            return fail(found)
        return succeed([MXRecord(*record) for record in found])

    def ipv4(self, name: str) -> Awaitable[Sequence[str]]:
        return self.addresses(name)

    def addresses(self, host: str) -> Awaitable[Sequence[str]]:
        found = self._addresses.get(host, NoSuchDomain(host))
        return fail(found) if isinstance(found, Exception) else succeed(found)

    def look_up(self, question: Question[Record]) -> Awaitable[Reply[Record]]:
        raise NotImplementedError


def route(sender: str, recipient: str, via: str, after: int = 0) -> Route:
    """A route as the settings have it."""
    return Route.model_validate(
        {"from": sender, "to": recipient, "via": via, "after_attempts": after}
    )
