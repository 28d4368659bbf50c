"""The finding about questions to DNS without a reply."""

from __future__ import annotations

from mailhost.doctor.finding import Fault, Finding, unknown
from mailhost.doctor.network.resolvers import RESOLVER_SILENT

DNS_UNANSWERED = Fault(
    "dns-unanswered",
    "While the DNS servers of a domain do not answer, mail for it waits.",
    explained_by=(RESOLVER_SILENT,),
)


def unanswered(tried: str, trouble: str) -> Finding:
    """Return the finding about a question that DNS did not answer; `trouble` is the reason."""
    remedy = (
        "Run the doctor again later. If this stays while other domains are answered, the DNS "
        "servers of this domain have the fault; if no domain is answered, run `mailhost doctor`."
    )
    seen = f"could not be asked: {trouble or 'no answer'}"
    return unknown(DNS_UNANSWERED, tried, seen, remedy)
