"""The accounts whose mail lies in Maildirs below `DATA/mail`, for readers of folders."""

from __future__ import annotations

from dataclasses import dataclass

from zope.interface import implementer

from mailhost.interfaces.folders import IAccountMail, IAccountStore
from mailhost.interfaces.store import IUsages
from mailhost.message.address import Address
from mailhost.store.folders.account_mail import AccountContext, AccountMail
from mailhost.store.folders.account_thread import AccountThreads
from mailhost.store.folders.disk import Disk
from mailhost.store.folders.file_watches import FileWatches
from mailhost.store.folders.watchers import Watchers
from mailhost.store.maildir.folder import account_folder
from mailhost.store.quota import QuotaOf


@dataclass(frozen=True, slots=True)
class AccountParts:
    """The parts that outlive a reload: the threads of the accounts in use, and who watches them."""

    threads: AccountThreads
    watchers: Watchers
    files: FileWatches


@implementer(IAccountStore)
class AccountStore:
    """`mail` is the folder of all Maildirs. With `keep_expunged` expunged messages are kept for
    an undelete."""

    def __init__(
        self,
        mail: str,
        disk: Disk,
        parts: AccountParts,
        quota_of: QuotaOf,
        usages: IUsages,
        keep_expunged: bool = True,
    ) -> None:
        self._mail = mail
        self._disk = disk
        self._parts = parts
        self._quota_of = quota_of
        self._usages = usages
        self._keep_expunged = keep_expunged

    def account(self, address: Address) -> IAccountMail:
        root = account_folder(self._mail, address)
        context = AccountContext(
            address,
            root,
            self._parts.threads,
            self._disk,
            self._parts.watchers,
            self._parts.files,
            self._quota_of,
            self._usages,
            self._keep_expunged,
        )
        return AccountMail(context)
