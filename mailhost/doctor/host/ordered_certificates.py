"""Checks the certificates that the host orders by ACME: attempts that fail, renewals that are late,
and names that are left out because they lead elsewhere."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial

from twisted.internet.defer import Deferred, TimeoutError

from mailhost.certificates.folder import CertificateFolder, StoredCertificate
from mailhost.certificates.names import NameFinder, groups
from mailhost.certificates.state import Retry, State
from mailhost.concurrency.side_by_side import side_by_side
from mailhost.config.model import Settings
from mailhost.dns_records.addresses import find_addresses
from mailhost.dns_records.from_settings import is_in_dns
from mailhost.doctor.checks import Check
from mailhost.doctor.context import DoctorContext
from mailhost.doctor.finding import Fault, Finding, Verdict, failure, ok, warning
from mailhost.doctor.host.certificates import TOPIC
from mailhost.durable.blocking import BlockingCommitter
from mailhost.durable.system import OperatingSystem

ORDER_FAILS = Fault(
    "certificate-order-fails",
    "A name without a certificate of an authority is not trusted by mail programs.",
)
RENEWAL_LATE = Fault(
    "certificate-renewal-late", "A certificate that is not renewed in time expires."
)
SECONDS = 3.8
ADDRESS_SECONDS = 1.5  # for the addresses of this host
NAME_SECONDS = 1.8  # for the names
DAY = 86_400.0
LATE = DAY  # seconds after the planned time of a renewal
MOST_SHOWN = 6
_TRIED = "certificates that the host orders"


@dataclass(frozen=True, slots=True)
class Ordered:
    """The certificates in the data folder, and what is remembered of attempts."""

    certificates: Mapping[str, StoredCertificate]
    state: State


def read_ordered(data: str) -> Ordered:
    """Read the folder of certificates. Blocks for the disk. Raises OSError."""
    folder = CertificateFolder(data, BlockingCommitter(OperatingSystem()).commit)
    stored = folder.read().certificates
    return Ordered({each.name: each for each in stored}, folder.state())


def ordered_certificates_check(
    context: DoctorContext,
    settings: Settings,
    now: Callable[[], float],
    read: Callable[[str], Ordered] = read_ordered,
) -> Check:
    """Return the check, which has no findings where the host orders none. `now` gives seconds since
    1970."""

    async def run() -> Sequence[Finding]:
        if not settings.tls.acme.agree:
            return []
        try:
            ordered = await context.in_thread(partial(read, settings.data))
        except OSError:
            return []  # the check of the data folder reports this
        found = _failures(ordered, now()) or _late(ordered, now())
        found = found or [ok(_TRIED, _summary(ordered))]
        return [*found, *await _left_out(context, settings)]

    return Check(TOPIC, _TRIED, SECONDS, run)


def _failures(ordered: Ordered, now: float) -> list[Finding]:
    """Return one finding for each reason; a name may be the reason why a whole order failed."""
    state = ordered.state
    retries = (*state.names.items(), *state.attempts.items(), *state.directories.items())
    by_text: dict[str, tuple[str, Retry]] = {}
    for name, retry in retries:
        if retry.failures:
            by_text.setdefault(retry.text, (name, retry))
    ends = min((each.ends for each in ordered.certificates.values()), default=now)
    return [_failed(name, retry, ends - now < 2 * DAY) for name, retry in by_text.values()]


def _failed(name: str, retry: Retry, serious: bool) -> Finding:
    """`serious`: there is no certificate, or one ends within two days."""
    said, _, remedy = retry.text.partition(". Remedy: ")
    times = f"{retry.failures} attempt{'s' * (retry.failures != 1)} failed"
    seen = f"{said} ({times}, the next is at {_moment(retry.next)})"
    make = failure if serious else warning
    remedy = f"{remedy[:1].upper()}{remedy[1:]}." if remedy else "Look into the log."
    return make(ORDER_FAILS, f"certificate of {name}", seen, remedy)


def _late(ordered: Ordered, now: float) -> list[Finding]:
    """Return the findings about renewals that should have begun, and that have not failed."""
    late = [
        name
        for name, schedule in ordered.state.schedules.items()
        if name in ordered.certificates and 0 < schedule.renew < now - LATE
    ]
    if not late:
        return []
    ends = min(ordered.certificates[name].ends for name in late)
    seen = f"should have been renewed a day ago and more; the first ends at {_moment(ends)}"
    remedy = "Look whether the host runs and reaches the authority, then order by hand:"
    tried = f"certificate of {', '.join(late[:MOST_SHOWN])}"
    return [warning(RENEWAL_LATE, tried, seen, remedy, "mailhost certificates renew")]


async def _left_out(context: DoctorContext, settings: Settings) -> list[Finding]:
    """Return a note about names for which no certificate is ordered, as they lead elsewhere."""
    domains = [own.name for own in context.own.domains if own.facts.receives]
    wanted = groups(settings.hostname, domains, settings.tls.acme.names, lambda name: False)

    async def addresses() -> Sequence[str]:
        if settings.dns.addresses:
            return settings.dns.addresses
        found = await find_addresses(
            settings.hostname, context.resolver, context.reactor, seconds=ADDRESS_SECONDS
        )
        return (*found.found, *found.other)

    finder = NameFinder(context.reactor, context.resolver, addresses, partial(is_in_dns, settings))
    own = await finder.own_addresses()
    looking = side_by_side(finder.look(group, own) for group in wanted)
    try:
        leading = await Deferred.fromCoroutine(looking).addTimeout(NAME_SECONDS, context.reactor)
    except TimeoutError:
        return []
    reasons = {
        name: why
        for each in leading
        for name, why in each.left_out.items()
        if name not in each.unknown
    }
    if not reasons:
        return []
    shown = "; ".join(f"{name} ({why})" for name, why in list(reasons.items())[:MOST_SHOWN])
    more = f"; and {len(reasons) - MOST_SHOWN} more" if len(reasons) > MOST_SHOWN else ""
    remedy = "Publish those that are to be used: `mailhost dns DOMAIN` prints the records."
    seen = f"left out, as they do not lead to this host: {shown}{more}"
    return [Finding(Verdict.OK, "names without a certificate", seen, remedy=remedy)]


def _summary(ordered: Ordered) -> str:
    count = len(ordered.certificates)
    if not count:
        return "none yet: the host orders them when it runs"
    ends = min(each.ends for each in ordered.certificates.values())
    return f"{count} in use or ready; the first ends at {_moment(ends)}"


def _moment(seconds: float) -> str:
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d %H:%M} UTC"
