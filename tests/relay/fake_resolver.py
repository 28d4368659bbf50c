"""A resolver without a network, and routes of the settings."""

from __future__ import annotations

from collections.abc import Awaitable, Sequence
from typing import Any

from twisted.internet.defer import fail, succeed
from zope.interface import implementer

from mailhost.config.model import Route
from mailhost.interfaces.dns import (
    Found,
    IResolver,
    MXRecord,
    NoPossibleHost,
    NoSuchDomain,
    Question,
    Record,
    Reply,
)


@implementer(IResolver)
class FakeResolver:
    """Answers by name; names without an answer do not exist.

    `records` has those of other types, by type and name, or a Found. All answers about names in
    `secure` are authenticated. `asked` are the questions to `look_up`.
    """

    def __init__(
        self,
        mx: dict[str, list[tuple[int, str]] | Exception] | None = None,
        addresses: dict[str, list[str] | Exception] | None = None,
    ) -> None:
        self._mx = mx or {}
        self._addresses = addresses or {}
        self.records: dict[tuple[str, str], list[Any] | Found] = {}
        self.secure: set[str] = set()
        self.asked: list[tuple[str, str]] = []

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
        self.asked.append((question.kind, question.name))
        return succeed(self._reply(question.kind, question.name))

    def _reply(self, kind: str, name: str) -> Reply[Any]:
        found = self._found(kind, name)
        if isinstance(found, NoPossibleHost):
            return Reply(Found.NO_RECORDS, trouble=str(found))
        if isinstance(found, NoSuchDomain):
            return Reply(Found.NO_DOMAIN)
        if isinstance(found, Exception) or found is Found.FAILED:
            return Reply(Found.FAILED, trouble=str(found))
        if isinstance(found, Found):
            return Reply(found)
        kind_found = Found.RECORDS if found else Found.NO_RECORDS
        return Reply(kind_found, tuple(found), name in self.secure)

    def _found(self, kind: str, name: str) -> Any:
        """Return the records, a Found, or an exception."""
        if kind == "MX":
            hosts = self._mx.get(name, NoSuchDomain(name))
            return hosts if isinstance(hosts, Exception) else [MXRecord(*each) for each in hosts]
        if kind in ("A", "AAAA"):
            found = self._addresses.get(name, NoSuchDomain(name))
            if isinstance(found, Exception):
                return found
            return [each for each in found if (":" in each) is (kind == "AAAA")]
        return self.records.get((kind, name), Found.NO_DOMAIN)


def route(sender: str, recipient: str, via: str, after: int = 0) -> Route:
    """A route as the settings have it."""
    return Route.model_validate(
        {"from": sender, "to": recipient, "via": via, "after_attempts": after}
    )
