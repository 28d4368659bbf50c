"""The transport of waiting mail: what is ours goes to local delivery, the rest to the relay."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from zope.interface import implementer

from mailhost.concurrency.together import together
from mailhost.interfaces.directory import IDirectory
from mailhost.interfaces.queue import ITransport
from mailhost.message.content import Content
from mailhost.message.envelope import Envelope, ForwardPath
from mailhost.message.outcome import Fate, Outcome, outcome_of
from mailhost.routing import NO_DIRECTORY

NO_DOMAIN = NO_DIRECTORY.because(
    "the directory has no domain; restore it from a copy, or run `mailhost domain add`"
)


@implementer(ITransport)
class Dispatch:
    """Asks at each attempt, so that a domain that moved in or out meanwhile is served right.

    With `needs_domains` all mail waits while the directory has no domain: otherwise mail for our
    own domains would be sent to other hosts.
    """

    def __init__(
        self,
        directory: IDirectory,
        here: ITransport,
        elsewhere: ITransport,
        needs_domains: bool = False,
    ) -> None:
        self._directory = directory
        self._needs_domains = needs_domains
        self._here = here
        self._elsewhere = elsewhere

    async def deliver(
        self,
        envelope: Envelope,
        content: Content,
        recipients: Sequence[ForwardPath],
        identity: str,
        attempts: int = 0,
    ) -> Sequence[Outcome]:
        view = self._directory.view
        if self._needs_domains and not view.domains:
            return [outcome_of(path, NO_DOMAIN, Fate.DELIVERED) for path in recipients]
        ours = [path for path in recipients if view.domain(path.address.domain)]
        foreign = [path for path in recipients if not view.domain(path.address.domain)]
        both = ((self._here, ours), (self._elsewhere, foreign))
        outcomes = await together(
            [
                partial(transport.deliver, envelope, content, some, identity, attempts=attempts)
                for transport, some in both
                if some
            ]
        )
        if not (ours and foreign):
            return outcomes
        known = {outcome.recipient: outcome for outcome in outcomes}
        return [known[path] for path in recipients]
