"""Checks of `[tls.acme]` that concern several settings, or this machine."""

from __future__ import annotations

import os
import ssl
import stat
from collections.abc import Iterator

from mailhost.config.acme import ACME, ChallengeKind
from mailhost.config.files import unreadable
from mailhost.config.model import Settings
from mailhost.config.problems import Problem, key_of

_PLACE = ("tls", "acme")
_NO_DNS = "dns-01 needs dns_command, or a table [tls.acme.nsupdate]"


def check_acme(acme: ACME) -> Iterator[Problem]:
    """Yield the faults of the section."""
    if not acme.usable_challenges:
        yield Problem(key_of((*_PLACE, "challenges")), f"none can be used: {_NO_DNS}")
    for number, name in enumerate(acme.names):
        if name.startswith("*.") and ChallengeKind.DNS_01 not in acme.usable_challenges:
            text = f"{name} can be proved by dns-01 alone (RFC 8555 §7.1.3), and {_NO_DNS}"
            yield Problem(key_of((*_PLACE, "names", number)), text)
    if acme.dns_command and acme.nsupdate:
        yield Problem(key_of((*_PLACE, "dns_command")), "leave it out, or leave out nsupdate")
    yield from _files(acme)


def acme_warnings(settings: Settings) -> Iterator[Problem]:
    """Yield what is allowed but is probably a mistake."""
    acme = settings.tls.acme
    if not acme.agree and acme != ACME():
        text = (
            "is not true, so no certificate is ordered; write agree = true if you agree to the "
            "terms of service of the certificate authority"
        )
        yield Problem(key_of((*_PLACE, "agree")), text)
    web = any(listen.protocol.web for listen in settings.listen)
    if acme.agree and not (web or acme.changes_dns):
        text = (
            "no challenge can be answered, so no certificate is ordered: add [web], or a "
            '[[listen]] with protocol = "http", or dns_command'
        )
        yield Problem(key_of((*_PLACE, "challenges")), text)


def _files(acme: ACME) -> Iterator[Problem]:
    if acme.ca_file:
        try:
            ssl.create_default_context(cafile=acme.ca_file)
        except ssl.SSLError:
            text = f"{acme.ca_file} holds no certificate in PEM (-----BEGIN CERTIFICATE-----)"
            yield Problem(key_of((*_PLACE, "ca_file")), text)
        except OSError as error:
            yield Problem(key_of((*_PLACE, "ca_file")), unreadable(acme.ca_file, error))
    if acme.dns_command and not os.access(acme.dns_command[0], os.X_OK):
        text = f"{acme.dns_command[0]} is no program that can be run; correct the path or its mode"
        yield Problem(key_of((*_PLACE, "dns_command")), text)
    if acme.nsupdate:
        fault = _key_fault(acme.nsupdate.key)
        if fault:
            yield Problem(key_of((*_PLACE, "nsupdate", "key")), fault)


def _key_fault(path: str) -> str:
    """Return the fault of a file with a TSIG key, empty for none."""
    try:
        with open(path, "rb") as file:
            mode = os.fstat(file.fileno()).st_mode
            file.read(1)
    except OSError as error:
        return unreadable(path, error)
    if mode & stat.S_IROTH:
        return f"everybody on this machine can read {path}; run: chmod 600 {path}"
    return ""
