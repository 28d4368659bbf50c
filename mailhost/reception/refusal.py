"""A recipient is refused as unknown only after the directory was read once more.

An account made a moment ago is found that way, and a directory that cannot be read now refuses
nobody for good.
"""

from __future__ import annotations

from collections.abc import Callable

from mailhost.concurrency.answers import then, there
from mailhost.interfaces.accounts import DirectoryView
from mailhost.interfaces.answer import Answer
from mailhost.interfaces.directory import DirectoryUnavailable, IDirectory
from mailhost.message.status import Status
from mailhost.routing import NO_DIRECTORY


def refusal(
    directory: IDirectory, judge: Callable[[DirectoryView], Answer[Status | None]]
) -> Answer[Status | None]:
    """Return the refusal that `judge` finds and still finds in a fresh view, None for none."""
    found = judge(directory.view)
    return then(found, lambda status: None if status is None else _looked_again(directory, judge))


async def _looked_again(
    directory: IDirectory, judge: Callable[[DirectoryView], Answer[Status | None]]
) -> Status | None:
    try:
        view = await directory.refresh()
    except DirectoryUnavailable as error:
        return NO_DIRECTORY.because(str(error))
    return await there(judge(view))
