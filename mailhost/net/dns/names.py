"""The names of addresses, for display: PTR records that nothing else has confirmed."""

from __future__ import annotations

from collections.abc import Iterable
from ipaddress import ip_address

from twisted.internet.interfaces import IReactorTime

from mailhost.concurrency.side_by_side import side_by_side
from mailhost.interfaces.dns import ILookUp, ask, ptr_of
from mailhost.net.dns.lookups import run_lookups


async def names_of(
    addresses: Iterable[str], resolver: ILookUp, clock: IReactorTime, seconds: float
) -> dict[str, str]:
    """Return the names that DNS has for addresses, as far as it answers within `seconds`."""
    found: dict[str, str] = {}

    async def look_up(address: str) -> None:
        question = ptr_of(ip_address(address).reverse_pointer)
        reply = await run_lookups(ask(question), resolver, clock, seconds)
        if reply.records:
            found[address] = reply.records[0]

    await side_by_side(map(look_up, addresses))
    return found
