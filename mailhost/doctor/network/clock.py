"""Checks that the clock is right, as far as this machine can know it by itself.

A clock that is slow is recognised by files and certificates with a later time.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime

from mailhost.concurrency.threads import InThread
from mailhost.config.load import Loaded
from mailhost.directory.place import database_path
from mailhost.doctor.checks import Check
from mailhost.doctor.finding import Fault, Finding, failure, ok, unknown, warning
from mailhost.doctor.network.kernel_clock import ClockState
from mailhost.net.tls.certificate import BadCertificate, read_certificate

CLOCK_WRONG = Fault(
    "clock-wrong", "With a wrong date certificates and signatures are invalid, and mail is refused."
)
CLOCK_UNSYNCHRONISED = Fault(
    "clock-unsynchronised",
    "A clock that no service corrects drifts until signatures are invalid and dates are wrong.",
)
CLOCK_UNKNOWN = Fault("clock-unknown", "Perhaps no service corrects the clock.")
SECONDS = 5.0
MOST_SKEW = 86_400.0  # seconds that a file may be from the future, as by time zones
_TRIED = "clock"
_SYNCHRONISE = "Have a service correct the clock, such as systemd-timesyncd or chrony:"
_COMMAND = "timedatectl set-ntp true"


def clock_check(
    now: Callable[[], float],
    state: Callable[[], ClockState],
    known_times: Callable[[], Mapping[str, float]],
    in_thread: InThread,
) -> Check:
    """Return the check of the clock. `now` gives seconds since 1970. `known_times` has times that
    are past, by what has them; it blocks for the disk."""

    async def run() -> Sequence[Finding]:
        past = await in_thread(known_times)
        what, latest = max(past.items(), key=lambda each: each[1], default=("", 0.0))
        if latest > now() + MOST_SKEW:
            seen = f"the clock has {_day(now())}, but {what} is from {_day(latest)}"
            return [failure(CLOCK_WRONG, _TRIED, seen, _SYNCHRONISE, _COMMAND)]
        return [_about(state(), _day(now()))]

    return Check("Network", "the clock is right", SECONDS, run)


def _about(state: ClockState, today: str) -> Finding:
    if state is ClockState.SYNCHRONISED:
        return ok(_TRIED, f"{today}, and the kernel says that the clock is synchronised")
    if state is ClockState.UNKNOWN:
        remedy = "Compare the output of `date -u` with a clock that you trust."
        return unknown(
            CLOCK_UNKNOWN,
            _TRIED,
            f"{today}; the system does not say whether the clock is synchronised",
            remedy,
        )
    seen = f"{today}, but the kernel says that the clock is not synchronised"
    return warning(CLOCK_UNSYNCHRONISED, _TRIED, seen, _SYNCHRONISE, _COMMAND)


def _day(seconds: float) -> str:
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d}"


def times_of_files(loaded: Loaded) -> dict[str, float]:
    """Return the times of the host's files, and the first days of its certificates. Blocks for the
    disk."""
    settings = loaded.settings
    found: dict[str, float] = {}
    for path in (loaded.path, database_path(settings.data)):
        with suppress(OSError):
            found[path] = os.stat(path).st_mtime
    for pair in settings.tls.certificate:
        with suppress(BadCertificate):
            begins = read_certificate(pair.chain, pair.key).chain[0].not_valid_before_utc
            found[f"the certificate in {pair.chain}"] = begins.timestamp()
    return found
