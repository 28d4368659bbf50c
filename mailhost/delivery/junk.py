"""Decides which messages go to the folder for junk in place of INBOX, and finds that folder.

A filter says so in a header field, such as rspamd's `X-Spam: Yes`, or in this host's own
Authentication-Results field. A field stays with the message while it waits in the queue, and when
aliases lead to other accounts. A message may come with a field of the first kind from elsewhere
too; its sender gains nothing by it. Those in the name of this host are removed from all mail.
"""

from __future__ import annotations

from mailhost.interfaces.folders import IAccountStore, StoreRefusal
from mailhost.message.address import Address
from mailhost.message.authentication_results import is_junk
from mailhost.message.header import values

USE = "\\Junk"
USUAL_NAME = "Junk"


class JunkFolders:
    """`field` is the name of the header field, empty for none; `hostname` is that of this host."""

    def __init__(self, accounts: IAccountStore, field: str, hostname: str) -> None:
        self._accounts = accounts
        self._field = field
        self._hostname = hostname

    def takes(self, header: bytes) -> bool:
        """True for a message with this header section: the field's value begins with "yes", or
        our field of results says so."""
        return is_junk(header, self._hostname) or self._has_field(header)

    def _has_field(self, header: bytes) -> bool:
        if not self._field:
            return False
        return any(value.lower().startswith("yes") for value in values(header, self._field))

    async def name(self, account: Address) -> str:
        """Return the name of the account's folder with the special use \\Junk (RFC 6154), which is
        made and subscribed to where it is missing."""
        folders = await self._accounts.account(account).folders()
        if isinstance(folders, StoreRefusal):
            return USUAL_NAME
        return next((each.name for each in folders if each.special_use == USE), USUAL_NAME)
