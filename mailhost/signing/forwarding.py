"""Seals messages that aliases send on to the destinations of the settings (ARC, RFC 8617 §5.1).

The seal has the results of this host from its Authentication-Results field, which the filter
"authenticity" wrote. So a message that was not examined gets no seal, and neither does one with a
chain that does not pass. The host's own name signs, by RSA, which all receivers verify. A message
that cannot be sealed is sent as it is.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection
from functools import partial

from zope.interface import implementer

from mailhost.arc.chain import read_chain
from mailhost.arc.seal import NotSealed, seal
from mailhost.arc.verify import ARCResult, ARCStatus
from mailhost.concurrency.threads import InThread
from mailhost.dkim.body import hash_body
from mailhost.dkim.sign import BODY_FORM, Signer
from mailhost.interfaces.answer import Answer
from mailhost.interfaces.outgoing import IForwarding
from mailhost.message.authentication_results import own_fields, result_in
from mailhost.message.content import Content
from mailhost.message.domains import fits
from mailhost.signing.key_ring import KeyRing

ALGORITHM = "rsa-sha256"


@implementer(IForwarding)
class Forwarding:
    """`destinations` are domains of recipients, or `*.` and a domain, or `*`. `now` gives seconds
    since 1970."""

    def __init__(
        self,
        ring: KeyRing,
        hostname: str,
        destinations: Collection[str],
        in_thread: InThread,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._ring = ring
        self._hostname = hostname
        self._destinations = destinations
        self._in_thread = in_thread
        self._now = now

    def seal(self, content: Content, domains: Collection[str]) -> Answer[Content]:
        if not any(fits(each, name) for each in self._destinations for name in domains):
            return content
        signers = self._ring.signers(self._hostname)
        signer = next((each for each in signers if each.key.algorithm == ALGORITHM), None)
        return content if signer is None else self._seal(content, signer)

    async def _seal(self, content: Content, signer: Signer) -> Content:
        try:
            return await self._in_thread(partial(self._sealed, content, signer))
        except (NotSealed, OSError):
            return content

    def _sealed(self, content: Content, signer: Signer) -> Content:
        """Raises NotSealed, OSError."""
        header = content.header()
        ours = own_fields(header, self._hostname)
        results = next((each for each in ours if result_in(each, "arc")), None)
        if results is None:
            return content
        status = ARCStatus(result_in(results, "arc"))
        sets = read_chain(header).sets if status is ARCStatus.PASS else ()
        body = hash_body(content, header, [BODY_FORM])[BODY_FORM]
        value = results.value.lstrip() + b"\r\n"
        fields = seal(header, body, ARCResult(status, sets), value, signer, self._now())
        return content.after(fields, header)
