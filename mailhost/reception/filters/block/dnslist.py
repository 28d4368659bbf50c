"""DNS blocklists and allowlists (RFC 5782): who is listed is known by an address in 127.0.0.0/8.

An answer in 127.255.255.0/24 says nothing about anybody: so lists tell that they do not answer us,
as we ask too often or by way of a public resolver. Such an answer is logged, and never a hit.
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
from mailhost.interfaces.filters import FilterFailed, IFilter
from mailhost.interfaces.verdict import PASS, Mail, Stage, Verdict
from mailhost.message.address import BadAddress, parse_domain
from mailhost.reception.filters.action import verdict_of

REFUSED = ip_network("127.255.255.0/24")
EVERY = 3600.0  # seconds between two log lines about a list that refuses us


@implementer(IFilter)
class DNSListed:
    """Asks all zones at once, when a recipient is known, so that the log has both sides.

    Clients that logged in or are in `trusted` networks are never looked up.
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
        self._told: dict[str, float] = {}

    def look(self, mail: Mail) -> Answer[Verdict]:
        if mail.client.trusted(self._trusted):
            return PASS
        label = _label(self._settings.look_at, mail)
        return self._ask(label, _what(self._settings.look_at, mail)) if label else PASS

    async def _ask(self, label: str, what: str) -> Verdict:
        asking = [Deferred.fromCoroutine(self._zone(label, zone)) for zone in self._settings.zones]
        troubles = []
        for zone, found in zip(self._settings.zones, await gatherResults(asking), strict=True):
            if isinstance(found, ResolveFailed):
                troubles.append(str(found))
            elif found:
                text = f"{what} is listed by {zone} ({found})"
                return verdict_of(self._settings, text, f"{what} is listed by {zone}")
        if len(troubles) == len(asking):
            raise FilterFailed("; ".join(troubles))
        return PASS

    async def _zone(self, label: str, zone: str) -> str | ResolveFailed:
        """Return the answer that is a hit, or nothing, or why nothing can be known."""
        try:
            answers = await self._resolver.ipv4(f"{label}.{zone}")
        except NoSuchDomain:
            return ""
        except ResolveFailed as trouble:
            return trouble
        return self._hit(zone, answers)

    def _hit(self, zone: str, answers: Sequence[str]) -> str:
        for answer in map(ip_address, answers):
            if answer in REFUSED:
                self._log_refused(zone, str(answer))
            elif any(answer in network for network in self._settings.answers):
                return str(answer)
        return ""

    def _log_refused(self, zone: str, answer: str) -> None:
        now = self._clock.seconds()
        if now >= self._told.get(zone, now):
            self._told[zone] = now + EVERY
            text = (
                f"could not tell: the list does not answer our questions ({answer}); "
                "ask it by a resolver of your own, or less often"
            )
            self._events.emit(Faulted(f"list {zone}", text))


def _label(look_at: LookAt, mail: Mail) -> str:
    """The labels before the zone in a question; nothing where there is nothing to ask about."""
    if look_at is LookAt.CLIENT:
        return _reversed(mail.client.ip) if not mail.client.local_machine else ""
    try:
        return parse_domain(_name(look_at, mail))
    except BadAddress:
        return ""  # an address in brackets, a name that nobody can have


def _name(look_at: LookAt, mail: Mail) -> str:
    if look_at is LookAt.HELLO:
        return mail.client.hello
    if look_at is LookAt.SENDER:
        path = mail.envelope.reverse_path
    else:
        path = mail.recipient.address if mail.recipient is not None else None
    return path.domain if path is not None else ""


def _what(look_at: LookAt, mail: Mail) -> str:
    return mail.client.ip if look_at is LookAt.CLIENT else _name(look_at, mail)


def _reversed(ip: str) -> str:
    """`192.0.2.1` as `1.2.0.192`, an IPv6 address digit by digit (RFC 5782 §2.1, §2.4)."""
    pointer = ip_address(ip.partition("%")[0]).reverse_pointer
    return pointer.rsplit(".", 2)[0]
