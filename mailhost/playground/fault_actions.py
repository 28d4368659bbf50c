"""The actions that apply a fault to the test network: other records, another certificate, other
settings of a host. `wrong_host` has a further action: another host in place of the right one.

Each action is begun and ended. There is only one fault at a time, so the end restores the files of
`prepare`.
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
    """The action of one fault."""

    async def begin(self, network: Network) -> None:
        """Apply the fault."""

    async def end(self, network: Network) -> None:
        """Remove the fault."""


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
    """A certificate of another validity, for other names, or by another authority, with the right
    key; `names` is empty for the right ones, `by` returns the authority, None for the right
    one."""

    host: HostNames = BETA_HOST
    names: tuple[str, ...] = ()
    validity: Validity = CURRENT
    by: Callable[[], Authority] | None = None

    async def begin(self, network: Network) -> None:
        by = self.by() if self.by else None
        pem = network.prepared.certificate(self.host, self.names, self.validity, by)
        await network.use_certificate(self.host, pem)

    async def end(self, network: Network) -> None:
        await network.use_certificate(self.host, network.prepared.certificate(self.host))


@dataclass(frozen=True, slots=True)
class WrongSettings:
    """More settings for a host."""

    more: MoreSettings
    host: HostNames = BETA_HOST

    async def begin(self, network: Network) -> None:
        await network.use_settings(self.host, self.more)

    async def end(self, network: Network) -> None:
        await network.use_settings(self.host, MoreSettings())
