"""The two parts of the directory for the commands: the settings file and the database."""

from __future__ import annotations

import os

from mailhost.cli.context import administration
from mailhost.config.load import Loaded
from mailhost.directory.from_settings import view_of_settings
from mailhost.directory.union import Union, unite
from mailhost.interfaces.accounts import DirectoryView


def file_view(loaded: Loaded) -> DirectoryView:
    """Return the domains of the settings file as a view."""
    return view_of_settings(loaded.settings, loaded.secrets)


def both_views(loaded: Loaded) -> list[tuple[str, DirectoryView]]:
    """Return both parts of the directory, each with a name for its place.

    Raises Fail if one of them cannot be read, since one part must not be taken for the whole
    directory.
    """
    with administration(loaded) as directory:
        halves = directory.halves()
    return [("settings file", halves.file), ("directory", halves.database)]


def whole_directory(loaded: Loaded) -> Union:
    """Return the union of both parts, as the host uses it. Raises Fail if one cannot be read.

    Without a data folder there is no database yet: the first start makes both.
    """
    if not os.path.lexists(loaded.settings.data):
        return unite(file_view(loaded), DirectoryView())
    (_, file), (_, database) = both_views(loaded)
    return unite(file, database)
