"""Certificates that were ordered, or should be, as `mailhost certificates` lists them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TypedDict

from cryptography import x509
from cryptography.x509.oid import NameOID

from mailhost.certificates.folder import StoredCertificate
from mailhost.certificates.plan import Plan
from mailhost.certificates.state import NO_SCHEDULE, Retry, State
from mailhost.net.tls.certificate import covers


class LastFailure(TypedDict):
    """A failed attempt. `name` is empty for one that concerns the whole order; `at` and `next` are
    seconds since 1970."""

    name: str
    text: str
    at: float
    next: float


class Entry(TypedDict):
    """One certificate, for JSON. `kind` is "ordered", "settings" or "self-signed". Times are in
    seconds since 1970, None for unknown. `missing` are names that should be in it and are not, with
    the reason where it is not a failed attempt. `renew` is None too for a certificate that is not
    wanted any more."""

    name: str
    kind: str
    names: list[str]
    missing: dict[str, str]
    issuer: str
    directory: str
    begins: float | None
    expires: float | None
    renew: float | None
    failures: list[LastFailure]


def entry_of_used(kind: str, certificate: x509.Certificate, names: Iterable[str]) -> Entry:
    """Return the entry of a certificate that was not ordered here."""
    found = [*names]
    return Entry(
        name=found[0] if found else "",
        kind=kind,
        names=found,
        missing={},
        issuer=issuer_of(certificate),
        directory="",
        begins=certificate.not_valid_before_utc.timestamp(),
        expires=certificate.not_valid_after_utc.timestamp(),
        renew=None,
        failures=[],
    )


def entries(
    plan: Plan | None, stored: Mapping[str, StoredCertificate], state: State
) -> list[Entry]:
    """Return the entries of certificates that were ordered, or should be. `plan` is None without
    agreement."""
    planned = [group.name for group in plan.groups] if plan else []
    return [
        _entry(name, plan, stored.get(name), state)
        for name in dict.fromkeys([*planned, *stored])
        if name in stored or (plan and _has_names(plan, name))
    ]


def _has_names(plan: Plan, name: str) -> bool:
    leading = plan.leading[name]
    return bool(leading.here) or name == plan.setup.hostname


def _entry(name: str, plan: Plan | None, stored: StoredCertificate | None, state: State) -> Entry:
    certificate = stored.files.chain[0] if stored else None
    schedule = state.schedules.get(name, NO_SCHEDULE)
    present = [*stored.files.names] if stored else []
    leading = plan.leading.get(name) if plan else None
    missing = {each: "" for each in leading.here if not covers(present, each)} if leading else {}
    directory = schedule.directory or (plan.setup.directory if plan and not stored else "")
    directories = dict.fromkeys([directory, *([plan.setup.directory] if plan else [])])
    return Entry(
        name=name,
        kind="ordered",
        names=present,
        missing=missing | dict(leading.left_out if leading else {}),
        issuer=issuer_of(certificate) if certificate else "",
        directory=directory,
        begins=stored.begins if stored else None,
        expires=stored.ends if stored else None,
        renew=schedule.renew or None if leading or plan is None else None,
        failures=_failures(state, name, [*missing, *present], directories),
    )


def _failures(
    state: State, certificate: str, names: Iterable[str], directories: Iterable[str]
) -> list[LastFailure]:
    """Return the last failures that concern a certificate. That of a name may be the reason of the
    whole order too: it is listed once."""
    retries = [(name, state.names.get(name)) for name in names]
    retries.append(("", state.attempts.get(certificate)))
    retries += [("", state.directories.get(each)) for each in directories]
    found: dict[str, LastFailure] = {}
    for name, retry in retries:
        if retry is not None:
            found.setdefault(retry.text, _failure(name, retry))
    return [*found.values()]


def _failure(name: str, retry: Retry) -> LastFailure:
    return LastFailure(name=name, text=retry.text, at=retry.at, next=retry.next)


def issuer_of(certificate: x509.Certificate) -> str:
    """Return the name of the authority in a certificate."""
    for kind in (NameOID.ORGANIZATION_NAME, NameOID.COMMON_NAME):
        found = certificate.issuer.get_attributes_for_oid(kind)
        if found:
            return str(found[0].value)
    return "unknown"
