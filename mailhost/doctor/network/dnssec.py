"""Says whether a DNS server on this machine validates answers (DNSSEC), so that the relay can check
hosts of other domains by their TLSA records (DANE). A host works without one, so this is no fault.
"""

from __future__ import annotations

from collections.abc import Sequence

from mailhost.doctor.checks import Check
from mailhost.doctor.finding import Finding, Verdict, ok
from mailhost.interfaces.dns import ROOT_SERVERS, Found, ILookUp

SECONDS = 3.8
_TRIED = "DNSSEC"


def dnssec_check(resolver: ILookUp) -> Check:
    """Return the check. `resolver` is that of the host, which believes servers on this machine
    alone."""

    async def run() -> Sequence[Finding]:
        reply = await resolver.look_up(ROOT_SERVERS)
        if reply.found is Found.FAILED:
            return []  # the check of the servers reports the reason
        if reply.secure:
            seen = "a DNS server on this machine validates answers, so TLSA records are used (DANE)"
            return [ok(_TRIED, seen)]
        seen = "no DNS server on this machine validates answers, so TLSA records of other domains"
        remedy = (
            "If mail to them should be protected by DANE, run a validating resolver on this host, "
            "such as unbound, and name it in the settings:"
        )
        lines = ("[dns]", 'servers = ["127.0.0.1"]')
        return [Finding(Verdict.OK, _TRIED, f"{seen} are not used", None, remedy, lines)]

    return Check("Network", "DNSSEC", SECONDS, run)
