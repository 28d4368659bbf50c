"""The record and the policy of MTA-STS (RFC 8461 §3)."""

from __future__ import annotations

from mailhost.mta_sts.lookups import PolicyId, policy_in_reply
from mailhost.mta_sts.policy import LONGEST_AGE, MOST_PATTERNS, BadPolicy, Mode, parse_policy
from mailhost.mta_sts.record import BadSTSRecord, is_sts, policy_id

LONGEST_REASON = 300


def target(data: bytes) -> None:
    record, _, body = data.partition(b"\n\n")
    _check_record(record)
    try:
        policy = policy_in_reply(200, "text/plain", body)
    except BadPolicy as bad:
        assert len(str(bad)) < LONGEST_REASON
        assert str(bad).isprintable()
        return
    assert len(policy.mx) <= MOST_PATTERNS
    assert 0 <= policy.max_age <= LONGEST_AGE
    assert policy.mx or policy.mode is Mode.NONE
    again = parse_policy("\r\n".join(policy.lines).encode("ascii"))
    assert again == policy
    for pattern in policy.mx:
        assert policy.allows(pattern.replace("*", "mx"))


def _check_record(record: bytes) -> None:
    if not is_sts(record):
        return
    try:
        found = PolicyId(policy_id(record))
    except BadSTSRecord as bad:
        assert len(str(bad)) < LONGEST_REASON
    else:
        assert found.id.isascii()
        assert found.id.isalnum()
