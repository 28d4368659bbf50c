"""The state in memory and on the disk, and the log lines of what was obtained and what failed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial

from mailhost.certificates.failure import OF_DIRECTORY, Failure, own_failure
from mailhost.certificates.folder import CertificateFolder, StoredCertificate
from mailhost.certificates.schedule import DAY, failed, without_window
from mailhost.certificates.state import NEVER_FAILED, Retry, Schedule, State
from mailhost.concurrency.threads import InThread
from mailhost.interfaces.events import Faulted, IEventSink, Notice

WHERE = "certificates"
_NO_LIMIT = 30 * DAY


class Memory:
    """`now` gives seconds since 1970, `chance` a random number from 0 to 1."""

    def __init__(
        self,
        in_thread: InThread,
        folder: CertificateFolder,
        events: IEventSink,
        now: Callable[[], float],
        chance: Callable[[], float],
    ) -> None:
        self._in_thread = in_thread
        self._folder = folder
        self._events = events
        self._now = now
        self._chance = chance
        self._state: State | None = None
        self._saved = State()

    async def state(self) -> State:
        """Return the present state. Raises OSError."""
        if self._state is None:
            self._state = self._saved = await self._in_thread(self._folder.state)
        return self._state

    async def remember(self, state: State) -> None:
        """Replace the state. Raises OSError."""
        self._state = state
        if state != self._saved:
            await self._in_thread(partial(self._folder.save_state, state))
            self._saved = state

    async def obtained(self, directory: str, stored: StoredCertificate) -> None:
        """A new certificate is in the folder: log it, and plan its renewal. Raises OSError."""
        renew = without_window(stored.begins, stored.ends, self._chance())
        state = (await self.state()).with_attempt(stored.name, NEVER_FAILED)
        state = state.with_schedule(stored.name, Schedule(directory, renew, since=self._now()))
        await self.remember(state.with_directory(directory, NEVER_FAILED))
        names = ", ".join(stored.files.names)
        until = f"valid until {text_of(stored.ends)}, to be renewed about {text_of(renew)}"
        self._events.emit(Notice(f"certificate of {stored.name}: ordered for {names}, {until}"))

    async def order_failed(
        self, directory: str, name: str, stored: StoredCertificate | None, failure: Failure
    ) -> None:
        """A whole order failed. All certificates of the directory wait, where each order would meet
        the same. Raises OSError."""
        state = await self.state()
        if failure.kind in OF_DIRECTORY and not failure.name:
            retry = self._later(state.directories.get(directory, NEVER_FAILED), stored, failure)
            state = state.with_directory(directory, retry)
        else:
            retry = self._later(state.attempts.get(name, NEVER_FAILED), stored, failure)
            state = state.with_attempt(name, retry)
        await self.remember(state)
        self._log(f"the order for {name} failed: {failure}", retry)

    async def account_changed(self, directory: str) -> None:
        """The settings of the account or of challenges have changed, so an attempt may succeed.
        Raises OSError."""
        state = replace(await self.state(), attempts={}, names={})
        await self.remember(state.with_directory(directory, NEVER_FAILED))

    async def names_failed(self, failures: Sequence[Failure], good: Sequence[str]) -> None:
        """Single names failed, others did not. Raises OSError."""
        state = await self.state()
        for name in good:
            state = state.with_name(name, NEVER_FAILED)
        for failure in failures:
            retry = self._later(state.names.get(failure.name, NEVER_FAILED), None, failure)
            state = state.with_name(failure.name, retry)
            self._log(str(failure), retry)
        await self.remember(state)

    async def nothing_ordered(
        self, name: str, stored: StoredCertificate | None, failures: Sequence[Failure]
    ) -> None:
        """Names failed that a certificate cannot do without; they are logged. Raises OSError."""
        nothing = own_failure(name, "", "no name is left to order", "look at its DNS records")
        state = await self.state()
        former = state.attempts.get(name, NEVER_FAILED)
        retry = self._later(former, stored, failures[0] if failures else nothing)
        await self.remember(state.with_attempt(name, retry))

    def _later(self, former: Retry, stored: StoredCertificate | None, failure: Failure) -> Retry:
        now = self._now()
        left = max(stored.ends - now, 0.0) if stored else _NO_LIMIT
        return failed(former, str(failure), now, self._chance(), failure.wait, left)

    def _log(self, text: str, retry: Retry) -> None:
        again = f"The next attempt is at {text_of(retry.next)}"
        self._events.emit(Faulted(WHERE, f"{text}. {again}"))


def text_of(seconds: float) -> str:
    """Return a point of time for the operator."""
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d %H:%M} UTC"
