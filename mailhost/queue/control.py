"""The commands of `mailhost queue`, by which an operator sees and changes the running queue.

Each command takes `ids=[...]` or `all=True`, and returns what JSON can say. With `all`, entries
that a command does not fit are passed over; named by id they are refused, and nothing is done.
After a start a command waits until all entries are known. A queue may have 100,000 entries, so the
commands pause after each few of them. Entries that go meanwhile are left out. The log and the trace
get an event for each entry that a command changes; of more than MOST_EVENTS only a count.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from typing import Any, TypeAlias

from mailhost.concurrency.pauses import Pause
from mailhost.interfaces.events import Command, Commanded, IEventSink, Notice
from mailhost.message.outcome import Outcome
from mailhost.message.tls_demand import TLSDemand
from mailhost.net.control.server import CommandRefused
from mailhost.queue.entry import Recipient
from mailhost.queue.runner import QueueRunner, View

MOST_EVENTS = 1_000  # of one command
_TLS = {
    TLSDemand.USUAL: "",
    TLSDemand.REQUIRED: "required by the sender (REQUIRETLS)",
    TLSDemand.OPTIONAL: "not required by the sender (TLS-Required: No)",
}
PART = 200  # entries that are handled without a pause, which takes some milliseconds
READING_PATIENCE = 20.0  # seconds that a command waits for the queue's folder to be read
Fields: TypeAlias = dict[str, Any]


class UnknownEntry(CommandRefused):
    """The operator named an entry that is not there, or that the command does not fit."""


class QueueControl:
    """Turns commands into the runner's operations. `pause` lets the reactor do other work."""

    def __init__(self, runner: QueueRunner, pause: Pause, events: IEventSink) -> None:
        self._runner = runner
        self._pause = pause
        self._events = events

    def commands(self) -> Mapping[str, Callable[..., Awaitable[object]]]:
        """The commands by name; each is a coroutine function of keyword arguments."""
        return {
            "queue.list": self.list,
            "queue.show": self.show,
            "queue.retry": self.retry,
            "queue.hold": self.hold,
            "queue.release": self.release,
            "queue.remove": self.remove,
        }

    async def list(self, ids: Sequence[str] = (), all: bool = False) -> Sequence[Fields]:
        """Every entry, or those named: {id, sender, size, arrived, next_attempt, state,
        recipients: [{address, state, status}]}. Times are seconds since the epoch."""
        found: list[Fields] = []
        async for id in self._with_pauses(await self._chosen(ids, all or not ids)):
            found += self._summary(id)
        return found

    async def show(self, ids: Sequence[str] = (), all: bool = False) -> Sequence[Fields]:
        """Return all that is known of entries, with the header of the message and a traceback."""
        return [each for id in await self._chosen(ids, all) for each in await self._everything(id)]

    async def retry(self, ids: Sequence[str] = (), all: bool = False) -> Sequence[str]:
        """Try entries now. Returns their ids."""
        chosen = await self._those(ids, all, self._is_going, "is held back: release it instead")
        number = 0
        async for id in self._with_pauses(chosen):
            number += 1
            self._runner.retry(id)
            self._note(Command.RETRIED, self._runner.view(id), number, chosen)
        return chosen

    async def hold(self, ids: Sequence[str] = (), all: bool = False) -> Sequence[str]:
        """Keep entries back until they are released. Returns their ids."""
        chosen = await self._those(ids, all, self._is_whole, "cannot be read, and is not tried")
        for number, id in enumerate(chosen, 1):
            await self._runner.hold(id)
            self._note(Command.HELD, self._runner.view(id), number, chosen)
        return chosen

    async def release(self, ids: Sequence[str] = (), all: bool = False) -> Sequence[str]:
        """Let entries go on that are held, quarantined or parked. Returns their ids."""
        chosen = await self._those(ids, all, self._is_stopped, "is not held back")
        for number, id in enumerate(chosen, 1):
            await self._runner.release(id)
            self._note(Command.RELEASED, self._runner.view(id), number, chosen)
        return chosen

    async def remove(
        self, ids: Sequence[str] = (), all: bool = False, bounce: bool = False
    ) -> Sequence[str]:
        """Remove entries; with `bounce` their senders get a bounce. Returns their ids.

        An entry that cannot be read is removed by its id only, never by `all`.
        """
        if bounce:
            chosen = await self._those(
                ids, all, self._is_whole, "cannot be read, so no bounce can be sent"
            )
        elif all:
            chosen = await self._those(ids, all, self._is_whole, "")
        else:
            chosen = await self._chosen(ids, all)
        command = Command.BOUNCED if bounce else Command.REMOVED
        for number, id in enumerate(chosen, 1):
            before = self._runner.view(id)
            error = await self._runner.remove(id, bounce)
            if error is not None:
                raise CommandRefused(f"{id} could not be removed: {error}")
            self._note(command, before, number, chosen)
        return chosen

    def _note(
        self, command: Command, view: View | None, number: int, chosen: Sequence[str]
    ) -> None:
        """Emit the event of one entry, the `number`th of those chosen; an entry that cannot be read
        has none."""
        if number <= MOST_EVENTS and view is not None:
            waiting = tuple(path.address for path in view.state.waiting)
            self._events.emit(Commanded(view.entry.identity, command, waiting))
        elif number == MOST_EVENTS + 1:
            text = f"the command of the operator is for {len(chosen)} entries of the queue"
            self._events.emit(Notice(f"{text}: those after the first {MOST_EVENTS} are not named"))

    # --- selection -------------------------------------------------------------------------------

    async def _chosen(self, ids: Sequence[str], all: bool) -> Sequence[str]:
        if all or any(self._is_unknown(id) for id in ids):
            await self._wait_until_read()
        broken = self._runner.broken()
        if all:
            return sorted([*self._runner.ids(), *broken])
        if isinstance(ids, str) or not ids:
            raise UnknownEntry("say which entries: a list of ids, or all")
        for id in ids:
            if self._is_unknown(id):
                raise UnknownEntry(f"there is no entry {id!r} in the queue")
        return list(dict.fromkeys(ids))

    async def _those(
        self, ids: Sequence[str], all: bool, fits: Callable[[str], bool], otherwise: str
    ) -> Sequence[str]:
        chosen = await self._chosen(ids, all)
        fit = []
        async for id in self._with_pauses(chosen):
            if fits(id):
                fit.append(id)
            elif not all:
                raise UnknownEntry(f"{id} {otherwise}")
        return fit

    async def _with_pauses(self, ids: Sequence[str]) -> AsyncIterator[str]:
        for number, id in enumerate(ids, 1):
            yield id
            if number % PART == 0:
                await self._pause()

    async def _wait_until_read(self) -> None:
        """Return when all entries are known. Raises CommandRefused where that takes too long."""
        if not await self._runner.wait_until_read(READING_PATIENCE):
            raise CommandRefused(
                "the queue is still being read, or its folder cannot be read (see the log)"
            )

    def _is_unknown(self, id: str) -> bool:
        return self._runner.view(id) is None and id not in self._runner.broken()

    def _is_whole(self, id: str) -> bool:
        return self._runner.view(id) is not None

    def _is_going(self, id: str) -> bool:
        view = self._runner.view(id)
        return view is not None and not view.state.stopped

    def _is_stopped(self, id: str) -> bool:
        return not self._is_going(id)

    # --- as JSON ---------------------------------------------------------------------------------

    def _summary(self, id: str) -> Sequence[Fields]:
        """Return an entry, none if it has gone."""
        view = self._runner.view(id)
        if view is not None:
            return [_summary(view)]
        return [_broken(id)] if id in self._runner.broken() else []

    async def _everything(self, id: str) -> Sequence[Fields]:
        """Return an entry, none if it has gone."""
        view = self._runner.view(id)
        if view is None:
            return [{**each, "parked": self._runner.broken()[id]} for each in self._summary(id)]
        try:
            header = (await self._runner.header(id)).decode("utf-8", "replace")
        except (OSError, KeyError) as error:
            header = f"(the message cannot be read: {error})"
        envelope, state = view.entry.envelope, view.state
        values = {
            **_summary(view),
            "identity": view.entry.identity,
            "body": str(envelope.body),
            "smtputf8": envelope.smtputf8,
            "returns": envelope.returns and str(envelope.returns),
            "envelope_id": envelope.envelope_id,
            "TLS": _TLS[envelope.tls],
            "attempts": state.attempts,
            "last_attempt": state.last_attempt,
            "warned": state.warned,
            "quarantine": state.quarantine,
            "parked": state.parked,
            "traceback": state.traceback,
            "header": header,
        }
        return [values]


def _summary(view: View) -> Fields:
    entry = view.entry
    reverse_path = entry.envelope.reverse_path
    return {
        "id": entry.id,
        "sender": "" if reverse_path is None else str(reverse_path),
        "size": entry.size,
        "arrived": entry.arrived,
        "next_attempt": view.next_attempt,
        "state": view.word,
        "recipients": [_recipient(each) for each in view.state.recipients],
    }


def _broken(id: str) -> Fields:
    return {
        "id": id,
        "sender": "",
        "size": 0,
        "arrived": None,
        "next_attempt": None,
        "state": "parked",
        "recipients": [],
    }


def _recipient(recipient: Recipient) -> Fields:
    return {
        "address": str(recipient.path.address),
        "state": str(recipient.progress),
        "status": _last_reply(recipient.outcome),
    }


def _last_reply(outcome: Outcome | None) -> str:
    """Return the last status of a recipient with its cause, for the operator."""
    if outcome is None:
        return ""
    by = f"{outcome.by}: " if outcome.by else ""
    cause = f" [{outcome.status.cause}]" if outcome.status.cause else ""
    return f"{by}{outcome.status}{cause}"
