"""One piece of work at a time in a thread beside the writer's loop."""

from __future__ import annotations

import os
from collections.abc import Callable
from threading import Thread


class Background:
    """`fd` becomes readable when the work has ended; `end` is to be called then."""

    def __init__(self) -> None:
        self.fd, self._done = os.pipe()
        self._thread: Thread | None = None
        self._error: Exception | None = None

    @property
    def busy(self) -> bool:
        """True from `start` to `end`."""
        return self._thread is not None

    def start(self, work: Callable[[], None]) -> None:
        """Begin `work`, while no other is under way."""
        self._thread = Thread(target=self._run, args=(work,), daemon=True)
        self._thread.start()

    def end(self) -> Exception | None:
        """Wait for the work, and return what it raised."""
        assert self._thread is not None
        os.read(self.fd, 1)
        self._thread.join()
        self._thread, error, self._error = None, self._error, None
        return error

    def close(self) -> None:
        """Close the descriptors, after the work has ended."""
        os.close(self.fd)
        os.close(self._done)

    def _run(self, work: Callable[[], None]) -> None:
        try:
            work()
        except Exception as error:  # noqa: BLE001 - `end` returns it
            self._error = error
        os.write(self._done, b".")
