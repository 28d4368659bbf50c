"""Passwords that were right a moment ago, so that a busy client does not cost argon2 each time.

Only a keyed digest is kept, with a key that lives as long as the process; a changed secret of the
account makes it worthless at once.
"""

from __future__ import annotations

import hmac
import os
from collections import OrderedDict

from twisted.internet.interfaces import IReactorTime

LIFETIME = 300.0  # seconds
MOST = 10_000


class Remembered:
    """Remembers successful logins by password."""

    def __init__(self, clock: IReactorTime) -> None:
        self._clock = clock
        self._key = os.urandom(32)
        self._until: OrderedDict[bytes, float] = OrderedDict()

    def add(self, secret: str, password: str) -> None:
        """`password` was found to fit `secret`."""
        self._until[self._digest(secret, password)] = self._clock.seconds() + LIFETIME
        if len(self._until) > MOST:
            self._until.popitem(last=False)

    def knows(self, secret: str, password: str) -> bool:
        """True where it was added lately."""
        return self._until.get(self._digest(secret, password), 0.0) > self._clock.seconds()

    def _digest(self, secret: str, password: str) -> bytes:
        return hmac.digest(self._key, f"{secret}\0{password}".encode("utf-8", "replace"), "sha256")
