"""The ends of certificates: warnings before, and the removal of those that are not wanted."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial

from mailhost.certificates.folder import CertificateFolder, StoredCertificate
from mailhost.certificates.memory import WHERE, Memory, text_of
from mailhost.certificates.plan import Plan
from mailhost.certificates.schedule import DAY, HOUR, warning_level
from mailhost.certificates.state import NEVER_FAILED, NO_SCHEDULE, Retry, State
from mailhost.concurrency.threads import InThread
from mailhost.interfaces.events import IEventSink, Warned


@dataclass(frozen=True, slots=True)
class ExpiryWarning:
    """A certificate that was not renewed in time. `subject` is a short form of `text`."""

    name: str
    subject: str
    text: str


class Expiry:
    """`warn` sends a warning to the administrator; it raises nothing."""

    def __init__(
        self,
        in_thread: InThread,
        folder: CertificateFolder,
        memory: Memory,
        events: IEventSink,
        warn: Callable[[ExpiryWarning], Awaitable[None]],
    ) -> None:
        self._in_thread = in_thread
        self._folder = folder
        self._memory = memory
        self._events = events
        self._warn = warn

    async def look(self, plan: Plan, stored: Mapping[str, StoredCertificate], now: float) -> bool:
        """Warn of certificates that end soon; remove those that are not wanted any more when they
        would be renewed. Return whether one was removed. Raises OSError."""
        wanted = {group.name for group in plan.groups}
        removed = False
        schedules = (await self._memory.state()).schedules
        for name, each in stored.items():
            if name in wanted:
                await self._look_at(each, plan.setup.directory, now)
            elif (schedules.get(name, NO_SCHEDULE).renew or each.ends) < now:
                await self._in_thread(partial(self._folder.remove, name))
                await self._memory.remember((await self._memory.state()).without(name))
                removed = True
        return removed

    async def _look_at(self, stored: StoredCertificate, directory: str, now: float) -> None:
        """Warn once for each level."""
        state = await self._memory.state()
        former = state.schedules.get(stored.name, NO_SCHEDULE)
        level = warning_level(stored.begins, stored.ends, now)
        if level <= former.warned:
            return
        new = replace(former, warned=level)
        await self._memory.remember(state.with_schedule(stored.name, new))
        warning = warning_of(stored, last_failure(state, stored, directory), now)
        self._events.emit(Warned(WHERE, warning.text))
        await self._warn(warning)


def last_failure(state: State, stored: StoredCertificate, directory: str) -> Retry:
    """Return the newest failure that concerns a certificate, which is renewed at `directory`."""
    retries = [
        state.attempts.get(stored.name, NEVER_FAILED),
        state.directories.get(directory, NEVER_FAILED),
        *(state.names.get(name, NEVER_FAILED) for name in stored.files.names),
    ]
    return max(retries, key=lambda retry: retry.at)


def warning_of(stored: StoredCertificate, last: Retry, now: float) -> ExpiryWarning:
    """Return the warning about a certificate."""
    left = stored.ends - now
    within = "has expired" if left <= 0 else f"expires within {_time_left(left)}"
    subject = f"the certificate of {stored.name} {within}"
    text = f"{subject} (at {text_of(stored.ends)}), since it was not renewed"
    if last.text:
        text += f". The last attempt, at {text_of(last.at)}, failed: {last.text}"
        text += f". The next is at {text_of(last.next)}" if last.next > now else ""
    return ExpiryWarning(stored.name, subject, text)


def _time_left(seconds: float) -> str:
    if seconds >= 2 * DAY:
        return f"{int(seconds // DAY) + 1} days"
    return f"{int(seconds // HOUR) + 1} hours"
