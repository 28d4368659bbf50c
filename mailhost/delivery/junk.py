"""Decides which messages go to the folder for junk in place of INBOX, and finds that folder.

A filter says so in a header field, such as rspamd's `X-Spam: Yes`. A field stays with the message
while it waits in the queue. A message may come with such a field from elsewhere too; its sender
gains nothing by it.
"""

from __future__ import annotations

from mailhost.interfaces.folders import IAccountStore, StoreRefusal
from mailhost.message.address import Address
from mailhost.message.header import values

USE = "\\Junk"
USUAL_NAME = "Junk"


class JunkFolders:
    """`field` is the name of the header field, empty where no message is junk."""

    def __init__(self, accounts: IAccountStore, field: str) -> None:
        self._accounts = accounts
        self._field = field

    def takes(self, header: bytes) -> bool:
        """True for a message with this header section: the field's value begins with "yes"."""
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
