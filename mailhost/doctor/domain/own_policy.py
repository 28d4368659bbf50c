"""Fetches the policy of MTA-STS of a domain of this host as other hosts do, and compares it with
that of the settings."""

from __future__ import annotations

from mailhost.doctor.domain.mta_sts import Fetch, Served, fetched_policy
from mailhost.doctor.finding import Fault, Finding, ok, warning
from mailhost.mta_sts.policy import STSPolicy, policy_url

MTA_STS_OTHER = Fault(
    "mta-sts-other-policy", "Other hosts obey a policy that is not the one in the settings."
)


async def own_policy_findings(
    domain: str, own: STSPolicy, fetch: Fetch, port: int
) -> list[Finding]:
    """Return the findings about the policy that is fetched from `port`. `own` is that of the
    settings."""
    url = policy_url(domain, port)
    served = await fetched_policy(domain, url, fetch, own.mx)
    if not isinstance(served, Served):
        return [served]
    tried, policy = served.tried, served.policy
    if policy.lines == own.lines:
        return [ok(tried, policy.summary)]
    remedy = (
        f"Run `mailhost reload`; if that does not help, look where mta-sts.{domain} leads: another "
        "web server may answer there."
    )
    seen = f"{policy.summary}; the settings have {own.summary}"
    return [warning(MTA_STS_OTHER, tried, seen, remedy)]
