"""Refusals that depend on the directory, which is read once more before each of them.

So an account that was added a moment ago is found, and while the directory cannot be read there are
only deferrals.
"""

from __future__ import annotations

from collections.abc import Callable

from mailhost.concurrency.answers import result_of, then
from mailhost.interfaces.accounts import DirectoryView
from mailhost.interfaces.answer import Answer
from mailhost.interfaces.directory import DirectoryUnavailable, IDirectory
from mailhost.message.status import Status
from mailhost.routing import NO_DIRECTORY


def refusal(
    directory: IDirectory, judge: Callable[[DirectoryView], Answer[Status | None]]
) -> Answer[Status | None]:
    """Return the refusal of `judge` if it refuses for a fresh view too, otherwise None."""
    found = judge(directory.view)
    return then(
        found, lambda status: None if status is None else _refusal_in_fresh_view(directory, judge)
    )


async def _refusal_in_fresh_view(
    directory: IDirectory, judge: Callable[[DirectoryView], Answer[Status | None]]
) -> Status | None:
    try:
        view = await directory.refresh()
    except DirectoryUnavailable as error:
        return NO_DIRECTORY.because(str(error))
    return await result_of(judge(view))
