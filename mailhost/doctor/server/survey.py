"""Examines all ports of one server at all its addresses, side by side.

If the operator named one port, the other ports are tried if that port does not work, or has no
result after PATIENCE seconds. If the time is short, second attempts are left out.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TypeVar

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime

from mailhost.concurrency.side_by_side import side_by_side
from mailhost.doctor.server.dialogue import Asked, Means
from mailhost.doctor.server.help_command import answer_to_help, is_mail, seconds_of_help
from mailhost.doctor.server.plan import next_service, others_than, service_at, uses
from mailhost.doctor.server.probe import probe
from mailhost.doctor.server.record import Kind, Record, Step, Trouble
from mailhost.doctor.server.services import SERVICES, Place, Service
from mailhost.interfaces.dns import NoSuchDomain, Reply, ResolveFailed, TLSARecord

T = TypeVar("T")

PATIENCE = 8.0  # seconds
MOST_ADDRESSES = 6
MOST_PROBES = 3  # probes of one port: the expected service, then the service that it seems to be
NOTHING = Asked()


@dataclass(frozen=True, slots=True)
class Wanted:
    """The server that the operator named. `port` is None if all of `services` are examined."""

    host: str
    port: int | None
    asked: Asked = NOTHING
    services: Sequence[Service] = SERVICES


@dataclass(frozen=True, slots=True)
class Surveyed:
    """All records of a server at the time `now`.

    `unresolved` is the reason why its name led to no address, else empty; `unknown_name` says
    whether the name has no address, or could not be looked up. `records` are those of the port that
    the operator named, or of all ports; `others` those that were tried because the named one does
    not work. `used` are those with a login or a recipient. `tlsa` are the TLSA records of the
    server, None where they were not asked for.
    """

    wanted: Wanted
    now: datetime
    records: Sequence[Record] = ()
    others: Sequence[Record] = ()
    used: Sequence[Record] = ()
    unresolved: str = ""
    unknown_name: bool = False
    left_out: int = 0
    tlsa: Reply[TLSARecord] | None = None


async def survey(
    means: Means, addresses_of: Callable[[str], Awaitable[Sequence[str]]], wanted: Wanted
) -> Surveyed:
    """Return the records of all probes. Raises nothing: the records have the failures."""
    now, began = means.now, means.clock.seconds()
    try:
        addresses = await addresses_of(wanted.host)
    except NoSuchDomain:
        return Surveyed(wanted, now, unresolved="the name does not exist", unknown_name=True)
    except ResolveFailed as error:
        return Surveyed(wanted, now, unresolved=str(error) or "no answer from DNS")
    if not addresses:
        unresolved = "the name exists, and has no address (A or AAAA)"
        return Surveyed(wanted, now, unresolved=unresolved, unknown_name=True)
    tried = addresses[:MOST_ADDRESSES]
    means = replace(means, until=began + means.limits.ports)
    others: list[Record] = []
    if wanted.port is None:
        records = await _examine_all(means, wanted, tried, wanted.services)
    else:
        records, others = await _named_port(means, wanted, tried, wanted.port)
    planned = uses(records, wanted.asked, now)
    last = _within(means, began + means.limits.everything)
    used = await side_by_side(probe(last, place, asked) for place, asked in planned)
    return Surveyed(wanted, now, records, others, used, left_out=len(addresses) - len(tried))


def _within(means: Means, end: float) -> Means:
    """Return `means` with a limit for a whole probe that ends before `end`."""
    left = max(0.0, round(end - means.clock.seconds(), 1))
    return replace(means, limits=replace(means.limits, whole=min(means.limits.whole, left)))


async def _named_port(
    means: Means, wanted: Wanted, addresses: Sequence[str], port: int
) -> tuple[list[Record], list[Record]]:
    """Return the records of the named port, and of the other ports if they were tried."""
    expected = service_at(port, wanted.services)
    examining = Deferred.fromCoroutine(_examine_all(means, wanted, addresses, [expected]))
    if await _ended_within(means.clock, examining, PATIENCE):
        records = await examining
        if any(record.serves for record in records):
            return records, []
    services = list(others_than(expected, wanted.services))
    others = await _examine_all(means, wanted, addresses, services)
    return await examining, others


async def _ended_within(clock: IReactorTime, work: Deferred[T], seconds: float) -> bool:
    """Wait until `work` has ended, for `seconds` at most. Return True if it has."""
    waiting: Deferred[None] = Deferred()
    timer = clock.callLater(seconds, waiting.callback, None)

    def ended(result: T) -> T:
        if timer.active():
            timer.reset(0)  # `work` has its result when this callback has returned
        return result

    work.addBoth(ended)
    await waiting
    return work.called


async def _examine_all(
    means: Means, wanted: Wanted, addresses: Sequence[str], services: Sequence[Service]
) -> list[Record]:
    return await side_by_side(
        examine_port(means, Place(wanted.host, address, service))
        for address in addresses
        for service in services
    )


async def examine_port(means: Means, place: Place) -> Record:
    """Return the record of a port.

    If the expected service does not work, the port is probed again with the service that it seems
    to be; for a port that is not a standard port of mail, only the last record counts.
    """
    record = first = await probe(means, place, NOTHING)
    quick = replace(means, limits=means.limits.shorter)
    for _ in range(MOST_PROBES - 1):
        service = next_service(record)
        if service is None or not means.have(quick.limits.whole):
            break
        record = await probe(quick, replace(place, service=service), NOTHING)
    if place.service.guessed or record is first:
        return record
    first.second = record if record.works else None
    if first.silent and first.second is None and means.have(seconds_of_help(means)):
        answer = await answer_to_help(means, place)
        if answer and not is_mail(answer):
            first.began = answer
            first.trouble = Trouble(Step.GREETING, Kind.STRANGE, repr(answer[:80]))
    return first
