"""Checks the record and the policy file of MTA-STS (RFC 8461), if the domain has a record."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from mailhost.doctor.finding import Fault, Finding, failure, ok, unknown, warning
from mailhost.doctor.unanswered import unanswered
from mailhost.interfaces.dns import Found, Lookups, ask, txt_of
from mailhost.mta_sts.lookups import policy_in_reply
from mailhost.mta_sts.policy import BadPolicy, Mode, STSPolicy, policy_url
from mailhost.mta_sts.record import BadSTSRecord, is_sts, policy_id, record_name
from mailhost.net.https_fetch import Fetched, FetchFailed

MTA_STS_RECORD = Fault(
    "mta-sts-record", "Senders ignore a wrong MTA-STS record, so mail may come without TLS."
)
MTA_STS_POLICY = Fault(
    "mta-sts-policy", "Senders that get no valid policy may send mail without TLS."
)
MTA_STS_MX = Fault(
    "mta-sts-mx",
    "In the mode enforce senders do not deliver to an MX host that the policy does not name.",
)
Fetch = Callable[[str], Awaitable[Fetched]]
OK = 200
HTTPS = 443


def record_findings(domain: str) -> Lookups[tuple[bool, list[Finding]]]:
    """Return whether the policy is to be fetched, and the findings about the record."""
    tried = f"MTA-STS record of {domain}"
    reply = yield from ask(txt_of(record_name(domain)))
    if reply.found is Found.FAILED:
        return False, [unanswered(tried, reply.trouble)]
    records = [record for record in reply.records if is_sts(record)]
    if not records:
        seen = "there is no record, so senders use TLS only if the server offers STARTTLS"
        return False, [ok(tried, seen)]
    shown = "; ".join(record.decode("utf-8", "replace") for record in records)
    example = f'{record_name(domain)}. 3600 IN TXT "v=STSv1; id=1"'
    if len(records) > 1:
        remedy = "Leave one record."
        return False, [warning(MTA_STS_RECORD, tried, f"several: {shown}", remedy)]
    try:
        policy_id(records[0])
    except BadSTSRecord as bad:
        remedy = "Replace the record; the id is changed with each change of the policy:"
        return False, [warning(MTA_STS_RECORD, tried, f"{shown}: {bad}", remedy, example)]
    return True, [ok(tried, shown)]


@dataclass(frozen=True, slots=True)
class Served:
    """A valid policy that was fetched; `tried` names its URL."""

    tried: str
    policy: STSPolicy


async def policy_findings(
    domain: str, hosts: Sequence[str], fetch: Fetch, port: int = HTTPS
) -> list[Finding]:
    """Fetch the policy, and compare it with the MX hosts. Another port is for test networks."""
    served = await fetched_policy(domain, policy_url(domain, port), fetch, hosts)
    if not isinstance(served, Served):
        return [served]
    return [_compared(served.tried, served.policy, hosts)]


async def fetched_policy(
    domain: str, url: str, fetch: Fetch, hosts: Sequence[str]
) -> Served | Finding:
    """Return the policy at a URL, or the finding about what is wrong with it. `hosts` are those of
    a policy that would be right."""
    tried = f"MTA-STS policy {url}"
    try:
        reply = await fetch(url)
        policy = policy_in_reply(reply.status, reply.media_type, reply.body)
    except FetchFailed as failed:
        remedy = f"Serve the file at {url}, with a certificate for mta-sts.{domain}."
        if not failed.certain:
            remedy = f"Try again later; test with: curl -v {url}"
        found = warning if failed.certain else unknown
        return found(MTA_STS_POLICY, tried, str(failed), remedy)
    except BadPolicy as bad:
        remedy = "Correct the file. One that names the present MX hosts is:"
        return warning(MTA_STS_POLICY, tried, str(bad), remedy, *_example(hosts))
    return Served(tried, policy)


def _compared(tried: str, policy: STSPolicy, hosts: Sequence[str]) -> Finding:
    seen = f"mode {policy.mode.value}, max_age {policy.max_age}, mx {', '.join(policy.mx)}"
    missing = [host for host in hosts if not policy.allows(host)]
    if missing and policy.mode is not Mode.NONE:
        remedy = "Add the hosts to the policy, and change the id in the record:"
        found = failure if policy.mode is Mode.ENFORCE else warning
        lines = [f"mx: {host}" for host in missing]
        text = f"{seen}: it does not name {', '.join(missing)}"
        return found(MTA_STS_MX, tried, text, remedy, *lines)
    return ok(tried, seen)


def _example(hosts: Sequence[str]) -> list[str]:
    names = [f"mx: {host}" for host in hosts]
    return ["version: STSv1", "mode: testing", *names, "max_age: 604800"]
