"""Greylisting (RFC 6647): the first attempt of an unknown client to send a message is deferred.

The memory has the network of the client, the sender and the recipient of each first attempt. When
the client tries again after the delay, its network becomes known, and its later mail is accepted at
once. The hosts of a pool (`pool`) count as one client, which may try again from any of its
networks; then mail from the same sender's domain is accepted from the whole pool.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from typing import TypeAlias

from zope.interface import implementer

from mailhost.concurrency.threads import InThread
from mailhost.config.filters.block import Greylist
from mailhost.interfaces.answer import Answer
from mailhost.interfaces.dns import IResolver
from mailhost.interfaces.filters import FilterFailed, IFilter, IPreview
from mailhost.interfaces.verdict import PASS, Mail, Stage, Verdict, defer
from mailhost.reception.filters.block.greylist_memory import (
    GreylistMemory,
    MemoryUnavailable,
    Triplet,
)
from mailhost.reception.filters.block.listed import recipient, sender
from mailhost.reception.filters.block.pool import pool_of

_Network: TypeAlias = IPv4Network | IPv6Network
_Wait: TypeAlias = Callable[[Mail, _Network], Awaitable[float]]


@implementer(IFilter, IPreview)
class GreylistFilter:
    """Defers mail from unknown clients.

    Clients that have logged in, are on this machine, or are in the networks of the settings or of
    `trusted`, are never deferred.
    """

    stages = (Stage.RECIPIENT,)

    def __init__(
        self,
        settings: Greylist,
        memory: GreylistMemory,
        resolver: IResolver,
        in_thread: InThread,
        trusted: Sequence[_Network] = (),
    ) -> None:
        self._settings = settings
        self._memory = memory
        self._resolver = resolver
        self._in_thread = in_thread
        self._trusted = (*settings.networks, *trusted)

    def look(self, mail: Mail) -> Answer[Verdict]:
        return self._judge(mail, self._wait)

    def preview(self, mail: Mail) -> Answer[Verdict]:
        return self._judge(mail, self._left)

    def _judge(self, mail: Mail, wait: _Wait) -> Answer[Verdict]:
        client = mail.client
        if client.local_machine or client.trusted(self._trusted):
            return PASS
        ip = ip_address(client.ip.partition("%")[0])
        settings = self._settings
        prefix = settings.ipv4_prefix if ip.version == 4 else settings.ipv6_prefix
        return self._ask(mail, ip_network((ip, prefix), strict=False), wait)

    async def _ask(self, mail: Mail, network: _Network, wait: _Wait) -> Verdict:
        try:
            seconds = await wait(mail, network)
        except MemoryUnavailable as error:
            raise FilterFailed(str(error)) from error
        if seconds <= 0:
            return PASS
        text = f"You are new here; please try again in {seconds:.0f} seconds"
        return defer(text, f"{network} is new here, {seconds:.0f} seconds to wait")

    async def _wait(self, mail: Mail, network: _Network) -> float:
        """Return the seconds to wait, 0 for none. The DNS is queried only for unknown networks."""
        settings, memory = self._settings, self._memory
        if await self._in_thread(lambda: memory.knows([str(network)], settings.remember)):
            return 0.0
        triplet, names = await self._attempt(mail, network)
        return await self._in_thread(
            lambda: memory.wait(triplet, names, settings.delay, settings.retry, settings.remember)
        )

    async def _left(self, mail: Mail, network: _Network) -> float:
        """Return what `_wait` would return, without recording the attempt."""
        memory, delay = self._memory, self._settings.delay
        triplet, names = await self._attempt(mail, network)
        return await self._in_thread(lambda: memory.left(triplet, names, delay))

    async def _attempt(self, mail: Mail, network: _Network) -> tuple[Triplet, Sequence[str]]:
        """Return the attempt as the memory has it, and the names by which its client is known."""
        names = [str(network)]
        reverse_path = sender(mail)
        pool = await pool_of(mail.client.hello, network, self._resolver)
        if pool:
            names.append(f"{pool} {reverse_path.rpartition('@')[2]}")
        return (pool or str(network), reverse_path, recipient(mail)), names
