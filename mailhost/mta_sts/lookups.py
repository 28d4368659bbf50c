"""Finds the id of a domain's policy, and reads the reply of its policy host (RFC 8461 §3)."""

from __future__ import annotations

from dataclasses import dataclass

from mailhost.interfaces.dns import Found, Lookups, ask, txt_of
from mailhost.mta_sts.policy import BadPolicy, STSPolicy, parse_policy
from mailhost.mta_sts.record import BadSTSRecord, is_sts, policy_id, record_name

OK = 200
TEXT = "text/plain"


@dataclass(frozen=True, slots=True)
class PolicyId:
    """The answer of DNS. `id` is empty for a domain without a policy. `trouble` says why there is
    no answer."""

    id: str = ""
    trouble: str = ""


def find_id(domain: str) -> Lookups[PolicyId]:
    """Return the id of the policy of a domain. A domain with several records, or with one that is
    malformed, has no policy (RFC 8461 §3.1)."""
    reply = yield from ask(txt_of(record_name(domain)))
    if reply.found is Found.FAILED:
        return PolicyId(trouble=reply.trouble)
    records = [record for record in reply.records if is_sts(record)]
    if len(records) != 1:
        return PolicyId()
    try:
        return PolicyId(policy_id(records[0]))
    except BadSTSRecord:
        return PolicyId()


def policy_in_reply(status: int, media_type: str, body: bytes) -> STSPolicy:
    """Return the policy in the reply of a policy host. Raises BadPolicy."""
    if status != OK:
        redirect = "; redirects are not followed" if 300 <= status < 400 else ""
        raise BadPolicy(f"the web server answers {status}{redirect}")
    if media_type != TEXT:
        raise BadPolicy(f"its media type is {media_type or 'missing'}, and not {TEXT}")
    return parse_policy(body)
