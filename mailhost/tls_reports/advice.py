"""The results in reports about TLS (RFC 8460 §4.3) in words, and the remedy for each."""

from __future__ import annotations

from dataclasses import dataclass

from mailhost.interfaces.tls_sessions import TLSFailure


@dataclass(frozen=True, slots=True)
class Advice:
    """The meaning of a result, and what the operator of the domain can do."""

    meaning: str
    remedy: str


UNKNOWN = Advice(
    "the session failed for a reason that RFC 8460 does not list",
    "read the reasons of the reporters",
)
_EXAMINE = "`mailhost doctor DOMAIN` examines the MX hosts"
_RECORDS = "`mailhost dns DOMAIN --check` compares the records with those that are needed"
_ADVICE = {
    TLSFailure.STARTTLS_NOT_SUPPORTED: Advice(
        "an MX host did not offer STARTTLS",
        f"{_EXAMINE}; a firewall, or somebody on the way, may remove the offer",
    ),
    TLSFailure.HOST_MISMATCH: Advice(
        "the certificate of an MX host was for another name than that of the MX host",
        f"give the MX host a certificate for its name in the MX record; {_EXAMINE}",
    ),
    TLSFailure.EXPIRED: Advice(
        "the certificate of an MX host had expired",
        f"renew the certificate; {_EXAMINE}",
    ),
    TLSFailure.NOT_TRUSTED: Advice(
        "the certificate of an MX host was by no authority that the sender trusts",
        f"use a certificate of a public authority, with its whole chain; {_EXAMINE}",
    ),
    TLSFailure.OTHER: Advice(
        "the session failed for another reason, such as an MX host that the policy does not name",
        f"compare these MX hosts with the policy; {_EXAMINE}",
    ),
    TLSFailure.TLSA_INVALID: Advice(
        "no TLSA record fitted the certificate of an MX host, or a record was wrong",
        f"publish the records of a new certificate before the certificate is used; {_RECORDS}",
    ),
    TLSFailure.DNSSEC_INVALID: Advice(
        "the answer of DNS was not valid by DNSSEC",
        f"see that the zone is signed, and that its DS records fit its keys; {_RECORDS}",
    ),
    TLSFailure.DANE_REQUIRED: Advice(
        "the sender is set to require DANE for the domain, and found no TLSA records",
        f"publish TLSA records, or ask the sender to change its settings; {_RECORDS}",
    ),
    TLSFailure.STS_FETCH: Advice(
        "the MTA-STS policy could not be fetched",
        "see that https://mta-sts.DOMAIN/.well-known/mta-sts.txt can be fetched from outside; "
        "`mailhost doctor DOMAIN` tries it",
    ),
    TLSFailure.STS_INVALID: Advice(
        "the MTA-STS policy has a fault",
        "`mailhost doctor DOMAIN` reads the policy and names the fault",
    ),
    TLSFailure.STS_WEBPKI: Advice(
        "the web server of the MTA-STS policy had no valid certificate for its name",
        "give mta-sts.DOMAIN a certificate of a public authority; `mailhost doctor DOMAIN` "
        "examines it",
    ),
}


def advice_for(result: str, domain: str) -> Advice:
    """Return the advice about a result in reports about a domain."""
    known = _ADVICE[TLSFailure(result)] if result in set(TLSFailure) else UNKNOWN
    return Advice(known.meaning, known.remedy.replace("DOMAIN", domain))
