"""The own side of a connection: from which address mail of a sender domain leaves, by which name
this host introduces itself, and in which order the addresses of another host are tried.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from mailhost.config.model import Settings
from mailhost.config.sending import Families, of_family

_ORDERS: dict[Families, tuple[int, ...]] = {
    Families.BOTH: (),
    Families.IPV4: (4,),
    Families.IPV6: (6,),
    Families.IPV4_FIRST: (4, 6),
    Families.IPV6_FIRST: (6, 4),
}


@dataclass(frozen=True, slots=True)
class Source:
    """`addresses` are own addresses, at most one of each IP version; a version without one leaves
    the choice to the system. `hello` is the name in EHLO, empty for the hostname.

    `versions` are the IP versions that are used, the preferred one first; none of them stands for
    both, in the order of the resolver.
    """

    addresses: tuple[str, ...] = ()
    hello: str = ""
    versions: tuple[int, ...] = ()

    def own(self, ip: str) -> str:
        """Return our address for a connection to `ip`, empty for any."""
        return of_family(self.addresses, ip)

    def ordered(self, addresses: Sequence[str]) -> Sequence[str]:
        """Return those addresses of a host that may be used, in the order in which they are
        tried."""
        if not self.versions:
            return addresses
        return [ip for version in self.versions for ip in addresses if _version(ip) == version]


USUAL = Source()


class Sources:
    """The sources by sender domain; `usual` is for all others, and for the null reverse-path."""

    def __init__(self, usual: Source = USUAL, by_domain: dict[str, Source] | None = None) -> None:
        self.usual = usual
        self._by_domain = by_domain or {}

    def of(self, sender: str) -> Source:
        """Return the source for a sender domain, empty for the null reverse-path."""
        return self._by_domain.get(sender, self.usual)


def sources_of(
    settings: Settings, machine: Sequence[str] = (), nameless: Collection[str] = ()
) -> Sources:
    """Return the sources of the settings.

    `machine` are the addresses that the system chooses. An IP version whose address is in
    `nameless` is used last, unless the settings have an order.
    """
    relay = settings.relay
    make = _Maker(relay.families, machine, nameless)
    by_domain = {}
    for domain, own in settings.sending_by_domain.items():
        addresses = make.usable(own.address)
        if addresses:
            by_domain[domain] = make.source(addresses, own.hello, own_only=True)
        elif own.hello:
            by_domain[domain] = make.source(make.usable(relay.bind), own.hello)
    return Sources(make.source(make.usable(relay.bind)), by_domain)


@dataclass(frozen=True, slots=True)
class _Maker:
    """Makes sources; the fields are as the arguments of `sources_of`."""

    families: Families
    machine: Sequence[str]
    nameless: Collection[str]

    def usable(self, addresses: tuple[str, ...]) -> tuple[str, ...]:
        """Return those of own addresses whose IP version the settings use."""
        order = _ORDERS[self.families]
        return tuple(each for each in addresses if not order or _version(each) in order)

    def source(
        self, addresses: tuple[str, ...], hello: str | None = None, own_only: bool = False
    ) -> Source:
        """With `own_only` a version without an own address is not used: its mail would leave from
        an address of other domains."""
        versions = _ORDERS[self.families] or self._named_first(addresses)
        if own_only and len(addresses) == 1:
            versions = (_version(addresses[0]),)
        return Source(addresses, hello or "", versions)

    def _named_first(self, addresses: tuple[str, ...]) -> tuple[int, ...]:
        four, six = (
            of_family(addresses, anywhere) or of_family(self.machine, anywhere)
            for anywhere in ("0.0.0.0", "::")
        )
        if (four in self.nameless) is (six in self.nameless):
            return ()
        return (4, 6) if six in self.nameless else (6, 4)


def _version(ip: str) -> int:
    return 6 if ":" in ip else 4
