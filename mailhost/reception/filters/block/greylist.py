"""Greylisting (RFC 6647): who was never here before is asked to come again later.

Remembered are the network of the client, the sender and the recipient of who came once; and the
networks of those who came again, which are let in at once from then on.
"""

from __future__ import annotations

from ipaddress import ip_address, ip_network

from zope.interface import implementer

from mailhost.config.filters.block import Greylist
from mailhost.interfaces import Answer, FilterFailed, IFilter
from mailhost.message.verdict import PASS, Mail, Stage, Verdict, defer
from mailhost.net.threads import InThread
from mailhost.reception.filters.block.greylist_memory import GreylistMemory, MemoryLost
from mailhost.reception.filters.block.listed import recipient, sender


@implementer(IFilter)
class Greylisted:
    """Never asks who logged in, who is on this machine, and who is in the settings' networks."""

    stages = (Stage.RECIPIENT,)

    def __init__(self, settings: Greylist, memory: GreylistMemory, in_thread: InThread) -> None:
        self._settings = settings
        self._memory = memory
        self._in_thread = in_thread

    def look(self, mail: Mail) -> Answer[Verdict]:
        client = mail.client
        if client.account is not None or client.local_machine:
            return PASS
        ip = ip_address(client.ip.partition("%")[0])
        if any(ip in network for network in self._settings.networks):
            return PASS
        settings = self._settings
        prefix = settings.ipv4_prefix if ip.version == 4 else settings.ipv6_prefix
        network = str(ip_network((ip, prefix), strict=False))
        return self._ask(network, sender(mail), recipient(mail))

    async def _ask(self, network: str, sender: str, recipient: str) -> Verdict:
        settings, memory = self._settings, self._memory
        try:
            wait = await self._in_thread(
                lambda: memory.wait(
                    network, sender, recipient, settings.delay, settings.retry, settings.remember
                )
            )
        except MemoryLost as lost:
            raise FilterFailed(str(lost)) from lost
        if wait <= 0:
            return PASS
        words = f"You are new here; please try again in {wait:.0f} seconds"
        return defer(words, f"{network} is new here, {wait:.0f} seconds to wait")
