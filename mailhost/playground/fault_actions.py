"""Ways in which the test network can be wrong: by its records, by a certificate, by the settings of
a host. `wrong_host` has another way: another host in place of the right one.

Each way is begun and ended. Only one is wrong at a time, so an end restores what `prepare` made.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from mailhost.playground.certificates import CURRENT, Authority, Validity
from mailhost.playground.dns_server import Records
from mailhost.playground.hosts import ALPHA_HOST, BETA_HOST, HostNames
from mailhost.playground.network import Network
from mailhost.playground.settings import MoreSettings


class FaultAction(Protocol):
    """One way to be wrong."""

    async def begin(self, network: Network) -> None:
        """Make the network wrong."""

    async def end(self, network: Network) -> None:
        """Make it right again."""


@dataclass(frozen=True, slots=True)
class WrongRecords:
    """`change` returns other records, given the right ones."""

    change: Callable[[Records], Records]

    async def begin(self, network: Network) -> None:
        network.publish(self.change(network.prepared.records))

    async def end(self, network: Network) -> None:
        network.publish(network.prepared.records)


class SilentDNS:
    """The DNS server gives no answer."""

    async def begin(self, network: Network) -> None:
        network.dns.silent = True

    async def end(self, network: Network) -> None:
        network.dns.silent = False


class InventingDNS:
    """The DNS server has an address for names that do not exist."""

    async def begin(self, network: Network) -> None:
        network.dns.invented = ALPHA_HOST.address

    async def end(self, network: Network) -> None:
        network.dns.invented = ""


@dataclass(frozen=True, slots=True)
class WrongCertificate:
    """A certificate of another validity, for other names, or by another authority; `names` is empty
    for the right ones, `by` returns the authority, None for the right one."""

    host: HostNames = BETA_HOST
    names: tuple[str, ...] = ()
    validity: Validity = CURRENT
    by: Callable[[], Authority] | None = None

    async def begin(self, network: Network) -> None:
        authority = self.by() if self.by else network.prepared.authority
        names = self.names or (self.host.hostname,)
        await network.use_certificate(self.host, authority.issue(names, self.validity))

    async def end(self, network: Network) -> None:
        right = network.prepared.authority.issue([self.host.hostname])
        await network.use_certificate(self.host, right)


@dataclass(frozen=True, slots=True)
class WrongSettings:
    """More settings for a host."""

    more: MoreSettings
    host: HostNames = BETA_HOST

    async def begin(self, network: Network) -> None:
        await network.use_settings(self.host, self.more)

    async def end(self, network: Network) -> None:
        await network.use_settings(self.host, MoreSettings())
