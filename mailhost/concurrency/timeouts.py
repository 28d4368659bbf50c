"""Waits for a result no longer than some time, without cancelling what is waited for."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime


def fired_within(waited: Deferred[Any], clock: IReactorTime, seconds: float) -> Deferred[bool]:
    """Return True when `waited` has a result, or False after `seconds`.

    A result that comes later is ignored, and `waited` is not cancelled. Its failures are passed on
    to its next errback.
    """
    decided: Deferred[bool] = Deferred()
    timer = clock.callLater(seconds, decided.callback, False)

    def fired(result: object) -> object:
        if timer.active():
            timer.cancel()
            decided.callback(True)
        return result

    waited.addBoth(fired)
    return decided
