"""DNS blocklists and allowlists (RFC 5782): listed names have an address in 127.0.0.0/8.

An answer in 127.255.255.0/24 means that the list refuses the queries of this host, because there
are too many or because they come from a public resolver. Such an answer is logged, and never counts
as listed.
"""

from __future__ import annotations

from collections.abc import Sequence
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network

from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.interfaces import IReactorTime
from zope.interface import implementer

from mailhost.config.filters.block import DNSList
from mailhost.config.filters.common import LookAt
from mailhost.interfaces.answer import Answer
from mailhost.interfaces.dns import IResolver, NoSuchDomain, ResolveFailed
from mailhost.interfaces.events import Faulted, IEventSink
from mailhost.interfaces.filters import FilterFailed, IFilter, IPreview
from mailhost.interfaces.verdict import PASS, Mail, Stage, Verdict
from mailhost.message.address import BadAddress, parse_domain
from mailhost.reception.filters.action import verdict_of

REFUSED_ANSWERS = ip_network("127.255.255.0/24")
LOG_INTERVAL = 3600.0  # seconds between two log lines about a list that refuses queries


@implementer(IFilter, IPreview)
class DNSListFilter:
    """Queries all zones at the same time, at RCPT, so that the log has sender and recipient.

    There are no queries for clients that have logged in or are in `trusted` networks.
    """

    stages = (Stage.RECIPIENT,)

    def __init__(
        self,
        settings: DNSList,
        resolver: IResolver,
        clock: IReactorTime,
        events: IEventSink,
        trusted: Sequence[IPv4Network | IPv6Network] = (),
    ) -> None:
        self._settings = settings
        self._resolver = resolver
        self._clock = clock
        self._events = events
        self._trusted = trusted
        self._next_log: dict[str, float] = {}

    def look(self, mail: Mail) -> Answer[Verdict]:
        if mail.client.trusted(self._trusted):
            return PASS
        label = _label(self._settings.look_at, mail)
        return self._ask(label, _subject(self._settings.look_at, mail)) if label else PASS

    preview = look  # a question to DNS has no effect

    async def _ask(self, label: str, subject: str) -> Verdict:
        asking = [
            Deferred.fromCoroutine(self._ask_zone(label, zone)) for zone in self._settings.zones
        ]
        failures = []
        for zone, found in zip(self._settings.zones, await gatherResults(asking), strict=True):
            if isinstance(found, ResolveFailed):
                failures.append(str(found))
            elif found:
                text = f"{subject} is listed by {zone} ({found})"
                return verdict_of(self._settings, text, f"{subject} is listed by {zone}")
        if len(failures) == len(asking):
            raise FilterFailed("; ".join(failures))
        return PASS

    async def _ask_zone(self, label: str, zone: str) -> str | ResolveFailed:
        """Return the answer by which the label is listed, an empty text if it is not listed, or the
        fault of the DNS."""
        try:
            answers = await self._resolver.ipv4(f"{label}.{zone}")
        except NoSuchDomain:
            return ""
        except ResolveFailed as failure:
            return failure
        return self._hit(zone, answers)

    def _hit(self, zone: str, answers: Sequence[str]) -> str:
        for answer in map(ip_address, answers):
            if answer in REFUSED_ANSWERS:
                self._log_refused(zone, str(answer))
            elif any(answer in network for network in self._settings.answers):
                return str(answer)
        return ""

    def _log_refused(self, zone: str, answer: str) -> None:
        now = self._clock.seconds()
        if now >= self._next_log.get(zone, now):
            self._next_log[zone] = now + LOG_INTERVAL
            text = (
                f"could not tell: the list refuses the queries of this host ({answer}); "
                "query it less often, or through a resolver of your own"
            )
            self._events.emit(Faulted(f"list {zone}", text))


def _label(look_at: LookAt, mail: Mail) -> str:
    """Return the labels in front of the zone in a query, empty where nothing is to be queried."""
    if look_at is LookAt.CLIENT:
        return _reversed(mail.client.ip) if not mail.client.local_machine else ""
    try:
        return parse_domain(_name(look_at, mail))
    except BadAddress:
        return ""  # such as an address literal in HELO, or an invalid domain name


def _name(look_at: LookAt, mail: Mail) -> str:
    if look_at is LookAt.HELLO:
        return mail.client.hello
    if look_at is LookAt.SENDER:
        path = mail.envelope.reverse_path
    else:
        path = mail.recipient.address if mail.recipient is not None else None
    return path.domain if path is not None else ""


def _subject(look_at: LookAt, mail: Mail) -> str:
    return mail.client.ip if look_at is LookAt.CLIENT else _name(look_at, mail)


def _reversed(ip: str) -> str:
    """Return `1.2.0.192` for `192.0.2.1`; an IPv6 address by hex digits (RFC 5782 §2.1, §2.4)."""
    pointer = ip_address(ip.partition("%")[0]).reverse_pointer
    return pointer.rsplit(".", 2)[0]
