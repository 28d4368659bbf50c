"""Findings about TLS: STARTTLS that is missing or hidden, handshakes, versions, certificates."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime

from mailhost.doctor.finding import Fault, Finding, failure, ok, unknown, warning
from mailhost.doctor.server.certificates import SELF_SIGNED_CODE, is_ending, names_host
from mailhost.doctor.server.findings.note import NO_TITLE, Note, quoted
from mailhost.doctor.server.record import Kind, Offered, Record, SeenCertificate, SeenTLS, Step
from mailhost.doctor.server.services import Place

STARTTLS_HIDDEN = Fault(
    "starttls-hidden",
    "A device on the path changes the replies of the server, so nothing is encrypted.",
)
STARTTLS_MISSING = Fault(
    "starttls-missing", "Without TLS, every host on the path can read mail and passwords."
)
HANDSHAKE_FAILED = Fault(
    "tls-handshake-failed", "Mail programs refuse to connect without TLS that works."
)
TLS_OLD = Fault("tls-old", "TLS 1.0 and 1.1 are broken, and many programs refuse them.")
SELF_SIGNED = Fault(
    "server-certificate-self-signed", "Mail programs warn of the server or refuse to connect."
)
UNTRUSTED = Fault(
    "server-certificate-untrusted", "Mail programs cannot verify the identity of the server."
)
NAME_MISMATCH = Fault(
    "server-certificate-name", "Mail programs take the server for another one and refuse it."
)
EXPIRED = Fault("server-certificate-expired", "Mail programs refuse a certificate out of date.")
ENDING = Fault(
    "server-certificate-ending", "After that day mail programs refuse to connect to the server."
)
AUTHORITIES_MISSING = Fault(
    "authorities-missing", "Without a list of authorities no certificate can be verified."
)
PASSWORD_WITHOUT_TLS = Fault(
    "password-without-tls",
    "Every host on the path can read the password, and send mail in the name of the user.",
)
_MASKED = re.compile(r"X{4,}A?")  # a firewall's inspection overwrites keywords it does not know
_OLD = ("SSLv3", "TLSv1", "TLSv1.1")
_RENEW = "The operator of the server renews the certificate, and finds out why the renewal failed."
_GET_ONE = (
    "The operator of the server gets a certificate of a public authority, for example by "
    "`certbot certonly --standalone -d {host}`."
)


def encryption_notes(record: Record, now: datetime) -> Iterator[Note]:
    """Yield the notes about TLS at one port."""
    if record.second is not None or record.silent:
        return
    for finding in _starttls(record):
        yield Note(record.place, finding)
    if record.tls is not None:
        findings = list(_session(record.tls, record.place, now))
        if not findings:
            findings = [ok(NO_TITLE, _summary(record.tls, record.place))]
        yield from (Note(record.place, finding, "TLS") for finding in findings)
    in_clear = record.in_clear
    if in_clear is not None and in_clear.starttls and in_clear.takes_password:
        yield Note(record.place, _in_clear(record.place, in_clear), "login without TLS")


def _starttls(record: Record) -> Iterator[Finding]:
    trouble = record.trouble
    if trouble is not None and trouble.step is Step.HANDSHAKE:
        yield _handshake_failed(trouble.text, trouble.kind)
    elif record.starttls is not None and not record.starttls.ok:
        yield _handshake_failed(f"STARTTLS is refused: {record.starttls.text}", Kind.REPLY)
    elif record.in_clear is not None and not record.in_clear.starttls:
        yield _hidden() if is_masked(record) else _missing(record.in_clear)


def is_masked(record: Record) -> bool:
    """Return True if a middle box seems to have changed the greeting or the offers: `220 ****`, or
    a keyword of X in the place of STARTTLS."""
    lines = record.in_clear.lines if record.in_clear else ()
    return "***" in record.greeting or any(_MASKED.fullmatch(line) for line in lines)


def _hidden() -> Finding:
    seen = "STARTTLS is not offered, and text of the server is overwritten by X or asterisks"
    remedy = (
        "Switch SMTP inspection off in the firewall or virus scanner (Cisco: "
        "`no inspect esmtp`, `no fixup protocol smtp 25`), or use port 465, which no device on the "
        "path can change."
    )
    return failure(STARTTLS_HIDDEN, NO_TITLE, seen, remedy)


def _missing(offered: Offered) -> Finding:
    login = ", and passwords are taken without TLS" if offered.takes_password else ""
    remedy = (
        "The operator of the server gives it a certificate; mail programs use port 465, 993 or 995 "
        "where the server has it."
    )
    return warning(STARTTLS_MISSING, NO_TITLE, f"STARTTLS is not offered{login}", remedy)


def _handshake_failed(text: str, kind: Kind) -> Finding:
    seen = quoted(text) or f"the server {kind.value}"
    remedy = (
        "The operator of the server looks into its log for the reason; most often certificate and "
        "key do not match, or one of them cannot be read."
    )
    return failure(HANDSHAKE_FAILED, NO_TITLE, f"no TLS session: {seen}", remedy)


def _session(tls: SeenTLS, place: Place, now: datetime) -> Iterator[Finding]:
    if tls.version in _OLD:
        remedy = "The operator of the server switches TLS 1.2 and 1.3 on."
        yield warning(TLS_OLD, NO_TITLE, f"the newest version is {tls.version}", remedy)
    certificate = tls.certificate
    if certificate is None:
        yield _by_port(place, UNTRUSTED, "the server has no certificate", _get_one(place))
    elif not tls.judged:
        remedy = "Install the authorities of this machine: `apt-get install ca-certificates`."
        seen = f"a certificate of {certificate.issuer}, and no authorities here to verify it"
        yield unknown(AUTHORITIES_MISSING, NO_TITLE, quoted(seen), remedy)
    elif not certificate.trusted:
        yield _untrusted(certificate, place)
    else:
        yield from _of_trusted(certificate, place, now)


def _untrusted(certificate: SeenCertificate, place: Place) -> Finding:
    if SELF_SIGNED_CODE in certificate.problems:
        seen = f"the certificate for {_names(certificate)} is self-signed"
        return _by_port(place, SELF_SIGNED, seen, _get_one(place))
    issuer = quoted(certificate.issuer)
    seen = f"no authority of this machine has signed {issuer}, the issuer of the certificate"
    if certificate.chain_length > 1:
        return _by_port(place, UNTRUSTED, seen, _get_one(place))
    remedy = (
        "The operator of the server sends the whole chain (with certbot: fullchain.pem instead of "
        "cert.pem), or gets a certificate of a public authority."
    )
    return _by_port(place, UNTRUSTED, f"{seen}, and the server sends it alone", remedy)


def _of_trusted(certificate: SeenCertificate, place: Place, now: datetime) -> Iterator[Finding]:
    if not place.named_by_address and not names_host(certificate, place.host):
        seen = f"the certificate is for {_names(certificate)}, and not for {place.host}"
        remedy = (
            "Use the name of the certificate as server name in the mail program, or have the "
            "operator of the server add the other name to it."
        )
        yield _by_port(place, NAME_MISMATCH, seen, remedy)
    if certificate.ends <= now:
        seen = f"the certificate expired on {certificate.ends:%Y-%m-%d}"
        yield _by_port(place, EXPIRED, seen, _RENEW)
    elif certificate.begins > now:
        seen = f"the certificate is not valid before {certificate.begins:%Y-%m-%d %H:%M} UTC"
        yield _by_port(place, EXPIRED, seen, "Check the clock of this machine and of the server.")
    elif is_ending(certificate, now):
        seen = f"the certificate expires at {certificate.ends:%Y-%m-%d %H:%M} UTC"
        yield warning(ENDING, NO_TITLE, seen, _RENEW)


def _by_port(place: Place, fault: Fault, seen: str, remedy: str) -> Finding:
    """Return a warning at port 25, where mail servers do not verify certificates; a failure at the
    ports of mail programs."""
    make = warning if place.service.between_servers else failure
    return make(fault, NO_TITLE, seen, remedy)


def _get_one(place: Place) -> str:
    public = "." in place.host and not place.named_by_address
    return _GET_ONE.format(host=place.host if public else "mail.example.com")


def _names(certificate: SeenCertificate) -> str:
    return quoted(", ".join(certificate.names[:4]) or certificate.subject)


def _summary(tls: SeenTLS, place: Place) -> str:
    certificate = tls.certificate
    assert certificate is not None  # without one there is a finding
    unchecked = "; its name was not compared with an address" if place.named_by_address else ""
    return (
        f"{tls.version}, {tls.cipher}, certificate for {_names(certificate)} by "
        f"{quoted(certificate.issuer)} until {certificate.ends:%Y-%m-%d}{unchecked}"
    )


def _in_clear(place: Place, offered: Offered) -> Finding:
    names = quoted(", ".join(offered.mechanisms))
    remedy = (
        "The operator of the server offers the login over TLS alone (Postfix: `smtpd_tls_auth_only "
        "= yes`, Dovecot: `disable_plaintext_auth = yes`)."
    )
    if place.on_loopback:
        seen = (
            f"offered ({names}); other clients may get another offer, which this machine cannot see"
        )
        return unknown(PASSWORD_WITHOUT_TLS, NO_TITLE, seen, remedy)
    return warning(PASSWORD_WITHOUT_TLS, NO_TITLE, f"offered ({names})", remedy)
