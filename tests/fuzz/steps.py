"""Counts how many lines of mailhost's code a call runs: a measure of time that no load changes."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any

import mailhost

_CODE = str(Path(mailhost.__file__).parent)


class TooManySteps(Exception):
    """A call ran more lines than it may."""


def count_steps(call: Callable[[], object], most: int) -> int:
    """Run `call` and return the lines that it ran. Raises TooManySteps as soon as it ran more than
    `most`, and whatever `call` raises."""
    count = 0

    def line(frame: FrameType, event: str, argument: Any) -> Any:
        nonlocal count
        count += event == "line"
        if count > most:
            raise TooManySteps(f"more than {most} lines of code")
        return line

    def entered(frame: FrameType, event: str, argument: Any) -> Any:
        return line if frame.f_code.co_filename.startswith(_CODE) else None

    before = sys.gettrace()
    sys.settrace(entered)
    try:
        call()
    finally:
        sys.settrace(before)
    return count
