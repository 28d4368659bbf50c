"""The two hosts of the playground as values: names, addresses, domains, accounts."""

from __future__ import annotations

from dataclasses import dataclass

from mailhost.playground.ports import ALPHA, BETA

WEB_LABELS = ("autoconfig", "autodiscover", "mta-sts")


@dataclass(frozen=True, slots=True)
class HostNames:
    """`name` is that of the host's folder, `hostname` its own in DNS. `accounts` has one account in
    each of `domains`."""

    name: str
    hostname: str
    address: str
    domains: tuple[str, ...]
    accounts: tuple[str, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """All names that have DKIM keys: the domains, and the host's own."""
        return (*self.domains, self.hostname)

    @property
    def certificate_names(self) -> tuple[str, ...]:
        """The names that the certificate is for: the host's own, and those of its web listener."""
        web = (f"{label}.{domain}" for domain in self.domains for label in WEB_LABELS)
        return (self.hostname, *web)


def _host(name: str, address: str, *people: str) -> HostNames:
    domains = (f"{name}.internal", f"{name}-shop.internal")
    accounts = tuple(f"{each}@{domain}" for each, domain in zip(people, domains, strict=True))
    return HostNames(name, f"mx.{name}.internal", address, domains, accounts)


ALPHA_HOST = _host("alpha", ALPHA, "ann", "amy")
BETA_HOST = _host("beta", BETA, "bob", "ben")
HOSTS = (ALPHA_HOST, BETA_HOST)
