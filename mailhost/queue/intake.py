"""Taking a message into the queue's folder: its entry, the state it begins with, the durable file.

Every process that serves clients does this itself, and notifies the one that runs the queue.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from mailhost.interfaces.events import IEventSink, Queued
from mailhost.message.content import Content
from mailhost.message.envelope import Envelope
from mailhost.message.outcome import Outcome
from mailhost.message.status import Status
from mailhost.message.tls_demand import TLSDemand, demand_of_header
from mailhost.queue.entry import Entry, EntryState, first_state, laid_out
from mailhost.queue.schedule import Backoff
from mailhost.queue.spool import FoundEntry, Spool


class Intake:
    """`taken` says whether an id is in use, `wall` dates entries. `backoff` may be replaced."""

    def __init__(
        self,
        spool: Spool,
        backoff: Backoff,
        wall: Callable[[], float],
        events: IEventSink,
        taken: Callable[[str], bool] = lambda id: False,
    ) -> None:
        self.backoff = backoff
        self._spool = spool
        self._wall = wall
        self._events = events
        self._taken = taken
        self._coming: set[str] = set()  # ids being written

    async def write(
        self,
        envelope: Envelope,
        content: Content,
        identity: str,
        outcomes: Sequence[Outcome] = (),
        held: str = "",
    ) -> tuple[Status, FoundEntry, bytes]:
        """Make an entry durable. The status is 250 where it is, else the refusal (see IQueue).

        Its state says when it is due: at once, or after a wait where deferrals are known. The
        octets returned are the line in front of its content.
        """
        envelope = await self._with_demand(envelope, content)
        id = self._spool.name(identity, self.knows)
        bare = Entry(id, identity, self._wall(), envelope, content.size)
        self._coming.add(id)
        try:
            entry, line = await self._spool.worked(envelope.recipients, lambda: laid_out(bare))
            state = first_state(entry)
            has_state = bool(outcomes or held)
            if has_state:
                state = self._with_news(state, outcomes, held)
            status = await self._spool.write(entry, line, state if has_state else None, content)
        finally:
            self._coming.discard(id)
        if status.ok:
            paths = tuple(path.address for path in envelope.recipients)
            self._events.emit(Queued(identity, envelope.reverse_path, paths, held))
        return status, FoundEntry(entry, state, has_state), line

    async def _with_demand(self, envelope: Envelope, content: Content) -> Envelope:
        """Return the envelope with the demand of the header section; that of MAIL comes first (RFC
        8689 §4.1)."""
        if envelope.tls is not TLSDemand.USUAL:
            return envelope
        header = content.known
        if header is None:  # a large one
            header = await self._spool.header_of(content)
        demand = demand_of_header(header)
        return envelope if demand is envelope.tls else replace(envelope, tls=demand)

    def _with_news(self, state: EntryState, outcomes: Sequence[Outcome], held: str) -> EntryState:
        state = state.knowing(outcomes)
        known = all(each.outcome for each in state.recipients)
        wait = self.backoff.wait(int(known))
        return replace(state, attempts=int(known), due=state.due + wait, quarantine=held)

    def knows(self, id: str) -> bool:
        """True for an id that is in use, or about to be."""
        return id in self._coming or self._taken(id)
