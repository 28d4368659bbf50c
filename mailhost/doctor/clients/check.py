"""The check that asks the running host for client addresses that are lost."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from mailhost.doctor.checks import Check
from mailhost.doctor.clients.lost_address import (
    Consequence,
    LostAddress,
    cause,
    command,
    danger,
    remedy,
    seen,
)
from mailhost.doctor.finding import Fault, Finding, failure, ok, warning
from mailhost.doctor.running_host import AskHost
from mailhost.net.control.client import CommandFailed, NoHostRunning

CLIENT_ADDRESSES_LOST = Fault(
    "client-addresses-lost",
    "If the address is in relay.networks, strangers can send mail to all domains; filters cannot "
    "tell one client from another.",
)
SECONDS = 15.0
TOPIC = "Clients and abuse"
TRIED = "addresses of clients"


def lost_addresses_check(ask: AskHost) -> Check:
    """Return the check. `ask` asks the running host; without one, there is no finding."""

    async def run() -> Sequence[Finding]:
        try:
            answer = await ask("clients.lost")
        except (NoHostRunning, CommandFailed):
            return []  # the checks of the host report that it does not run, or does not answer
        return list(_about(answer))

    return Check(TOPIC, "clients connect with their own addresses", SECONDS, run)


def _about(answer: Mapping[str, Any]) -> Iterator[Finding]:
    for value in answer["addresses"]:
        lost, consequence = _parsed(value)
        text = f"{seen(lost)}. {cause(lost)} {danger(lost, consequence)}"
        make = failure if consequence.listed else warning
        yield make(CLIENT_ADDRESSES_LOST, TRIED, text, remedy(lost, consequence), command(lost))
    if not answer["addresses"]:
        public = "some" if answer["public"] else "none so far"
        yield ok(
            TRIED,
            f"no inner address seems to be shared; clients with a public address: {public}",
        )


def _parsed(value: Mapping[str, Any]) -> tuple[LostAddress, Consequence]:
    lost = LostAddress(
        value["address"],
        value["since"],
        tuple(value["hello"]),
        tuple(value["senders"]),
        value["alone"],
        value["gateway"],
    )
    return lost, Consequence(value["listed"], value["stopped"])
