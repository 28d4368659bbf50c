"""Checks that the DNS servers that this host asks give answers."""

from __future__ import annotations

from collections.abc import Sequence

from mailhost.doctor.checks import Check
from mailhost.doctor.finding import Fault, Finding, failure, ok
from mailhost.interfaces.dns import Found, ILookUp, mx_of

RESOLVER_SILENT = Fault(
    "resolver-silent", "Without DNS no mail for other domains leaves, and senders cannot be judged."
)
SECONDS = 15.0


def resolvers_check(resolver: ILookUp, domain: str) -> Check:
    """Return the check that asks for the MX records of `domain`, a name that must exist."""

    async def run() -> Sequence[Finding]:
        tried = f"DNS: the MX records of {domain}"
        reply = await resolver.look_up(mx_of(domain))
        if reply.found is Found.FAILED:
            remedy = "Check the servers in /etc/resolv.conf, or name others in the settings:"
            return [
                failure(
                    RESOLVER_SILENT, tried, reply.trouble, remedy, '[dns] servers = ["192.0.2.53"]'
                )
            ]
        return [ok(tried, "the resolver answers")]

    return Check("Network", "DNS servers answer", SECONDS, run)
