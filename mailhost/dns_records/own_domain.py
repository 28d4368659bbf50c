"""A domain of this host, with the facts from which the plan of its DNS records is made."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from mailhost.config.model import Settings
from mailhost.dns_records.addresses import addresses_without_dns
from mailhost.dns_records.facts import AddressSource, DomainFacts, HostAddresses, HostCertificates
from mailhost.dns_records.from_settings import NO_CERTIFICATES, domain_facts, host_facts, is_in_dns
from mailhost.dns_records.plan import make_plan
from mailhost.dns_records.record import DNSPlan, Topic
from mailhost.interfaces.accounts import DirectoryView
from mailhost.interfaces.signing import DomainKey
from mailhost.message.domains import names_above


@dataclass(frozen=True, slots=True)
class OwnDomain:
    """A domain of this host, or the host's own name. `host_receives`: the host's name is a domain
    of mail too. `certificates` are those of the host."""

    settings: Settings
    facts: DomainFacts
    host_receives: bool
    certificates: HostCertificates = NO_CERTIFICATES

    @property
    def name(self) -> str:
        """The domain in A-labels."""
        return self.facts.domain

    def plan(self, addresses: HostAddresses) -> DNSPlan:
        """Return the plan of the domain, with these addresses of the host."""
        host = host_facts(self.settings, addresses, self.host_receives, self.certificates)
        return make_plan(host, self.facts)

    def plan_without_addresses(self) -> DNSPlan:
        """Return the plan as far as it does not depend on the addresses of the host."""
        return self.plan(HostAddresses((), AddressSource.UNKNOWN))

    @property
    def planned_topics(self) -> frozenset[Topic]:
        """The subjects of the records in the plan, whatever the addresses of the host are."""
        return frozenset(record.topic for record in self.plan_without_addresses().records)

    def known_addresses(self) -> HostAddresses | None:
        """Return the addresses of the host as far as they need no DNS; None if they do."""
        if self.settings.dns.addresses:
            return HostAddresses(self.settings.dns.addresses, AddressSource.SETTINGS)
        return None if is_in_dns(self.settings, self.settings.hostname) else addresses_without_dns()


def own_domain(
    settings: Settings,
    view: DirectoryView,
    domain: str,
    signer: str,
    keys: Sequence[DomainKey],
    certificates: HostCertificates = NO_CERTIFICATES,
) -> OwnDomain | None:
    """Return a domain of this host, None for another one. `signer` is the domain by whose `keys`
    its mail is signed, empty if it is not signed. `certificates` are those of the host."""
    receives = view.domain(domain) is not None
    if not receives and not keys and domain != settings.hostname:
        return None
    facts = domain_facts(settings, domain, receives, signer, keys)
    facts = replace(facts, policy_of=_above(view, domain))
    host_receives = view.domain(settings.hostname) is not None
    return OwnDomain(settings, facts, host_receives, certificates)


def _above(view: DirectoryView, domain: str) -> str:
    """Return the nearest domain of this host above a name, empty if there is none."""
    return next(filter(view.domain, names_above(domain)), "")
