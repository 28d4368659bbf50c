"""Facts for plans: a host, a domain and its keys."""

from __future__ import annotations

from mailhost.dns_records.facts import (
    AddressSource,
    DomainFacts,
    HostAddresses,
    HostFacts,
    MailService,
)
from mailhost.interfaces.signing import DomainKey, KeyState

ADDRESSES = HostAddresses(("192.0.2.1", "2001:db8::1"), AddressSource.SETTINGS)
SERVICES = (MailService("_submissions._tcp", 465), MailService("_pop3s._tcp", 995, False))
HOST = HostFacts("mail.example.com", ADDRESSES, SERVICES)
RSA = "v=DKIM1; k=rsa; p=" + "A" * 392


def key(state: KeyState = KeyState.ACTIVE, selector: str = "r1", record: str = RSA) -> DomainKey:
    """A key of example.com."""
    return DomainKey("example.com", selector, "rsa", record, state, made=0)


OWN = DomainFacts("example.com", signer="example.com", keys=(key(),))
