"""The check that sends a test message to an address, and follows it."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import partial

from mailhost.config.load import Loaded
from mailhost.config.model import Settings
from mailhost.config.protocol import ListenProtocol
from mailhost.doctor.abuse.connecting import Place, opener
from mailhost.doctor.abuse.this_host import own_place
from mailhost.doctor.checks import Check
from mailhost.doctor.context import DoctorContext
from mailhost.doctor.finding import Finding, failure
from mailhost.doctor.round_trip.faults import TEST_NOT_SENT
from mailhost.doctor.round_trip.follow import follow
from mailhost.doctor.round_trip.identity import own_certificates
from mailhost.doctor.round_trip.local import LocalTrip, Reader
from mailhost.doctor.round_trip.message import make_message, with_sender
from mailhost.doctor.round_trip.reading import found_by_imap, found_by_pop3
from mailhost.doctor.round_trip.submission import Submitted, submit_as_host, submit_as_user
from mailhost.doctor.running_host import AskHost, ask_host
from mailhost.message.date import format_date
from mailhost.net.control.client import CommandFailed, NoHostRunning

TOPIC = "Round trip"
SECONDS = 180.0
_READERS = (
    ("POP3", (ListenProtocol.POP3S, ListenProtocol.POP3), found_by_pop3),
    ("IMAP", (ListenProtocol.IMAPS, ListenProtocol.IMAP), found_by_imap),
)


@dataclass(frozen=True, slots=True)
class RoundTrip:
    """The recipient, and the user who sends or reads; without a user the host itself sends.
    `now` is the time in seconds since 1970."""

    recipient: str
    user: str = ""
    password: str = ""
    now: float = 0.0


def round_trip_check(context: DoctorContext, loaded: Loaded, trip: RoundTrip) -> Check:
    """Return the check."""
    ask = ask_host(context.in_thread, loaded.settings.data, timeout=60.0)

    async def run() -> Sequence[Finding]:
        try:
            found = await ask("doctor.account", address=trip.recipient)
            if found["account"]:
                return await _local(context, loaded.settings, ask, trip, found["account"])
            return await _elsewhere(context, loaded.settings, ask, trip)
        except (NoHostRunning, CommandFailed) as error:
            remedy = "Start the host, or run the doctor as root or as the host's user."
            return [failure(TEST_NOT_SENT, "the running host", str(error), remedy)]

    return Check(TOPIC, f"a message to {trip.recipient}", SECONDS, run)


async def _local(
    context: DoctorContext, settings: Settings, ask: AskHost, trip: RoundTrip, account: str
) -> Sequence[Finding]:
    place = _first(settings, (ListenProtocol.SMTP,))
    if place is None:
        return [_no_listener("smtp")]
    own = await context.in_thread(partial(own_certificates, settings))
    local = LocalTrip(
        ask,
        context.reactor,
        context.in_thread,
        opener(context.reactor, place, "localhost"),
        tuple(_readers(settings, own)),
        account,
        trip.password if trip.user.lower() == account.lower() else "",
        with_sender(
            make_message(settings.hostname, account),
            "doctor@doctor.invalid",
            format_date(int(trip.now)),
        ),
    )
    return [finding async for finding in local.steps()]


async def _elsewhere(
    context: DoctorContext, settings: Settings, ask: AskHost, trip: RoundTrip
) -> Sequence[Finding]:
    message = make_message(settings.hostname, trip.recipient)
    clock = context.reactor
    if not trip.user:
        submitted = await submit_as_host(ask, clock, message, trip.recipient)
        return await _followed(context, ask, trip, submitted)
    place = _first(settings, (ListenProtocol.SUBMISSIONS, ListenProtocol.SUBMISSION))
    if place is None:
        return [_no_listener("submission")]
    open_connection = opener(clock, place, "localhost")
    own = await context.in_thread(partial(own_certificates, settings))
    submitted = await submit_as_user(
        open_connection, clock, message, trip.user, trip.password, trip.recipient, own
    )
    return await _followed(context, ask, trip, submitted)


async def _followed(
    context: DoctorContext, ask: AskHost, trip: RoundTrip, submitted: Submitted
) -> Sequence[Finding]:
    if not submitted.identity:
        return [submitted.finding]
    end = await follow(ask, context.reactor, submitted.identity, trip.recipient)
    return [submitted.finding, end]


def _readers(settings: Settings, own: Collection[bytes]) -> list[Reader]:
    found = []
    for name, protocols, look in _READERS:
        place = _first(settings, protocols)
        if place is not None:
            found.append(Reader(name, place, partial(look, own)))
    return found


def _first(settings: Settings, protocols: Sequence[ListenProtocol]) -> Place | None:
    """Return the address of the first listener of the first of these protocols."""
    for protocol in protocols:
        for listen in settings.listen:
            place = own_place(listen) if listen.protocol is protocol else None
            if place is not None:
                return place
    return None


def _no_listener(protocol: str) -> Finding:
    seen = f"the settings have no listener for {protocol} that this machine can reach"
    remedy = "Add a listener, and reload the host:"
    lines = ("[[listen]]", f'protocol = "{protocol}"', 'endpoint = "tcp:2525:interface=127.0.0.1"')
    return failure(TEST_NOT_SENT, "listeners", seen, remedy, *lines)
