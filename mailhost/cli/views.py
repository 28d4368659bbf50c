"""Both halves of the directory as the commands see them: the settings file's and the database's."""

from __future__ import annotations

import os
from collections.abc import Iterator

from mailhost.cli.context import directory_path, reading
from mailhost.config.load import Loaded
from mailhost.directory.from_settings import view_of_settings
from mailhost.message.accounts import DirectoryView


def both_views(loaded: Loaded) -> Iterator[tuple[str, DirectoryView]]:
    """Yield where each half lives, in a word, and what it holds."""
    yield "settings file", view_of_settings(loaded.settings, loaded.secrets)
    if os.path.exists(directory_path(loaded.settings)):
        with reading(loaded.settings) as database:
            yield "directory", database.view()
