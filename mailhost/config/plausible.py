"""Finds values of the right form that are mistakes: an open relay, a hostname that other hosts
cannot look up, a folder of the system as data folder.

`faults` keep a host from starting. `warnings` do not: they are logged at each start and reload, and
`mailhost check-config` prints them.
"""

from __future__ import annotations

import os
import ssl
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from ipaddress import IPv4Network, IPv6Network, collapse_addresses, ip_address, ip_network
from typing import Any, TypeAlias

from mailhost.config.acme_check import acme_warnings
from mailhost.config.check import NamesInFile
from mailhost.config.client_endpoint import host_and_port
from mailhost.config.endpoint import PATHS, parse_endpoint
from mailhost.config.endpoint_meant import is_address
from mailhost.config.files import unreadable
from mailhost.config.filters.authenticity import Authenticity
from mailhost.config.filters.block import List
from mailhost.config.filters.common import Action, LookAt
from mailhost.config.metrics_check import warn_of_metrics
from mailhost.config.model import Certificate, Settings
from mailhost.config.pem import LARGEST_FILE, check_pair
from mailhost.config.problems import Problem, key_of
from mailhost.config.section import Section
from mailhost.config.sending_check import sending_warnings
from mailhost.config.web_check import web_warnings
from mailhost.message.address import literal_address

Network: TypeAlias = IPv4Network | IPv6Network

RELAY = ("relay", "networks")
GLOBAL_IPV6 = IPv6Network("2000::/3")  # all addresses that are given out, RFC 4291 §2.4
# folders with files of others, which must not become the host's
SYSTEM_FOLDERS = {"/", "/bin", "/boot", "/dev", "/etc", "/home", "/lib", "/lib64", "/opt", "/proc"}
SYSTEM_FOLDERS |= {"/root", "/run", "/sbin", "/sys", "/tmp", "/usr", "/usr/local", "/usr/bin"}
SYSTEM_FOLDERS |= {
    "/usr/lib",
    "/usr/sbin",
    "/var",
    "/var/lib",
    "/var/log",
    "/var/mail",
    "/var/spool",
}
_NO_ADMIN = (
    'is missing; write admin = "you@example.com", the reader of mail for postmaster and abuse: '
    "without an admin this mail is answered 451"
)
_NO_READER = 'has no effect; write admin = "you@example.com", the reader of what the doctor finds'
_UNSIGNED = (
    "has no effect, since reports about TLS must be signed (RFC 8460 §3); write dkim.sign = true"
)
_NOTHING_TO_REPORT = (
    'has no effect; add a [[filter]] with kind = "authenticity": its results are what is reported'
)
_ONLY_FOR_TESTS = (
    "is for test networks: certificates that the authorities of this machine have issued to other "
    "mail hosts and policy hosts are not accepted"
)
WELL_KNOWN = {
    465: "submissions",
    587: "submission",
    110: "pop3",
    995: "pop3s",
    143: "imap",
    993: "imaps",
    80: "http",
    443: "https",
}
# the servers behind a proxy decide; and smtp at 587 asks for no login, as some networks want it
_ALSO_THERE = {"submissions": ("proxys",), "submission": ("smtp", "proxy")}
ZEROS = {
    ("login", "failures_within"): "failed logins are not counted",
    ("login", "delay"): "a wrong password is answered at once",
    ("limits", "stop_timeout"): "a stop cuts off what is under way",
    ("queue", "warn_after"): "the first deferral is reported to the sender at once",
    ("relay", "idle_timeout"): "no connection is used for a second message",
}


def faults(settings: Settings) -> Iterator[Problem]:
    """Yield the values with which a host must not start."""
    text = hostname_fault(settings.hostname)
    if text and not _only_here(settings):
        yield Problem("hostname", text)
    for place, networks in _network_lists(settings):
        if place == RELAY and _covers_everything(networks):
            text = "everybody could relay through this host; write your own networks only"
            yield Problem(_key_of_list(place, networks), text)
    text = data_fault(settings.data)
    if text:
        yield Problem("data", text)
    yield from _proxies(settings)
    yield from _endpoint_files(settings)
    yield from _authority(settings)


def warnings(settings: Settings) -> Iterator[Problem]:
    """Yield values that are allowed but are probably a mistake."""
    if settings.admin is None and takes_own_mail(settings):
        yield Problem("admin", _NO_ADMIN)
    if settings.admin and not NamesInFile(settings, roles=()).reaches(settings.admin):
        text = f"there is no account or alias {settings.admin}; add it, or name another address"
        yield Problem("admin", text)
    text = hostname_fault(settings.hostname)
    if text and _only_here(settings):
        yield Problem("hostname", text)
    for place, networks in _network_lists(settings):
        if place != RELAY and _covers_everything(networks):
            text = "these networks contain every address; write only those that are meant"
            yield Problem(_key_of_list(place, networks), text)
    yield from _lists(settings)
    yield from _listeners(settings)
    yield from warn_of_metrics(settings)
    yield from _durations(settings)
    yield from sending_warnings(settings)
    yield from acme_warnings(settings)
    yield from web_warnings(settings)
    judges = any(isinstance(each, Authenticity) for each in settings.filter)
    if settings.dmarc.send_reports and not judges:
        yield Problem("dmarc.send_reports", _NOTHING_TO_REPORT)
    asked = settings.tls_reports.send and "send" in settings.tls_reports.model_fields_set
    if asked and not settings.dkim.sign:
        yield Problem("tls_reports.send", _UNSIGNED)
    if settings.doctor.daily and settings.admin is None:
        yield Problem("doctor.daily", _NO_READER)
    if settings.relay.tls.ca_file is not None:
        yield Problem("relay.tls.ca_file", _ONLY_FOR_TESTS)


def hostname_fault(name: str) -> str:
    """Return the fault of a hostname for use by other hosts, empty for none."""
    remedy = 'write the full name of this host, such as "mail.example.com"'
    if literal_address(name) or is_address(name):
        return f"is an address, and many hosts refuse mail from a host without a name; {remedy}"
    last = name.rpartition(".")[2]
    if "." not in name or last in ("localhost", "localdomain"):
        return f"{name!r} is no name by which other hosts can find this host; {remedy}"
    return ""


def data_fault(path: str) -> str:
    """Return the fault of a folder for the host's data, empty for none."""
    for folder in (os.path.normpath(path), os.path.realpath(path)):
        if folder in SYSTEM_FOLDERS:
            return f"{folder} belongs to the system; write another one, such as /var/lib/mailhost"
    return ""


def _only_here(settings: Settings) -> bool:
    """True if no other machine can connect."""
    return all(_is_local(listen.endpoint) for listen in settings.listen)


def _is_local(text: str) -> bool:
    endpoint = parse_endpoint(text)
    if endpoint.kind == "unix":
        return True
    if endpoint.kind not in ("tcp", "tcp6"):
        return False
    return is_address(endpoint.interface) and ip_address(endpoint.interface).is_loopback


def takes_own_mail(settings: Settings) -> bool:
    """True if a listener receives mail for this host, and not for a server behind a proxy."""
    return any(
        listen.protocol.takes_mail and not listen.protocol.proxied for listen in settings.listen
    )


_Place: TypeAlias = tuple[str | int, ...]


def _network_lists(value: Any, place: _Place = ()) -> Iterator[tuple[_Place, Sequence[Network]]]:
    """Yield every list of networks in the settings, with its place."""
    if isinstance(value, Section):
        for name, field in type(value).model_fields.items():
            yield from _network_lists(getattr(value, name), (*place, field.alias or name))
    elif isinstance(value, dict):
        for name, inner in value.items():
            yield from _network_lists(inner, (*place, name))
    elif isinstance(value, tuple) and value and isinstance(value[0], IPv4Network | IPv6Network):
        yield place, value
    elif isinstance(value, tuple):
        for number, inner in enumerate(value):
            yield from _network_lists(inner, (*place, number))


def _covers_everything(networks: Iterable[Network]) -> bool:
    """True if these networks together contain all IPv4 addresses, or all IPv6 addresses in use."""
    some = list(networks)
    v4 = collapse_addresses([each for each in some if isinstance(each, IPv4Network)])
    v6 = collapse_addresses([each for each in some if isinstance(each, IPv6Network)])
    return any(each.prefixlen == 0 for each in v4) or any(map(GLOBAL_IPV6.subnet_of, v6))


def _key_of_list(place: _Place, networks: Sequence[Network]) -> str:
    """Return the key of the network that is too large, or of the whole list."""
    for number, network in enumerate(networks):
        if _covers_everything([network]):
            return key_of((*place, number))
    return key_of(place)


def _lists(settings: Settings) -> Iterator[Problem]:
    """Yield lists that match every client. With `when`, `unless` or `listeners` this may be
    intended, for example to refuse all clients that have no tag."""
    for number, each in enumerate(settings.filter):
        if not isinstance(each, List) or each.look_at is not LookAt.CLIENT:
            continue
        if each.action is Action.TAG or each.when or each.unless or each.listeners:
            continue
        for place, entry in enumerate(each.entries):
            if _is_everything(entry):
                text = f'{entry} matches every client, so all mail gets action = "{each.action}"'
                yield Problem(key_of(("filter", number, "entries", place)), text)


def _endpoint_files(settings: Settings) -> Iterator[Problem]:
    """Yield the faults of keys and certificates that an endpoint of kind ssl or tls names."""
    for number, listen in enumerate(settings.listen):
        endpoint, key = parse_endpoint(listen.endpoint), key_of(("listen", number, "endpoint"))
        if endpoint.kind == "ssl" and not endpoint.part("privateKey"):
            meant = (
                f'"tcp:{endpoint.part("port")}" and protocol = "submissions", "imaps" or "pop3s"'
            )
            text = f"ssl needs privateKey; write {meant}, which have the certificates of [tls]"
            yield Problem(key, text)
        named = dict(endpoint.parts) if endpoint.kind in ("ssl", "tls") else {}
        missing = False
        for path in (named[name] for name in PATHS if name in named):
            try:
                os.stat(path)
            except OSError as error:
                missing = True
                yield Problem(key, unreadable(path, error))
        if "privateKey" in named and not missing:
            private = named["privateKey"]
            pair = Certificate(chain=named.get("certKey", private), key=private)
            with suppress(OSError):  # only root may read them, and has read them already
                yield from [Problem(key, found.text) for found in check_pair(key, pair)]


def _authority(settings: Settings) -> Iterator[Problem]:
    """Yield the fault of the authority for other hosts' certificates."""
    path, key = settings.relay.tls.ca_file, "relay.tls.ca_file"
    if path is None:
        return
    try:
        with open(path, "rb") as file:
            ssl.PEM_cert_to_DER_cert(file.read(LARGEST_FILE).decode("ascii").strip())
    except PermissionError:
        return  # only root may read it
    except OSError as error:
        yield Problem(key, unreadable(path, error))
    except ValueError:
        yield Problem(key, f"{path} holds no certificate in PEM")


def _proxies(settings: Settings) -> Iterator[Problem]:
    """Yield proxies that would connect to themselves."""
    for number, listen in enumerate(settings.listen):
        own = parse_endpoint(listen.endpoint)
        for place, upstream in enumerate(listen.upstream):
            host, port = host_and_port(upstream)
            if port and port == own.port and _is_at(host, own.interface):
                key = key_of(("listen", number, "upstream", place))
                text = f"is {key_of(('listen', number))} itself; write the server behind the proxy"
                yield Problem(key, text)


def _is_at(host: str, interface: str) -> bool:
    """True if a connection to `host` certainly reaches the listener on `interface`."""
    host = "127.0.0.1" if host == "localhost" else host
    if not is_address(host) or host == interface:
        return host == interface
    every = interface == "::" or (interface == "0.0.0.0" and ":" not in host)
    return every and ip_address(host).is_loopback


def _listeners(settings: Settings) -> Iterator[Problem]:
    """Yield ports that clients know for another protocol, and filters for protocols that no
    listener has."""
    for number, listen in enumerate(settings.listen):
        endpoint = parse_endpoint(listen.endpoint)
        port = endpoint.port if endpoint.kind in ("tcp", "tcp6") else None
        meant = WELL_KNOWN.get(port) if port else None
        if meant and listen.protocol.value not in (meant, *_ALSO_THERE.get(meant, ())):
            text = (
                f'clients expect protocol = "{meant}" at port {port}; write that, or another port'
            )
            yield Problem(key_of(("listen", number, "protocol")), text)
    spoken = {listen.protocol for listen in settings.listen}
    for number, each in enumerate(settings.filter):
        if each.listeners and not spoken & {*each.listeners}:
            text = (
                f"no [[listen]] has the protocol {' or '.join(each.listeners)}: "
                "this filter is never asked"
            )
            yield Problem(key_of(("filter", number, "listeners")), text)


def _is_everything(entry: str) -> bool:
    try:
        return _covers_everything([ip_network(entry)])
    except ValueError:
        return False


def _durations(settings: Settings) -> Iterator[Problem]:
    for (table, name), text in ZEROS.items():
        if getattr(getattr(settings, table), name) == 0:
            yield Problem(
                key_of((table, name)), f"is 0, so {text}; write a time, or remove the key"
            )
    queue = settings.queue
    if queue.expire_after <= queue.first_retry:
        text = "is not longer than first_retry: mail is given up before it is tried again"
        yield Problem("queue.expire_after", text)
    elif queue.warn_after >= queue.expire_after:
        yield Problem("queue.warn_after", "is not shorter than expire_after: no warning is sent")
