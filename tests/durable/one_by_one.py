"""A system for fakes that count calls: what the real one does at the same time is done in order."""

from __future__ import annotations

from collections.abc import Callable

from mailhost.durable.system import OperatingSystem


class OneByOne(OperatingSystem):
    """Makes no threads."""

    def together(
        self, one: Callable[[], None], other: Callable[[], None]
    ) -> tuple[OSError | None, OSError | None]:
        return _error_of(one), _error_of(other)


def _error_of(call: Callable[[], None]) -> OSError | None:
    try:
        call()
    except OSError as error:
        return error
    return None
