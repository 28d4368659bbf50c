"""Checks that the web listener can be reached at the public addresses of this host, by connections
from this machine. A router that leads no connection back to its own side is no fault."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from mailhost.concurrency.side_by_side import side_by_side
from mailhost.config.endpoint import parse_endpoint
from mailhost.config.model import Settings
from mailhost.dns_records.addresses import find_addresses
from mailhost.dns_records.from_settings import is_in_dns
from mailhost.doctor.checks import Check
from mailhost.doctor.context import DoctorContext
from mailhost.doctor.finding import Fault, Finding, ok, unknown, warning
from mailhost.doctor.host.listeners import HOST_DOWN, LISTENER_CLOSED
from mailhost.doctor.network.attempt import Attempt, Result
from mailhost.doctor.network.port_25 import TryPort

WEB_UNREACHABLE = Fault(
    "web-listener-unreachable",
    "Mail programs, other hosts and certificate authorities connect to the web listener at the "
    "addresses in DNS.",
    explained_by=(HOST_DOWN, LISTENER_CLOSED),
)
TOPIC = "Listeners"
SECONDS = 3.8
ADDRESS_SECONDS = 1.2
_TRIED = "web listener at the addresses of this host"


def web_listener_check(context: DoctorContext, settings: Settings, try_port: TryPort) -> Check:
    """Return the check. `try_port` tries one address and port."""

    async def run() -> Sequence[Finding]:
        ports = sorted(set(_ports(settings)))
        if not ports or not is_in_dns(settings, settings.hostname):
            return []
        places = [(ip, port) for ip in await _addresses(context, settings) for port in ports]
        ends = await side_by_side(try_port(*place) for place in places)
        return list(_about(dict(zip(places, ends, strict=True))))

    return Check(TOPIC, _TRIED, SECONDS, run)


def _ports(settings: Settings) -> Iterator[int]:
    """Yield the ports of web listeners that other hosts may connect to."""
    for listen in settings.listen:
        endpoint = parse_endpoint(listen.endpoint)
        local = endpoint.interface.startswith(("127.", "::1")) and not settings.relay.allow_loopback
        if not listen.protocol.web or local:
            continue
        if endpoint.port:
            yield endpoint.port
        elif endpoint.kind == "systemd" and listen.protocol.usual_port:
            yield listen.protocol.usual_port


async def _addresses(context: DoctorContext, settings: Settings) -> Sequence[str]:
    if settings.dns.addresses:
        return settings.dns.addresses
    found = await find_addresses(
        settings.hostname, context.resolver, context.reactor, seconds=ADDRESS_SECONDS
    )
    return found.found


def _about(ends: dict[tuple[str, int], Attempt]) -> Iterator[Finding]:
    refused = [place for place, each in ends.items() if each.end is Result.REFUSED]
    silent = [
        place for place, each in ends.items() if each.end not in (Result.REFUSED, Result.ANSWERED)
    ]
    if refused:
        remedy = (
            "Look at the port forwarding and the firewall, and compare the addresses in DNS with "
            "those of this host."
        )
        seen = f"connections are refused at {_names(refused)}"
        yield warning(WEB_UNREACHABLE, _TRIED, seen, remedy)
    if silent:
        remedy = (
            "Test it from another network, for example with a phone: some routers do not lead "
            "connections back to their own side. If it fails there too, look at the firewall."
        )
        seen = f"no connection at {_names(silent)}"
        yield unknown(WEB_UNREACHABLE, _TRIED, seen, remedy)
    if ends and not refused and not silent:
        yield ok(_TRIED, f"it can be reached at {_names(list(ends))}")


def _names(places: Sequence[tuple[str, int]]) -> str:
    return ", ".join(f"[{ip}]:{port}" if ":" in ip else f"{ip}:{port}" for ip, port in places)
