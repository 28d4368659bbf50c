"""Wrong DNS records of the playground, each a function from the right ones to the wrong ones."""

from __future__ import annotations

from collections.abc import Callable
from ipaddress import ip_address
from typing import Any

from mailhost.playground.dns_server import Records
from mailhost.playground.hosts import ALPHA_HOST, BETA_HOST, HostNames
from mailhost.playground.records import strings_of

BETA = BETA_HOST.domains[0]
_ALIAS = f"alias.{BETA}"
_POINTER = ip_address(ALPHA_HOST.address).reverse_pointer
_LOOKUPS = 11  # one more than RFC 7208 §4.6.4 allows


def no_ptr(records: Records) -> Records:
    """The address of alpha has no name."""
    return {name: rows for name, rows in records.items() if name != _POINTER}


def ptr_of_provider(records: Records) -> Records:
    """The address of alpha has a name that leads nowhere."""
    return {**records, _POINTER: [["PTR", "2-0-0-127.customers.isp.internal"]]}


def cname_mx(records: Records) -> Records:
    """The MX record of beta names an alias."""
    alias = {_ALIAS: [["CNAME", BETA_HOST.hostname]]}
    return {**_with_mx(records, 10, _ALIAS), **alias}


def dangling_mx(records: Records) -> Records:
    """The MX record of beta names a host without an address."""
    return _with_mx(records, 10, f"former.{BETA}")


def null_mx(records: Records) -> Records:
    """Beta takes no mail (RFC 7505)."""
    return _with_mx(records, 0, ".")


def _with_mx(records: Records, preference: int, host: str) -> Records:
    others = [row for row in records[BETA] if row[0] != "MX"]
    return {**records, BETA: [["MX", preference, host], *others]}


def spf_lookups(records: Records) -> Records:
    """The SPF record of beta needs eleven look-ups."""
    names = [f"spf{number}.{BETA}" for number in range(_LOOKUPS)]
    text = " ".join(["v=spf1", *(f"include:{name}" for name in names), "~all"])
    included: dict[str, list[list[Any]]] = {
        name: [["TXT", f"v=spf1 ip4:{BETA_HOST.address} ?all"]] for name in names
    }
    return {**with_text(records, BETA, "v=spf1", text), **included}


def spf_twice(records: Records) -> Records:
    """Beta has two SPF records."""
    return {**records, BETA: [*records[BETA], ["TXT", "v=spf1 mx ~all"]]}


def spf_syntax(records: Records) -> Records:
    """The SPF record of beta has a term that is not valid."""
    return with_text(records, BETA, "v=spf1", f"v=spf1 ipv4:{BETA_HOST.address} ~all")


def dmarc_twice(records: Records) -> Records:
    """Beta has two DMARC records."""
    name = f"_dmarc.{BETA}"
    return {**records, name: [*records[name], ["TXT", "v=DMARC1; p=reject"]]}


def sts_id(records: Records) -> Records:
    """The id in the MTA-STS record of beta has hyphens, which are none of RFC 8461 §3.1."""
    return {**records, f"_mta-sts.{BETA}": [["TXT", "v=STSv1; id=2026-11-28;"]]}


def former_policy(records: Records) -> Records:
    """The MTA-STS record of alpha has the id of a former policy."""
    name = f"_mta-sts.{ALPHA_HOST.domains[0]}"
    return {**records, name: [["TXT", "v=STSv1; id=20200101;"]]}


def without_tls_reports(records: Records) -> Records:
    """No record asks for reports about TLS with alpha."""
    name = f"_smtp._tls.{ALPHA_HOST.domains[0]}"
    return {each: rows for each, rows in records.items() if each != name}


def other_mx(records: Records) -> Records:
    """Beta has another MX host, which its policy of MTA-STS does not name."""
    return {**records, BETA: [*records[BETA], ["MX", 20, ALPHA_HOST.hostname]]}


def former_key(host: HostNames) -> Callable[[Records], Records]:
    """Return what replaces the TLSA record of a host by one for another key."""
    name = f"_25._tcp.{host.hostname}"

    def change(records: Records) -> Records:
        return {**records, name: [["TLSA", 3, 1, 1, "00" * 32]]}

    return change


def without_text(name: str, start: str) -> Callable[[Records], Records]:
    """Return what removes the TXT record at `name` that begins with `start`."""

    def change(records: Records) -> Records:
        return {**records, name: [row for row in records[name] if not _is_text(row, start)]}

    return change


def without_keys(domain: str) -> Callable[[Records], Records]:
    """Return what removes the DKIM keys of a domain."""

    def change(records: Records) -> Records:
        return {
            name: rows
            for name, rows in records.items()
            if not name.endswith(f"._domainkey.{domain}")
        }

    return change


def with_text(records: Records, name: str, start: str, text: str) -> Records:
    """Return the records with another TXT record in place of the one that begins with `start`."""
    others = [row for row in records[name] if not _is_text(row, start)]
    return {**records, name: [*others, ["TXT", *strings_of(text)]]}


def _is_text(row: Any, start: str) -> bool:
    return row[0] == "TXT" and str(row[1]).startswith(start)
