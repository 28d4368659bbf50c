"""Greylisting (RFC 6647): the first attempt of an unknown client to send a message is deferred.

The memory has the network of the client, the sender and the recipient of each first attempt. When
the client tries again after the delay, its network becomes known, and its later mail is accepted at
once. The hosts of a pool (`pool`) count as one client, which may try again from any of its
networks; then mail from the same sender's domain is accepted from the whole pool.
"""

from __future__ import annotations

from collections.abc import Sequence
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network

from zope.interface import implementer

from mailhost.concurrency.threads import InThread
from mailhost.config.filters.block import Greylist
from mailhost.interfaces.answer import Answer
from mailhost.interfaces.dns import IResolver
from mailhost.interfaces.filters import FilterFailed, IFilter
from mailhost.interfaces.verdict import PASS, Mail, Stage, Verdict, defer
from mailhost.reception.filters.block.greylist_memory import GreylistMemory, MemoryUnavailable
from mailhost.reception.filters.block.listed import recipient, sender
from mailhost.reception.filters.block.pool import pool_of


@implementer(IFilter)
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
        trusted: Sequence[IPv4Network | IPv6Network] = (),
    ) -> None:
        self._settings = settings
        self._memory = memory
        self._resolver = resolver
        self._in_thread = in_thread
        self._trusted = (*settings.networks, *trusted)

    def look(self, mail: Mail) -> Answer[Verdict]:
        client = mail.client
        if client.local_machine or client.trusted(self._trusted):
            return PASS
        ip = ip_address(client.ip.partition("%")[0])
        settings = self._settings
        prefix = settings.ipv4_prefix if ip.version == 4 else settings.ipv6_prefix
        return self._ask(mail, ip_network((ip, prefix), strict=False))

    async def _ask(self, mail: Mail, network: IPv4Network | IPv6Network) -> Verdict:
        try:
            wait = await self._wait(mail, network)
        except MemoryUnavailable as error:
            raise FilterFailed(str(error)) from error
        if wait <= 0:
            return PASS
        text = f"You are new here; please try again in {wait:.0f} seconds"
        return defer(text, f"{network} is new here, {wait:.0f} seconds to wait")

    async def _wait(self, mail: Mail, network: IPv4Network | IPv6Network) -> float:
        """Return the seconds to wait, 0 for none. The DNS is queried only for unknown networks."""
        settings, memory = self._settings, self._memory
        names = [str(network)]
        if await self._in_thread(lambda: memory.knows(names, settings.remember)):
            return 0.0
        reverse_path = sender(mail)
        pool = await pool_of(mail.client.hello, network, self._resolver)
        if pool:
            names.append(f"{pool} {reverse_path.rpartition('@')[2]}")
        triplet = (pool or str(network), reverse_path, recipient(mail))
        return await self._in_thread(
            lambda: memory.wait(triplet, names, settings.delay, settings.retry, settings.remember)
        )
