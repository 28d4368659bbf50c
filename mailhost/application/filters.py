"""The filters of the settings, made: one chain for each kind of listener that has any."""

from __future__ import annotations

import os
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from twisted.internet.endpoints import clientFromString

from mailhost.concurrency.threads import InThread
from mailhost.config.client_endpoint import parse_client_endpoint
from mailhost.config.filters import authenticity, block, edit, monitor, outside
from mailhost.config.filters.common import Filter, Mode, OnError
from mailhost.config.lists import BadEntry
from mailhost.config.model import Relay, Settings
from mailhost.config.protocol import ListenProtocol
from mailhost.interfaces.directory import IDirectory
from mailhost.interfaces.dns import IResolver
from mailhost.interfaces.events import IEventSink
from mailhost.interfaces.filters import ICounters, IFilter, IRates, ISessionFilter
from mailhost.interfaces.reactor import IReactor
from mailhost.interfaces.reception import IHandover
from mailhost.interfaces.signing import IDomainKeys
from mailhost.interfaces.store import IMaildirs
from mailhost.message.address import BadAddress
from mailhost.milter.client import MilterTimeouts
from mailhost.milter.filter import MilterContext, MilterFilter
from mailhost.observe.counts import Counts
from mailhost.reception.filters.authenticity.filter import (
    AuthenticityFilter,
    AuthenticityServices,
)
from mailhost.reception.filters.authenticity.known_clients import KnownClients
from mailhost.reception.filters.authenticity.message_lookups import NoDNS
from mailhost.reception.filters.block.attachment import AttachmentFilter
from mailhost.reception.filters.block.dnslist import DNSListFilter
from mailhost.reception.filters.block.greylist import GreylistFilter
from mailhost.reception.filters.block.greylist_memory import GreylistMemory
from mailhost.reception.filters.block.listed import ListFilter
from mailhost.reception.filters.block.match import MatchFilter
from mailhost.reception.filters.block.rate import RateFilter
from mailhost.reception.filters.block.size import SizeFilter
from mailhost.reception.filters.chain import ASKED_COUNT, Chain, ChainLink
from mailhost.reception.filters.edit.disclaimer import DisclaimerFilter
from mailhost.reception.filters.edit.header import HeaderFilter, SubjectFilter
from mailhost.reception.filters.edit.rewrite import RewriteFilter
from mailhost.reception.filters.edit.strip import StripFilter
from mailhost.reception.filters.monitor.events import EventsFilter
from mailhost.reception.filters.monitor.journal import JournalFilter, to_address, to_maildir
from mailhost.reception.filters.python_code import BadCode, from_file, from_plugin
from mailhost.reception.filters.whole_messages import WholeMessages


class BadFilter(Exception):
    """A filter that cannot be made; the message names its key, and the remedy."""


@dataclass(frozen=True, slots=True)
class FilterContext:
    """The services that filters use. `data` is the path of the data folder."""

    reactor: IReactor
    in_thread: InThread
    events: IEventSink
    resolver: IResolver
    handover: IHandover
    maildirs: IMaildirs
    rates: IRates
    counters: ICounters
    whole_messages: WholeMessages
    hostname: str
    data: str
    directory: IDirectory
    domain_keys: IDomainKeys
    known_clients: KnownClients


Chains = dict[ListenProtocol, Chain]
LONGEST_MILTER_WAIT = 1800.0  # seconds for a message, if the milter reports progress


def make_chains(settings: Settings, context: FilterContext) -> Chains:
    """Return the chain of each kind of listener; those without a filter have none.

    Blocks for the disk. Raises BadFilter.
    """
    links: dict[ListenProtocol, list[ChainLink]] = {}
    named = zip(filter_names(settings.filter), settings.filter, strict=True)
    for number, (name, each) in enumerate(named):
        link = _link(f"filter[{number + 1}]", name, each, settings, context)
        for wire in each.listeners or ListenProtocol:
            if wire.takes_mail:
                links.setdefault(wire, []).append(link)
    observing = settings.filter_mode is Mode.OBSERVE
    return {
        wire: Chain(some, context.counters, context.reactor, context.events, observing)
        for wire, some in links.items()
    }


def filters_with_counts(settings: Settings, counts: Counts) -> list[dict[str, object]]:
    """Return the filters in order, each with what it did, for the command line."""
    found: list[dict[str, object]] = []
    for name, each in zip(filter_names(settings.filter), settings.filter, strict=True):
        did = {what: count for (one, what), count in counts.filters.items() if one == name}
        found.append(
            {
                "name": name,
                "kind": each.kind,
                "mode": str(_mode(each, settings.filter_mode)),
                "asked": did.pop(ASKED_COUNT, 0),
                "did": did,
            }
        )
    return found


def _mode(settings: Filter, mode: Mode) -> Mode:
    return Mode.OBSERVE if Mode.OBSERVE in (mode, settings.mode) else Mode.ENFORCE


def filter_names(filters: Sequence[Filter]) -> list[str]:
    """Return the names of the filters: that of the settings or the kind, numbered if it repeats."""
    seen: Counter[str] = Counter()
    found = []
    for each in filters:
        name = each.name or each.kind
        seen[name] += 1
        found.append(name if seen[name] == 1 else f"{name} {seen[name]}")
    return found


def _link(
    key: str, name: str, settings: Filter, whole: Settings, context: FilterContext
) -> ChainLink:
    observe = _mode(settings, whole.filter_mode) is Mode.OBSERVE
    try:
        if isinstance(settings, authenticity.Authenticity):
            made: IFilter | ISessionFilter = _authenticity(settings, observe, whole, context)
        else:
            made = _make(settings, name, observe, whole.relay, context)
    except (BadEntry, BadAddress) as error:
        raise BadFilter(f"{key}: {error}; correct or remove it") from error
    except BadCode as error:
        raise BadFilter(f"{key}: {error}") from error
    except OSError as error:
        raise BadFilter(f"{key}: cannot read {error.filename}: {error.strerror}") from error
    return ChainLink(
        name,
        made,
        observe=observe,
        pass_errors=settings.on_error is OnError.PASS,
        when=frozenset(settings.when),
        unless=frozenset(settings.unless),
        seconds=LONGEST_MILTER_WAIT if isinstance(settings, outside.Milter) else settings.timeout,
        own=isinstance(settings, outside.Python),
    )


def _make(
    settings: Filter, name: str, observe: bool, relay: Relay, context: FilterContext
) -> IFilter | ISessionFilter:
    reactor, in_thread, events = context.reactor, context.in_thread, context.events
    whole_messages = context.whole_messages
    match settings:
        case block.List():
            return ListFilter(settings, reactor, in_thread, events)
        case block.DNSList():
            return DNSListFilter(settings, context.resolver, reactor, events, relay.networks)
        case block.Greylist():
            memory = GreylistMemory(os.path.join(context.data, "greylist.sqlite"), time.time)
            return GreylistFilter(settings, memory, context.resolver, in_thread, relay.networks)
        case block.Rate():
            return RateFilter(settings, name, context.rates)
        case block.Size():
            return SizeFilter(settings)
        case block.Attachment():
            return AttachmentFilter(settings, whole_messages)
        case block.Match():
            return MatchFilter(settings, whole_messages)
        case edit.Header():
            return HeaderFilter(settings, whole_messages)
        case edit.Subject():
            return SubjectFilter(settings, whole_messages)
        case edit.Disclaimer():
            return DisclaimerFilter(settings, whole_messages)
        case edit.Strip():
            return StripFilter(settings, whole_messages)
        case monitor.Journal():
            return _journal(settings, observe, context)
        case monitor.Events():
            return EventsFilter(settings.file, reactor, in_thread, events)
        case edit.Rewrite():
            return RewriteFilter(settings)
        case outside.Milter():
            return _milter(settings, context)
        case outside.Python():
            return _own_code(settings)
    raise AssertionError(f"no filter for {settings!r}")


def _authenticity(
    settings: authenticity.Authenticity, observe: bool, whole: Settings, context: FilterContext
) -> IFilter:
    services = AuthenticityServices(
        resolver=context.resolver if whole.demo is None else NoDNS(),
        clock=context.reactor,
        in_thread=context.in_thread,
        events=context.events,
        directory=context.directory,
        keys=context.domain_keys,
        known_clients=context.known_clients,
        hostname=context.hostname,
        now=time.time,
    )
    return AuthenticityFilter(settings, services, observe, whole.relay.networks)


def _own_code(settings: outside.Python) -> IFilter | ISessionFilter:
    if settings.file is not None:
        return from_file(settings.file, settings.options)
    return from_plugin(settings.plugin, settings.options)


def _milter(settings: outside.Milter, context: FilterContext) -> ISessionFilter:
    where = parse_client_endpoint(settings.endpoint)
    return MilterFilter(
        MilterContext(
            clientFromString(context.reactor, where.endpoint),
            context.reactor,
            MilterTimeouts(
                settings.connect_timeout, settings.timeout, settings.timeout, LONGEST_MILTER_WAIT
            ),
            context.hostname,
            context.in_thread,
            context.whole_messages.keep,
        )
    )


def _journal(settings: monitor.Journal, observe: bool, context: FilterContext) -> IFilter:
    if settings.to is not None:
        keep, where = to_address(context.handover, settings.to), str(settings.to)
    else:
        where = settings.maildir or ""
        keep = to_maildir(context.maildirs.maildir(where))
    return JournalFilter(keep, where, observe)
