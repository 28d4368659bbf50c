"""Domains, accounts and aliases."""

from __future__ import annotations

from collections.abc import Awaitable

from zope.interface import Attribute, Interface

from mailhost.interfaces.accounts import DirectoryView


class DirectoryUnavailable(Exception):
    """The directory cannot be read now. Answer 4xx, never 'no such user'."""


class IDirectory(Interface):
    """Domains, accounts, aliases."""

    view: DirectoryView = Attribute("The newest view, read without waiting.")

    def refresh() -> Awaitable[DirectoryView]:
        """Look for changes made elsewhere and return the newest view.

        Asked before anybody is refused as unknown. Raises DirectoryUnavailable.
        """
