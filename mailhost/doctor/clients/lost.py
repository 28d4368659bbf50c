"""Collects the names that all processes have seen at inner addresses, and decides which addresses
are lost.

A lost address is written to the log once, mailed to the administrator once, and kept in a file over
restarts until the operator runs `mailhost doctor looked`. With `doctor.stop` relaying for the
address is stopped at once. The mail is tried again every hour until the queue has it.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from twisted.internet.defer import Deferred, DeferredLock
from twisted.internet.interfaces import IReactorTime
from twisted.python.failure import Failure

from mailhost.concurrency.rounds import Rounds
from mailhost.concurrency.threads import InThread
from mailhost.config.doctor import Doctor
from mailhost.doctor.clients.evidence import Evidence
from mailhost.doctor.clients.lost_address import (
    Consequence,
    LostAddress,
    as_value,
    cause,
    command,
    danger,
    remedy,
    seen,
)
from mailhost.doctor.clients.lost_file import LostFile
from mailhost.doctor.clients.watch import MOST_ADDRESSES, WINDOW, Networks
from mailhost.interfaces.events import Faulted, IEventSink, Notice
from mailhost.interfaces.sightings import Sightings
from mailhost.message.client import plain_address

HOUR = 3600.0  # seconds between two rounds
MOST_LOST = 20  # addresses; beyond this number, none is noticed until the operator has looked
WHERE = "client addresses"


@dataclass(frozen=True, slots=True)
class LostSettings:
    """The settings in use that concern lost addresses: the table `[doctor]`, and the networks that
    may relay."""

    doctor: Doctor
    networks: Networks


class LostAddresses:
    """The head has one. `settings` returns the settings in use. `stopped` is called with all
    addresses for which nothing is relayed, whenever they change. `mail` mails the administrator,
    and returns True once that is done. `gateways` returns the default gateways, and blocks."""

    def __init__(
        self,
        clock: IReactorTime,
        in_thread: InThread,
        file: LostFile,
        gateways: Callable[[], set[str]],
        settings: Callable[[], LostSettings],
        stopped: Callable[[frozenset[str]], None],
        mail: Callable[[LostAddress, Consequence], Deferred[bool]],
        events: IEventSink,
        wall: Callable[[], float] = time.time,
    ) -> None:
        self._clock = clock
        self._in_thread = in_thread
        self._file = file
        self._gateways = gateways
        self._settings = settings
        self._stopped = stopped
        self._mail = mail
        self._events = events
        self._wall = wall
        self._evidence: dict[str, Evidence] = {}
        self._lost: dict[str, LostAddress] = {}
        self._public = False
        self._forgotten = clock.seconds()  # when the evidence was forgotten
        self._rounds = Rounds(clock, HOUR, self._mail_all, self._failed)
        self._writing = DeferredLock()
        self._mailing = DeferredLock()

    # --- start, stop -----------------------------------------------------------------------------

    def start(self) -> None:
        """Read the file, which blocks, and begin to mail. A file that cannot be read is logged."""
        try:
            self._lost = {each.address: each for each in self._file.read()}
        except (OSError, ValueError) as error:
            self._events.emit(Faulted(WHERE, f"cannot read {self._file.path}: {error}"))
        self.reconfigure()
        self._rounds.start(now=False)

    def stop(self) -> None:
        """Begin no further round."""
        self._rounds.stop()

    def reconfigure(self) -> None:
        """Stop relaying by the settings in use."""
        lost = self._lost.values()
        stopped = (each.address for each in lost if self._consequence(each).stopped)
        self._stopped(frozenset(stopped))

    # --- reports of processes --------------------------------------------------------------------

    def saw(self, sightings: Sightings) -> None:
        """Add the names that a process has seen, and notice addresses that are lost."""
        self._public = self._public or sightings.public
        if self._clock.seconds() - self._forgotten > WINDOW:
            self._forgotten = self._clock.seconds()
            self._evidence.clear()
        for address, names in sightings.names.items():
            if len(self._evidence) >= MOST_ADDRESSES and address not in self._evidence:
                continue
            evidence = self._evidence.setdefault(address, Evidence())
            evidence.add(names)
            if evidence.lost:
                self._notice(address, evidence)

    def _notice(self, address: str, evidence: Evidence) -> None:
        if address in self._lost or len(self._lost) >= MOST_LOST or self._is_shared(address):
            return
        lost = self._lost[address] = LostAddress(
            address,
            int(self._wall()),
            tuple(evidence.hello),
            tuple(evidence.senders),
            alone=not self._public,
        )
        self.reconfigure()
        Deferred.fromCoroutine(self._report(lost)).addErrback(self._failed)

    async def _report(self, lost: LostAddress) -> None:
        """Log, keep and mail an address that was noticed."""
        gateway = lost.address in await self._in_thread(self._gateways)
        if lost.address not in self._lost:
            return
        lost = self._lost[lost.address] = replace(lost, gateway=gateway)
        consequence = self._consequence(lost)
        about = f"{seen(lost)}. {cause(lost)} {danger(lost, consequence)}"
        todo = f"{remedy(lost, consequence)} {command(lost)}"
        self._events.emit(Faulted(WHERE, f"{about} {todo}"))
        await self._write()
        await self._mail_all()

    def _is_shared(self, address: str) -> bool:
        return _within(address, self._settings().doctor.shared_addresses)

    def _consequence(self, lost: LostAddress) -> Consequence:
        settings = self._settings()
        listed = _within(lost.address, settings.networks)
        shared = _within(lost.address, settings.doctor.shared_addresses)
        return Consequence(listed, listed and settings.doctor.stop and not shared)

    # --- commands of the operator ----------------------------------------------------------------

    def shown(self) -> dict[str, Any]:
        """Return the lost addresses as values of JSON, and whether a client with a public address
        was seen."""
        values = [as_value(each, self._consequence(each)) for each in self._shown()]
        return {"addresses": values, "public": self._public}

    def _shown(self) -> list[LostAddress]:
        return [each for each in self._lost.values() if not self._is_shared(each.address)]

    async def looked(self, address: str) -> bool:
        """The operator has examined an address: forget that the address is lost, and relay for it
        again. Return False if the address was not noticed. Raises OSError: the file could not be
        written, and nothing has changed."""
        lost = self._lost.pop(address, None)
        if lost is None:
            return False
        try:
            await self._write()
        except OSError:
            self._lost[address] = lost
            raise
        self._evidence.pop(address, None)
        self.reconfigure()
        self._events.emit(Notice(f"{address} was looked at, see `mailhost doctor looked`"))
        return True

    # --- keeping and mailing ---------------------------------------------------------------------

    async def _write(self) -> None:
        async with self._writing:
            await self._in_thread(partial(self._file.write, list(self._lost.values())))

    async def _mail_all(self) -> None:
        """Mail each address that was not mailed yet."""
        async with self._mailing:
            for lost in [each for each in self._shown() if not each.mailed]:
                if await self._mail(lost, self._consequence(lost)) and lost.address in self._lost:
                    self._lost[lost.address] = replace(lost, mailed=True)
                    await self._write()

    def _failed(self, failure: Failure) -> None:
        self._events.emit(Faulted(WHERE, failure.getErrorMessage()))


def _within(address: str, networks: Networks) -> bool:
    plain = plain_address(address)
    return any(plain in network for network in networks)
