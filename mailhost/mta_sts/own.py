"""The policies of MTA-STS that this host publishes: their values, their text, and their records.

The id of the TXT record follows from the content of the policy, so a change of the settings is a
new policy for other hosts once DNS shows the new record.
"""

from __future__ import annotations

from hashlib import sha256

from mailhost.config.model import Settings
from mailhost.config.mta_sts import DomainMTASTS
from mailhost.mta_sts.policy import Mode, STSPolicy

_ID_LENGTH = 20  # letters and digits; RFC 8461 §3.1 allows 32


def own_policy(settings: Settings, domain: str) -> STSPolicy:
    """Return the policy of a domain of this host. Its MX hosts are this host, as in the plan of
    `mailhost dns`, and those of the settings. `domain` is in A-labels."""
    common, own = settings.mta_sts, _own(settings, domain)
    mode = common.mode if own.mode is None else own.mode
    max_age = common.max_age if own.max_age is None else own.max_age
    others = common.mx if own.mx is None else own.mx
    hosts = dict.fromkeys((settings.hostname, *others))
    return STSPolicy(Mode(mode.value), int(max_age), tuple(hosts))


def _own(settings: Settings, domain: str) -> DomainMTASTS:
    """Return the table of a domain. One that the file has as another name of a domain has the table
    of that domain, unless there is one for it in `[mta_sts]`."""
    in_file = settings.domain.get(domain)
    table = in_file.mta_sts if in_file else settings.mta_sts.domain.get(domain)
    if table is not None:
        return table
    named = (each.mta_sts for each in settings.domain.values() if domain in each.aliases)
    return next(named, DomainMTASTS())


def policy_text(policy: STSPolicy) -> bytes:
    """Return the octets of a policy, with CRLF at the end of each line (RFC 8461 §3.2)."""
    return "".join(f"{line}\r\n" for line in policy.lines).encode("ascii")


def own_id(policy: STSPolicy) -> str:
    """Return the id of a policy, which is the same for equal policies alone."""
    return sha256(policy_text(policy)).hexdigest()[:_ID_LENGTH]


def own_record(policy: STSPolicy) -> str:
    """Return the text of the TXT record at `record_name` (RFC 8461 §3.1)."""
    return f"v=STSv1; id={own_id(policy)};"
