"""One attempt at one certificate: the account, a trial at another directory, then the order."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

from twisted.internet.interfaces import IReactorTime

from mailhost.certificates.failure import NO_ACCOUNT, NO_CHALLENGE
from mailhost.certificates.folder import CertificateFolder
from mailhost.certificates.keys import key_pem, make_key
from mailhost.certificates.order import Obtained, Orders, Wanted
from mailhost.certificates.polling import bounded_call
from mailhost.certificates.provers import IProver
from mailhost.certificates.values import (
    Account,
    AccountWanted,
    AuthorityError,
    IAuthority,
    Problem,
    Window,
)
from mailhost.concurrency.threads import InThread
from mailhost.config.acme import KeyKind

MakeAuthority = Callable[[AccountWanted], IAuthority]


@dataclass(frozen=True, slots=True)
class Means:
    """The means of an attempt: how an authority is made of the settings of its account, and the
    provers of challenges by kind, in the order in which they are tried."""

    authority: MakeAuthority
    provers: Mapping[str, IProver]


class Attempts:
    """`means` returns those of the present settings."""

    def __init__(
        self,
        clock: IReactorTime,
        in_thread: InThread,
        folder: CertificateFolder,
        means: Callable[[], Means],
    ) -> None:
        self._clock = clock
        self._in_thread = in_thread
        self._folder = folder
        self._means = means

    async def obtain(
        self,
        account: AccountWanted,
        wanted: Wanted,
        accept: Callable[[Sequence[str]], bool] = bool,
    ) -> Obtained:
        """Order a certificate. Raises AuthorityError, OSError."""
        try:
            return await self._obtain(account, wanted, accept)
        except AuthorityError as error:
            if error.problem.kind != NO_ACCOUNT:
                raise
        await self._forget(account.directory)
        return await self._obtain(account, wanted, accept)

    async def _obtain(
        self, wanted_account: AccountWanted, wanted: Wanted, accept: Callable[[Sequence[str]], bool]
    ) -> Obtained:
        means = self._means()
        if not means.provers:
            text = "this host can answer no challenge: it has no web listener, and changes no DNS"
            raise AuthorityError(Problem(NO_CHALLENGE, text))
        authority = means.authority(wanted_account)
        known = await self._account(wanted_account.directory)
        opened = await bounded_call(self._clock, self._in_thread, partial(authority.open, known))
        if opened != known:
            await self._in_thread(partial(self._folder.save_account, opened))
        orders = Orders(self._clock, self._in_thread, means.provers)
        return await orders.obtain(authority, wanted, accept)

    async def window(self, account: AccountWanted, certificate_id: str) -> Window | None:
        """Return when a certificate is to be renewed (RFC 9773), None if the authority does not
        say. Raises AuthorityError."""
        authority = self._means().authority(account)
        work = partial(authority.window, certificate_id)
        return await bounded_call(self._clock, self._in_thread, work)

    async def _account(self, directory: str) -> Account:
        """Return the account at a directory. The key of a new one is saved before it is registered,
        so that the same account is found after a crash. Raises OSError."""
        known = await self._in_thread(partial(self._folder.account, directory))
        if known is None:
            key = await self._in_thread(lambda: key_pem(make_key(KeyKind.P256)))
            known = Account(directory, key)
            await self._in_thread(partial(self._folder.save_account, known))
        return known

    async def _forget(self, directory: str) -> None:
        """Forget the URL of an account that the authority does not know; its key is used again."""
        gone = replace(await self._account(directory), url="")
        await self._in_thread(partial(self._folder.save_account, gone))
