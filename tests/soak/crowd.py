"""Threads that begin together, and work until they are stopped."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable


class Crowd:
    """Each of `works` runs in a thread of its own, and returns soon after `stopped` is set. `stop`
    waits `patience` seconds for each."""

    def __init__(self, works: Iterable[Callable[[], None]], patience: float = 120.0) -> None:
        self.stopped = threading.Event()
        self._patience = patience
        self._threads = [threading.Thread(target=work) for work in works]

    def start(self) -> None:
        """Begin."""
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """End when all that is under way is done. A second call does nothing."""
        self.stopped.set()
        for thread in self._threads:
            thread.join(self._patience)
