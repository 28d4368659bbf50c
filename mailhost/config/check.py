"""Checks of a settings file that concern several values, or this machine: files, listeners,
domains, targets."""

from __future__ import annotations

import os
import pwd
from collections.abc import Container, Iterator, Mapping, Sequence
from typing import Any

from mailhost.config.acme_check import check_acme
from mailhost.config.client_endpoint import parse_client_endpoint
from mailhost.config.endpoint import parse_endpoint
from mailhost.config.files import unreadable
from mailhost.config.filters.check import check_filters
from mailhost.config.filters.common import Acting, Action
from mailhost.config.metrics_check import check_metrics
from mailhost.config.model import (
    DomainSettings,
    Identity,
    Listen,
    RouteTLS,
    Settings,
)
from mailhost.config.ownership import check_ownership
from mailhost.config.pem import check_pair
from mailhost.config.problems import Problem, key_of
from mailhost.config.protocol import ListenProtocol
from mailhost.config.sending_check import sending_faults
from mailhost.config.types import normal_certificate_name
from mailhost.message.address import Address, BadAddress, parse_address, parse_domain

PROXY_SETTINGS = ("upstream", "upstream_tls", "upstream_name", "identity", "trace")
# every domain accepts mail for them (RFC 5321 §4.5.1, RFC 2142 §4)
ALWAYS = ("postmaster", "abuse")


def check(settings: Settings) -> Iterator[Problem]:
    """Yield the faults that concern several settings, or the settings and this machine."""
    yield from _listeners(settings)
    yield from check_metrics(settings)
    yield from _certificates(settings)
    yield from check_acme(settings.tls.acme)
    yield from _routes(settings)
    yield from sending_faults(settings)
    yield from _user(settings)
    yield from check_ownership(settings)
    yield from check_filters(settings.filter)
    yield from _quarantine(settings)
    if os.path.exists(settings.data) and not os.path.isdir(settings.data):
        yield Problem("data", f"{settings.data} is no folder; write the path of one, or a new one")
    yield from _domain_names(settings)
    yield from _account_ids(settings)
    yield from _tables_of_domains(settings)
    yield from _report_addresses(settings)
    names = NamesInFile(settings, reports=settings.report_mailboxes)
    for name, domain in settings.domain.items():
        yield from _domain(names, name, domain)
    if settings.admin and not names.reaches(settings.admin):
        yield Problem("admin", f"nobody in the file has the address {settings.admin}")


def check_names(raw: Mapping[str, Any]) -> Iterator[Problem]:
    """Yield names that are different spellings of one name: the model would keep only one of
    them."""
    for place in (("dkim", "domain"), ("dkim", "sign_as"), ("mta_sts", "domain")):
        table = raw.get(place[0])
        names = table.get(place[1]) if isinstance(table, dict) else None
        if isinstance(names, dict):
            yield from _same(place, names, _pattern)
    domains = raw.get("domain")
    if not isinstance(domains, dict):
        return
    yield from _same(("domain",), domains, parse_domain)
    for name, domain in domains.items():
        for table in ("account", "alias"):
            names = domain.get(table) if isinstance(domain, dict) else None
            if isinstance(names, dict):
                yield from _same(("domain", name, table), names, _local_key)


def _same(above: tuple[str, ...], names: Mapping[str, Any], normal: Any) -> Iterator[Problem]:
    seen: dict[str, str] = {}
    for name in names:
        try:
            first = seen.setdefault(normal(name), name)
        except BadAddress:
            continue  # reported as a wrong value already
        if first != name:
            yield Problem(key_of((*above, name)), f"is {first!r} again; write both as one")


def _pattern(name: str) -> str:
    wild = "*." if name.startswith("*.") else ""
    return name if name == "*" else wild + parse_domain(name.removeprefix(wild))


def _local_key(name: str) -> str:
    return parse_address(f"{name}@localhost").key


def _tables_of_domains(settings: Settings) -> Iterator[Problem]:
    """Yield tables for a domain of the directory that is in the file."""
    for table, names in (("dkim", settings.dkim.domain), ("mta_sts", settings.mta_sts.domain)):
        for name in names:
            if name in settings.domain:
                text = f'is a domain of this file; write [domain."{name}".{table}] instead'
                yield Problem(key_of((table, "domain", name)), text)


def _report_addresses(settings: Settings) -> Iterator[Problem]:
    """Check that addresses for reports are in domains and not in other names of these."""
    other_names = {also: name for name, each in settings.domain.items() for also in each.aliases}
    for place, address in _report_places(settings):
        if address.domain in other_names:
            name = other_names[address.domain]
            explanation = f"{address.domain} is another name of {name}; write {name} here"
            yield Problem(key_of(place), explanation)


def _report_places(settings: Settings) -> Iterator[tuple[tuple[str, ...], Address]]:
    """Yield the addresses for reports of each kind, each with its key."""
    for domain, address in settings.dmarc.reports.items():
        yield ("dmarc", "reports", domain), address
    for domain, address in settings.tls_reports.addresses.items():
        yield ("tls_reports", "addresses", domain), address
    for domain, table in settings.domain.items():
        if table.dmarc_reports:
            yield ("domain", domain, "dmarc_reports"), table.dmarc_reports
        if table.tls_reports:
            yield ("domain", domain, "tls_reports"), table.tls_reports


def _listeners(settings: Settings) -> Iterator[Problem]:
    if not settings.listen:
        yield Problem("listen", "there is no listener; write one, or leave listen out")
    endpoints = [parse_endpoint(listen.endpoint) for listen in settings.listen]
    for number, endpoint in enumerate(endpoints):
        for earlier in range(number):
            if endpoint.overlaps(endpoints[earlier]):
                there = f"listen[{earlier + 1}], {settings.listen[earlier].endpoint}"
                explanation = f"clashes with {there}; give it another port or interface"
                yield Problem(key_of(("listen", number, "endpoint")), explanation)
                break
        yield from _proxy(number, settings.listen[number])
        yield from _disabled(number, settings.listen[number])


def _proxy(number: int, listen: Listen) -> Iterator[Problem]:
    """Check that a proxy has all its settings, and that no other listener has them."""
    if not listen.protocol.proxied:
        for name in sorted({*PROXY_SETTINGS} & listen.model_fields_set):
            explanation = (
                f"is for proxies; leave it out where protocol is {listen.protocol.value!r}"
            )
            yield Problem(key_of(("listen", number, name)), explanation)
        return
    if not listen.upstream:
        explanation = 'is missing; write the server behind the proxy, such as "tcp:10.0.0.5:25"'
        yield Problem(key_of(("listen", number, "upstream")), explanation)
    for place, text in enumerate(listen.upstream):
        server = parse_client_endpoint(text)
        key = key_of(("listen", number, "upstream", place))
        name = listen.upstream_name or normal_certificate_name(server.host)
        if listen.upstream_tls is RouteTLS.REQUIRE and not name:
            explanation = (
                f"no certificate can be for {text!r}; write the name in its certificate "
                "as upstream_name"
            )
            yield Problem(key, explanation)
        if server.tls_first and listen.identity is Identity.HAPROXY:
            yield Problem(key, 'identity = "haproxy" goes before TLS; write a tcp endpoint')


def _disabled(number: int, listen: Listen) -> Iterator[Problem]:
    if listen.disable and listen.protocol not in (ListenProtocol.IMAP, ListenProtocol.IMAPS):
        explanation = f"is for IMAP; leave it out where protocol is {listen.protocol.value!r}"
        yield Problem(key_of(("listen", number, "disable")), explanation)


def _quarantine(settings: Settings) -> Iterator[Problem]:
    """Check that a proxy with quarantine has a route: released messages are sent by the relay, and
    MX records would lead back to the proxy."""
    if settings.relay.route or not any(listen.protocol.proxied for listen in settings.listen):
        return
    for number, each in enumerate(settings.filter):
        if isinstance(each, Acting) and each.action is Action.QUARANTINE:
            explanation = (
                "needs a [[relay.route]] to the server behind the proxy, for what is released"
            )
            yield Problem(key_of(("filter", number, "action")), explanation)


def _certificates(settings: Settings) -> Iterator[Problem]:
    for number, certificate in enumerate(settings.tls.certificate):
        missing = False
        for name, path in (("chain", certificate.chain), ("key", certificate.key)):
            fault = _unreadable(path)
            if fault:
                missing = True
                yield Problem(key_of(("tls", "certificate", number, name)), fault)
        if not missing:
            yield from check_pair(key_of(("tls", "certificate", number)), certificate)


def _unreadable(path: str) -> str:
    try:
        with open(path, "rb") as file:
            file.read(1)
    except OSError as error:
        return unreadable(path, error)
    return ""


def _routes(settings: Settings) -> Iterator[Problem]:
    for number, route in enumerate(settings.relay.route):
        if route.user and route.password is None:
            explanation = 'is missing; write password = { file = "secrets/isp" }, or leave out user'
            yield Problem(key_of(("relay", "route", number, "password")), explanation)
        if route.password is not None and not route.user:
            explanation = "is missing; write the user name to log in with, or leave out password"
            yield Problem(key_of(("relay", "route", number, "user")), explanation)


def _user(settings: Settings) -> Iterator[Problem]:
    if not settings.user:
        return
    try:
        pwd.getpwnam(settings.user)
    except KeyError:
        yield Problem("user", f"this machine has no user {settings.user!r}; make one, or leave out")


def _domain_names(settings: Settings) -> Iterator[Problem]:
    taken = {name: key_of(("domain", name)) for name in settings.domain}
    for name, domain in settings.domain.items():
        for number, alias in enumerate(domain.aliases):
            key = key_of(("domain", name, "aliases", number))
            first = taken.setdefault(alias, key)
            if first != key:
                yield Problem(key, f"{alias} is there already, at {first}; remove one of them")


def _account_ids(settings: Settings) -> Iterator[Problem]:
    taken: dict[str, str] = {}
    for name, domain in settings.domain.items():
        for local, account in domain.account.items():
            key = key_of(("domain", name, "account", local, "id"))
            first = taken.setdefault(account.id, key) if account.id else key
            if first != key:
                yield Problem(key, f"is the same as {first}; remove one of them")


def _domain(names: NamesInFile, name: str, domain: DomainSettings) -> Iterator[Problem]:
    accounts = {Address(local, name).key for local in domain.account}
    for local, targets in domain.alias.items():
        key = ("domain", name, "alias", local)
        if Address(local, name).key in accounts:
            yield Problem(key_of(key), "is an account too; name the alias or the account otherwise")
        if not targets:
            yield Problem(key_of(key), "has no target; write who gets the mail")
        for number, target in enumerate(targets):
            if not names.reaches(_address(target, name)):
                yield Problem(key_of((*key, number)), _nobody(target, name))
    catch_all = domain.catch_all
    if catch_all and not names.has(_address(catch_all, name)):
        yield Problem(key_of(("domain", name, "catch_all")), _nobody(catch_all, name))


def _nobody(target: str, domain: str) -> str:
    address = _address(target, domain)
    return f"there is no account or alias {address}; add it, or write another target"


def _address(target: str, domain: str) -> Address:
    return parse_address(target if "@" in target else f"{target}@{domain}")


class NamesInFile:
    """The names of the accounts and aliases in the settings file. `roles` are local parts that
    every domain has, `reports` addresses that take reports, each as its domain and key. The names
    of a domain are collected once, when they are needed."""

    def __init__(
        self,
        settings: Settings,
        roles: Sequence[str] = ALWAYS,
        reports: Container[tuple[str, str]] = frozenset(),
    ) -> None:
        self._roles = roles
        self._reports = reports
        self._domains: dict[str, DomainSettings] = {}
        self._local_parts: dict[int, frozenset[str]] = {}  # by the id of the domain's settings
        for own, domain in settings.domain.items():
            for name in (own, *domain.aliases):
                self._domains.setdefault(name, domain)

    def reaches(self, address: Address) -> bool:
        """True if the file has a reader for mail to the address, or does not have its domain. Mail
        to an address for reports has one."""
        if (address.domain, address.key) in self._reports:
            return True
        domain = self._domains.get(address.domain)
        return domain is None or bool(domain.catch_all) or self._in(domain, address)

    def has(self, address: Address) -> bool:
        """True if the address is an account or alias of the file, or the file does not have its
        domain."""
        domain = self._domains.get(address.domain)
        return domain is None or self._in(domain, address)

    def _in(self, domain: DomainSettings, address: Address) -> bool:
        known = self._local_parts.get(id(domain))
        if known is None:
            own = {Address(local, "").key for local in (*domain.account, *domain.alias)}
            known = self._local_parts[id(domain)] = frozenset(own | {*self._roles})
        return address.key in known or address.key.partition("+")[0] in known
