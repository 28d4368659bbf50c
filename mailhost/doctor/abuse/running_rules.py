"""Checks that the rules of the running host refuse to relay for a client with a public address, at
each listener that accepts mail."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from ipaddress import ip_address
from typing import Any

from mailhost.concurrency.side_by_side import side_by_side
from mailhost.config.model import Settings
from mailhost.doctor.abuse.open_relay import OPEN_RELAY
from mailhost.doctor.checks import Check
from mailhost.doctor.clients.check import TOPIC
from mailhost.doctor.finding import Finding, failure, ok
from mailhost.doctor.running_host import AskHost
from mailhost.net.control.client import CommandFailed, NoHostRunning

OUTSIDE = ("198.51.100.77", "203.0.113.77", "2001:db8:77::1")  # RFC 5737, RFC 3849
ELSEWHERE = "doctor@example.org"
SENDER = "doctor@example.net"
SECONDS = 30.0
TRIED = "the rules for a stranger who sends to another domain"


def running_rules_check(ask: AskHost, settings: Settings) -> Check:
    """Return the check of all listeners that take mail themselves. A listener before another server
    is tried over the wire, since that server decides."""
    endpoints = [
        each.endpoint
        for each in settings.listen
        if each.protocol.takes_mail and not each.protocol.proxied
    ]

    async def run() -> Sequence[Finding]:
        strangers = list(_outside(settings))
        asking = [_asked(ask, endpoint, client) for endpoint in endpoints for client in strangers]
        answers = [each for each in await side_by_side(asking) if each is not None]
        return list(_about(answers))

    return Check(TOPIC, "no stranger may relay by the rules", SECONDS, run)


def _outside(settings: Settings) -> Iterator[str]:
    """Yield the public addresses that no entry of `networks` names as a single address."""
    narrow = [each for each in settings.relay.networks if each.prefixlen >= 24]
    for text in OUTSIDE:
        if not any(ip_address(text) in network for network in narrow):
            yield text


async def _asked(ask: AskHost, endpoint: str, client: str) -> Mapping[str, Any] | None:
    """Return the answer of `mailhost explain`; None if the host does not run or does not answer,
    which the checks of the host report."""
    try:
        answer: Mapping[str, Any] = await ask(
            "explain", sender=SENDER, recipient=ELSEWHERE, client=client, listener=endpoint
        )
    except (NoHostRunning, CommandFailed):
        return None
    return answer


def _about(answers: Sequence[Mapping[str, Any]]) -> Iterator[Finding]:
    relaying = [each for each in answers if _accepted(each)]
    for each in relaying[:1]:
        listener, client = each["listener"], each["client"]
        seen = (
            f"{listener['protocol']} at {listener['address']} accepts {ELSEWHERE} without a login "
            f"from a client at {client['ip']}: {each['relay']['reason']}"
        )
        remedy = "Remove the network that contains strangers from relay.networks, and reload."
        yield failure(OPEN_RELAY, TRIED, seen, remedy, "mailhost reload")
    if answers and not relaying:
        yield ok(TRIED, f"every listener refuses, such as with {_last_reply(answers[0])}")


def _accepted(answer: Mapping[str, Any]) -> bool:
    return _last_reply(answer).startswith("2") and answer["session"][-1]["command"].startswith(
        "RCPT"
    )


def _last_reply(answer: Mapping[str, Any]) -> str:
    exchanges = answer["session"]
    return str(exchanges[-1]["reply"]) if exchanges else ""
