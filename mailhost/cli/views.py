"""Both halves of the directory as the commands see them: the settings file's and the database's."""

from __future__ import annotations

from mailhost.cli.context import reading
from mailhost.config.load import Loaded
from mailhost.directory.from_settings import view_of_settings
from mailhost.message.accounts import DirectoryView


def both_views(loaded: Loaded) -> list[tuple[str, DirectoryView]]:
    """Return where each half lives, in a word, and what it holds.

    Raises Fail where one cannot be read: half an answer must not pass for all.
    """
    file = view_of_settings(loaded.settings, loaded.secrets)
    with reading(loaded.settings) as database:
        return [("settings file", file), ("directory", database.view())]
