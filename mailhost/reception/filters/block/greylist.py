"""Greylisting (RFC 6647): who was never here before is asked to come again later.

Remembered are the network of the client, the sender and the recipient of who came once; and the
networks of those who came again, which are let in at once from then on. Hosts of one pool (`pool`)
count as one client: it may come again from any of its networks. Once it has come again, mail of the
same sender's domain is accepted from the whole pool.
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
from mailhost.reception.filters.block.greylist_memory import GreylistMemory, MemoryLost
from mailhost.reception.filters.block.listed import recipient, sender
from mailhost.reception.filters.block.pool import pool_of


@implementer(IFilter)
class Greylisted:
    """Never defers clients that logged in, are on this machine, or are in the networks of the
    settings or of `trusted`."""

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
        except MemoryLost as lost:
            raise FilterFailed(str(lost)) from lost
        if wait <= 0:
            return PASS
        text = f"You are new here; please try again in {wait:.0f} seconds"
        return defer(text, f"{network} is new here, {wait:.0f} seconds to wait")

    async def _wait(self, mail: Mail, network: IPv4Network | IPv6Network) -> float:
        """Return the seconds to wait. The DNS is asked only where the network is not known."""
        settings, memory = self._settings, self._memory
        names = [str(network)]
        if await self._in_thread(lambda: memory.knows(names, settings.remember)):
            return 0.0
        who, sent_by = str(network), sender(mail)
        pool = await pool_of(mail.client.hello, network, self._resolver)
        if pool:
            who = pool
            names.append(f"{pool} {sent_by.rpartition('@')[2]}")
        visit = (who, sent_by, recipient(mail))
        return await self._in_thread(
            lambda: memory.wait(visit, names, settings.delay, settings.retry, settings.remember)
        )
