"""Whether the resolver of this host validates DNSSEC: TLSA records (DANE) count only then.

The name servers of the root are asked for, whose answer is signed. Only a resolver on this machine
is believed (see `client`), so that another one is not asked.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from ipaddress import ip_address

from mailhost.interfaces.dns import ROOT_SERVERS, Found, ILookUp
from mailhost.net.dns.servers import Server


class Validation(StrEnum):
    """The knowledge about a resolver. The value completes a sentence that begins with its name."""

    VALIDATES = "validates DNSSEC"
    DOES_NOT = "does not validate DNSSEC"
    REMOTE = "is not on this machine, so that its word about DNSSEC is not believed"
    MIXED = "are not all on this machine"
    UNKNOWN = "gives no answer about the root of DNS"


async def validation_of(resolver: ILookUp, servers: Sequence[Server]) -> Validation:
    """Return whether `resolver`, which asks `servers`, validates. Raises nothing."""
    here = {ip_address(address).is_loopback for address, _ in servers}
    if False in here:
        return Validation.MIXED if True in here else Validation.REMOTE
    reply = await resolver.look_up(ROOT_SERVERS)
    if reply.found is Found.FAILED:
        return Validation.UNKNOWN
    return Validation.VALIDATES if reply.secure else Validation.DOES_NOT


def validation_line(found: Validation, servers: Sequence[Server]) -> str:
    """Return what the result means for mail, with the remedy."""
    names = ", ".join(dict.fromkeys(address for address, _ in servers))
    if found is Validation.VALIDATES:
        return f"the resolver {names} {found}: TLSA records (DANE) of other domains are obeyed"
    if found is Validation.MIXED:
        return (
            f"the resolvers {names} {found}: TLSA records (DANE) of other domains are obeyed only "
            "if one on this machine answers; name no others in dns.servers"
        )
    return (
        f"the resolver {names} {found}: TLSA records (DANE) of other domains are not obeyed; run a "
        "resolver that validates, such as unbound, on this machine, and name it in dns.servers"
    )
