"""A program that wants a terminal, such as mutt, in a pseudoterminal."""

from __future__ import annotations

import os
import pty
import select
import subprocess
import time
from collections.abc import Mapping, Sequence

from tests.end_to_end.running import PATIENCE


class Terminal:
    """The program runs until it ends or `close` ends it."""

    def __init__(self, command: Sequence[str], environment: Mapping[str, str]) -> None:
        self._shown = b""
        self._master, slave = pty.openpty()
        self._process = subprocess.Popen(
            command,
            stdin=slave,
            stdout=slave,
            stderr=slave,
            env={**environment, "TERM": "xterm", "LINES": "24", "COLUMNS": "100"},
            start_new_session=True,
        )
        os.close(slave)

    def wait_for(self, text: bytes) -> None:
        """Return when the program shows `text`. Raises AssertionError with what it showed."""
        deadline = time.monotonic() + PATIENCE
        while text not in self._shown:
            if not self._read(deadline - time.monotonic()):
                raise AssertionError(f"{text!r} is never shown: {self._shown[-3000:]!r}")

    def press(self, keys: bytes) -> None:
        """Type something; what was shown before does not count any more."""
        self._shown = b""
        os.write(self._master, keys)

    def wait(self) -> int:
        """Return the exit code when the program ends."""
        deadline = time.monotonic() + PATIENCE
        while self._read(deadline - time.monotonic()):
            continue
        return self._process.wait(PATIENCE)

    def close(self) -> None:
        """End the program if it still runs."""
        if self._process.poll() is None:
            self._process.kill()
            self._process.wait(PATIENCE)
        os.close(self._master)

    def _read(self, seconds: float) -> bool:
        """Read what is shown; False at the end, or after these seconds."""
        readable, _, _ = select.select([self._master], [], [], max(seconds, 0.0))
        if not readable:
            return False
        try:
            shown = os.read(self._master, 65_536)
        except OSError:  # the program ended
            return False
        self._shown += shown
        return bool(shown)
