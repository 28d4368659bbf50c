"""Both halves of the directory as the commands see them: the settings file's and the database's."""

from __future__ import annotations

import os

from mailhost.cli.context import administration
from mailhost.config.load import Loaded
from mailhost.directory.from_settings import view_of_settings
from mailhost.directory.union import Union, unite
from mailhost.interfaces.accounts import DirectoryView


def file_view(loaded: Loaded) -> DirectoryView:
    """The settings file's half."""
    return view_of_settings(loaded.settings, loaded.secrets)


def both_views(loaded: Loaded) -> list[tuple[str, DirectoryView]]:
    """Return both halves of the directory: a name for the place of each, and its view.

    Raises Fail where one cannot be read: half of a directory must not be taken for the whole.
    """
    with administration(loaded) as directory:
        halves = directory.halves()
    return [("settings file", halves.file), ("directory", halves.database)]


def whole_directory(loaded: Loaded) -> Union:
    """Return both halves united, as the host uses them. Raises Fail where one cannot be read.

    Without a data folder there is no database yet: the first start makes both.
    """
    if not os.path.lexists(loaded.settings.data):
        return unite(file_view(loaded), DirectoryView())
    (_, file), (_, database) = both_views(loaded)
    return unite(file, database)
