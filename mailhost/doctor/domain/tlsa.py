"""Checks the TLSA records of MX hosts (DANE, RFC 7672): whether there are any, and their syntax."""

from __future__ import annotations

from collections.abc import Sequence

from mailhost.doctor.finding import Fault, Finding, ok, warning
from mailhost.doctor.unanswered import unanswered
from mailhost.interfaces.dns import Found, Lookups, TLSARecord, ask, tlsa_of

TLSA_SYNTAX = Fault(
    "tlsa-syntax", "Senders cannot use a wrong TLSA record, and may return mail because of it."
)
_USAGES = (2, 3)  # DANE-TA and DANE-EE; senders of mail do not use the others (RFC 7672 §3.1)
_SELECTORS = (0, 1)
_LENGTHS = {1: 32, 2: 64}  # octets of SHA-256 and SHA-512, by the number of the matching type


def check_tlsa(hosts: Sequence[str]) -> Lookups[list[Finding]]:
    """Check the records for port 25 of MX hosts.

    One finding names all hosts without records, another all hosts for which DNS did not answer.
    """
    findings = []
    without, silent = [], []
    for host in hosts:
        reply = yield from ask(tlsa_of(f"_25._tcp.{host}"))
        if reply.found is Found.FAILED:
            silent.append((host, reply.trouble))
        elif not reply.records:
            without.append(host)
        else:
            findings.append(_judge(f"TLSA of {host}", reply.records, reply.secure))
    if without:
        findings.append(ok(f"TLSA of {', '.join(without)}", "there is no record (no DANE)"))
    if silent:
        names = ", ".join(host for host, _ in silent)
        findings.append(unanswered(f"TLSA of {names}", silent[0][1]))
    return findings


def _judge(tried: str, records: Sequence[TLSARecord], secure: bool) -> Finding:
    for record in records:
        fault = _fault(record)
        if fault:
            remedy = "Make the record anew from the certificate of the host, as 3 1 1."
            return warning(TLSA_SYNTAX, tried, f"{_shown(record)}: {fault}", remedy)
    authentic = "DNSSEC authenticates it" if secure else "senders use it only with DNSSEC"
    return ok(tried, f"{', '.join(map(_shown, records))}; {authentic}")


def _fault(record: TLSARecord) -> str:
    """Return what is wrong with a record, empty if nothing is (RFC 6698 §2.1)."""
    if record.usage not in _USAGES:
        return f"for mail the usage must be 2 or 3, and not {record.usage}"
    if record.selector not in _SELECTORS:
        return f"the selector must be 0 or 1, and not {record.selector}"
    if record.matching != 0 and record.matching not in _LENGTHS:
        return f"the matching type must be 0, 1 or 2, and not {record.matching}"
    length = _LENGTHS.get(record.matching, len(record.data))
    if len(record.data) != length:
        return f"the hash must have {length} octets, and has {len(record.data)}"
    return ""


def _shown(record: TLSARecord) -> str:
    text = record.data.hex()
    short = text if len(text) <= 16 else f"{text[:16]}..."
    return f"{record.usage} {record.selector} {record.matching} {short}"
