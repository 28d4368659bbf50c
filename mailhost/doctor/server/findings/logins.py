"""Findings about a login, and about the message that was read after it."""

from __future__ import annotations

from collections.abc import Iterator

from mailhost.doctor.finding import Fault, Finding, failure, ok, unknown
from mailhost.doctor.server.certificates import may_log_in
from mailhost.doctor.server.findings.note import NO_TITLE, Note, quoted
from mailhost.doctor.server.plan import login_record
from mailhost.doctor.server.record import Answer, Record, Step, Trouble
from mailhost.doctor.server.services import MailProtocol
from mailhost.doctor.server.survey import Surveyed

LOGIN_REFUSED = Fault(
    "login-refused",
    "The server accepts mail from users, and lets them read mail, after a login only.",
)
LOGIN_BROKEN = Fault(
    "login-broken", "The server offers a login that does not work, whatever the password."
)
LOGIN_NOT_OFFERED = Fault(
    "login-not-offered", "A mail program that wants to log in has no way to do so."
)
LOGIN_NOT_TRIED = Fault(
    "login-not-tried", "The password is sent to a server only if its certificate can be verified."
)
MAILBOX_UNREADABLE = Fault("mailbox-unreadable", "The login works, and mail cannot be read.")
_WRONG_PASSWORD = frozenset({530, 534, 535, 538})
_CHECK_PASSWORD = (
    "Compare user name and password with those of the provider: the user name is often the full "
    "address, and some providers want an app password."
)
_ASK_OPERATOR = (
    "Try again later, then ask the operator of the server to look into its log for the login."
)


def login_notes(surveyed: Surveyed) -> Iterator[Note]:
    """Yield the results of logins, and the reasons for those that were not tried."""
    wanted = surveyed.wanted
    if not wanted.asked.user:
        return
    what = f"login as {wanted.asked.user}"
    for protocol in MailProtocol:
        working = [each for each in surveyed.records if _works(each, protocol)]
        best = login_record(working, protocol, wanted.asked, surveyed.now)
        if best is not None and not may_log_in(best, wanted.asked.insecure, surveyed.now):
            yield Note(best.place, _not_tried(), what)
        elif best is None and working:
            yield Note(working[0].place, _without_login(surveyed, working), what)
    for record in surveyed.used:
        yield from _result(record, what)


def _works(record: Record, protocol: MailProtocol) -> bool:
    return record.works and record.place.service.protocol is protocol


def _without_login(surveyed: Surveyed, working: list[Record]) -> Finding:
    """Return the finding about ports that offer no login.

    For port 25 the finding is ok if the operator named that port, or if other ports are for users.
    """
    for_servers = all(record.place.service.between_servers for record in working)
    others = len(working) < sum(record.works for record in surveyed.records)
    if for_servers and (others or surveyed.wanted.port is not None):
        return ok(NO_TITLE, "the server offers no login; this port is for other mail servers")
    return _not_offered("no login is offered")


def _not_tried() -> Finding:
    remedy = (
        "Correct the certificate first, or use the server name that the certificate has; with "
        "`--insecure` the password is sent nevertheless, and others may read it."
    )
    seen = "not tried, as there is no TLS with a certificate that can be verified"
    return unknown(LOGIN_NOT_TRIED, NO_TITLE, seen, remedy)


def _not_offered(seen: str) -> Finding:
    remedy = "Use another port (465, 587), or ask the operator of the server to offer AUTH."
    return failure(LOGIN_NOT_OFFERED, NO_TITLE, seen, remedy)


def _result(record: Record, what: str) -> Iterator[Note]:
    place, trouble, answer = record.place, record.trouble, record.login
    if record.withheld:
        yield Note(place, _not_tried(), what)
        return
    if answer is None:
        if trouble is not None and trouble.step <= Step.LOGIN:
            yield Note(place, _cut_short(trouble), what)
        return
    yield Note(place, _answered(record, answer), what)
    if not answer.ok or place.service.protocol is MailProtocol.SMTP:
        return
    if trouble is not None:
        reason = quoted(trouble.text) or f"the server {trouble.kind.value}"
        seen = f"no message can be read: {reason}"
        yield Note(place, failure(MAILBOX_UNREADABLE, NO_TITLE, seen, _ASK_OPERATOR), "reading")
    elif record.messages is not None:
        yield Note(place, ok(NO_TITLE, _read(record)), "reading")


def _read(record: Record) -> str:
    if record.fetched is None:
        return "the mailbox is empty"
    return f"one of {record.messages} messages was read, of {record.fetched} octets"


def _answered(record: Record, answer: Answer) -> Finding:
    if answer.ok:
        return ok(NO_TITLE, "accepted")
    if not answer.text:
        names = ", ".join(record.offered.mechanisms) if record.offered else ""
        return _not_offered(
            f"the server offers only mechanisms that the doctor does not have: {quoted(names)}"
        )
    seen = f"refused: {quoted(answer.text)}"
    broken = answer.temporary or answer.text.upper().startswith("BAD")
    if broken or (answer.code and answer.code not in _WRONG_PASSWORD):
        return failure(LOGIN_BROKEN, NO_TITLE, seen, _ASK_OPERATOR)
    return failure(LOGIN_REFUSED, NO_TITLE, seen, _CHECK_PASSWORD)


def _cut_short(trouble: Trouble) -> Finding:
    reason = quoted(trouble.text) or f"the server {trouble.kind.value}"
    if trouble.step is Step.LOGIN:
        return failure(LOGIN_BROKEN, NO_TITLE, f"the login ended early: {reason}", _ASK_OPERATOR)
    seen = f"not tried, as a second connection failed: {reason}"
    return unknown(LOGIN_NOT_TRIED, NO_TITLE, seen, "Try again: the server may limit connections.")
