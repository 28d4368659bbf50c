"""Both halves of the directory as the commands see them: the settings file's and the database's."""

from __future__ import annotations

import os
from collections.abc import Iterator

from mailhost.cli.context import directory_path, reading
from mailhost.config.load import Loaded
from mailhost.directory.from_settings import view_of_settings
from mailhost.directory.union import Union, unite
from mailhost.message.accounts import DirectoryView


def file_view(loaded: Loaded) -> DirectoryView:
    """The settings file's half."""
    return view_of_settings(loaded.settings, loaded.secrets)


def both_views(loaded: Loaded) -> Iterator[tuple[str, DirectoryView]]:
    """Yield where each half lives, in a word, and what it holds."""
    yield "settings file", file_view(loaded)
    if os.path.exists(directory_path(loaded.settings)):
        with reading(loaded.settings) as database:
            yield "directory", database.view()


def whole_directory(loaded: Loaded) -> Union:
    """Return both halves as the host sees them: as one."""
    views = [view for _, view in both_views(loaded)]
    return unite(views[0], views[1] if views[1:] else DirectoryView())
