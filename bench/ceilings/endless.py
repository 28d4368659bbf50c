"""Threads that run as long as their process, which ends with them: a disk that fails ends it."""

from __future__ import annotations

import os
import traceback
from collections.abc import Callable
from threading import Thread


def start_thread(step: Callable[[], None]) -> None:
    """Call `step` again and again. Where it raises, the process prints that, and ends."""

    def work() -> None:
        try:
            while True:
                step()
        finally:
            traceback.print_exc()
            os._exit(1)

    Thread(target=work, daemon=True).start()
