"""The filter that examines mail from strangers, and does what the settings say about forgeries.

Its results have their effect in the mode "observe" too: the Authentication-Results field, the tags
and the value `authentication` of the mail. Only its decision is then logged and not carried out.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from ipaddress import IPv4Network, IPv6Network
from itertools import compress

from twisted.internet.interfaces import IReactorTime
from zope.interface import implementer

from mailhost.concurrency.threads import InThread
from mailhost.config.filters.authenticity import Authenticity, OwnDomains
from mailhost.dmarc.evaluate import DMARCStatus
from mailhost.interfaces.answer import Answer
from mailhost.interfaces.authentication import Authentication, Disposition
from mailhost.interfaces.directory import IDirectory
from mailhost.interfaces.dns import ILookUp
from mailhost.interfaces.events import Authenticated, IEventSink
from mailhost.interfaces.filters import FilterFailed, IFilter
from mailhost.interfaces.signing import IDomainKeys
from mailhost.interfaces.verdict import PASS, Decision, Facts, Mail, Stage, Verdict
from mailhost.message.authentication_results import results_field
from mailhost.message.content import HEADER_LIMIT
from mailhost.reception.filters.authenticity.collect import (
    LEAST_TIME,
    ExaminedMessage,
    collect,
)
from mailhost.reception.filters.authenticity.evidence import Evidence
from mailhost.reception.filters.authenticity.known_clients import KnownClients
from mailhost.reception.filters.authenticity.message_lookups import MessageLookUps
from mailhost.reception.filters.authenticity.own_domains import (
    is_published,
    own_domains_without_pass,
)
from mailhost.reception.filters.authenticity.policy import Judgement, Surroundings, decide
from mailhost.reception.filters.authenticity.results import (
    authentication_of,
    method_results,
    tags_of,
)


@dataclass(frozen=True, slots=True)
class AuthenticityServices:
    """`now` returns the seconds since 1970, `hostname` is our name in the field."""

    resolver: ILookUp
    clock: IReactorTime
    in_thread: InThread
    events: IEventSink
    directory: IDirectory
    keys: IDomainKeys
    known_clients: KnownClients
    hostname: str
    now: Callable[[], float]


@implementer(IFilter)
class AuthenticityFilter:
    """Examines each message of a client that has not logged in, is in none of the networks of
    `trusted`, and uses neither LMTP nor a unix socket. `observed`: the mode is "observe"."""

    stages = (Stage.MESSAGE,)

    def __init__(
        self,
        settings: Authenticity,
        services: AuthenticityServices,
        observed: bool,
        trusted: Sequence[IPv4Network | IPv6Network] = (),
    ) -> None:
        self._settings = settings
        self._services = services
        self._observed = observed
        self._trusted = (*settings.trusted_networks, *trusted)

    def look(self, mail: Mail) -> Answer[Verdict]:
        client = mail.client
        if not client.ip or client.protocol == "lmtp" or client.trusted(self._trusted):
            return PASS
        if mail.authentication is not None:  # another filter of this kind has examined it
            return PASS
        return self._examine(mail)

    async def _examine(self, mail: Mail) -> Verdict:
        settings, services = self._settings, self._services
        header = await self._header(mail)
        lookups = MessageLookUps(services.resolver, services.clock, settings.time_limit)
        message = ExaminedMessage(mail, header, services.now(), services.hostname)
        evidence = await collect(message, lookups, services.in_thread)
        around = await self._surroundings(evidence, lookups)
        judgement = decide(evidence, settings, around)
        found = authentication_of(evidence, around, judgement, self._observed)
        self._note(mail, evidence, found)
        marked = self._marked(mail, header, evidence, found)
        return _verdict(judgement, Facts(marked, tags_of(found)))

    async def _surroundings(self, evidence: Evidence, lookups: MessageLookUps) -> Surroundings:
        services = self._services
        own = own_domains_without_pass(evidence, services.directory.view)
        published = frozenset[str]()
        if self._settings.own_domains is OwnDomains.PUBLISHED:
            machines = [is_published(domain, services.keys.keys_of(domain)) for domain in own]
            shown = [await lookups.run(each, at_least=LEAST_TIME) for each in machines]
            published = frozenset(compress(own, shown))
        known = services.known_clients.knows(evidence.ip, evidence.dmarc.domain)
        return Surroundings(own, published, known)

    async def _header(self, mail: Mail) -> bytes:
        content = mail.content
        known = content.known is not None or content.in_memory
        header = content.header() if known else await self._services.in_thread(content.header)
        if len(header) >= HEADER_LIMIT:
            raise FilterFailed("the header is larger than can be examined")
        return header

    def _marked(self, mail: Mail, header: bytes, evidence: Evidence, found: Authentication) -> Mail:
        """Return the mail with the field and the results in it."""
        path = mail.envelope.reverse_path
        reverse_path = str(path) if path is not None else ""
        results = method_results(evidence, found, reverse_path, mail.client.hello)
        field = results_field(self._services.hostname, list(results))
        if not (field.isascii() or mail.envelope.smtputf8):
            field = field.decode().encode("ascii", "replace")
        return replace(mail, content=mail.content.after(field, header), authentication=found)

    def _note(self, mail: Mail, evidence: Evidence, found: Authentication) -> None:
        envelope = mail.envelope
        recipients = tuple(each.address for each in envelope.recipients)
        event = Authenticated(mail.client, mail.identity, envelope.reverse_path, recipients, found)
        self._services.events.emit(event)
        if evidence.dmarc.status is DMARCStatus.PASS:
            self._services.known_clients.note(evidence.ip, found.author)


def _verdict(judgement: Judgement, facts: Facts) -> Verdict:
    match judgement.disposition:
        case Disposition.NONE:
            return Verdict(Decision.PASS, facts=facts)
        case Disposition.QUARANTINE:
            return Verdict(Decision.JUNK, judgement.reason, facts=facts)
    return Verdict(Decision.REJECT, judgement.reason, judgement.refusal, facts=facts)
