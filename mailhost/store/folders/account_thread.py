"""Runs the operations of one account in threads of the pool, one after another.

The cache of an account is opened with the first operation, and closed after a while without any or
when too many others are open, so that ten thousand accounts with a connected client each need few
open files. A cache that is found damaged is removed and made anew, once, and the operation is tried
again. Where another program has a lock, the operation gives its thread back and is tried again
after a pause: so other accounts are served meanwhile.
"""

from __future__ import annotations

import errno
import sqlite3
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import TypeVar

from twisted.internet.defer import Deferred, DeferredLock, DeferredSemaphore
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.internet.task import deferLater
from twisted.logger import Logger

from mailhost.concurrency.threads import InThread
from mailhost.interfaces.folders import Reason, StoreRefusal
from mailhost.store.folders.account_work import AccountWork, attempt
from mailhost.store.folders.disk import Disk
from mailhost.store.folders.opening import CompressedMail
from mailhost.store.folders.patience import (
    AGAIN,
    FIRST,
    LAST,
    LONGEST_PAUSE,
    SHORTEST_PAUSE,
    TOTAL,
    Busy,
    is_locked,
)

READINGS = 2  # that are done beside the operations of accounts at once
IDLE = 30.0  # seconds without an operation after which an account's cache is closed
MOST_OPEN = 200  # caches that are open, each with three files, unless more are at work

T = TypeVar("T")

NO_SUCH_FOLDER = StoreRefusal(Reason.NONEXISTENT, "There is no such folder")
NO_ROOM = StoreRefusal(Reason.OVER_QUOTA, "The disk of the server is full; please try again later")
COMPRESSED = StoreRefusal(
    Reason.CANNOT, "The message is compressed; the administrator must uncompress the mailbox first"
)
IN_USE = StoreRefusal(
    Reason.IN_USE, "Another program has locked the mailbox; please try again later"
)
UNAVAILABLE = StoreRefusal(Reason.UNAVAILABLE, "The mailbox cannot be used now; try again later")


class AccountThreads:
    """The accounts of one process that are in use."""

    def __init__(
        self, clock: IReactorTime, in_thread: InThread, most_open: int = MOST_OPEN
    ) -> None:
        self.clock = clock
        self.in_thread = in_thread
        self._most_open = most_open
        self._serials: dict[str, AccountThread] = {}
        self._readings = DeferredSemaphore(READINGS)
        self._open: dict[AccountThread, None] = {}  # the longest unused first

    def of(self, root: str, disk: Disk) -> AccountThread:
        """Return what runs the operations of the account at `root`, the same for all callers."""
        serial = self._serials.get(root)
        if serial is None:
            serial = self._serials[root] = AccountThread(self, root, AccountWork(root, disk))
        return serial

    async def beside(self, reading: Callable[[], T]) -> T:
        """Do what needs no more of an account than its files, while its operations go on. Few are
        done at once, so that threads are left for those."""
        await self._readings.acquire()
        try:
            return await self.in_thread(reading)
        finally:
            self._readings.release()

    def used(self, account: AccountThread) -> None:
        """An account was used: close the one that was not for the longest time, if too many are
        open."""
        self._open.pop(account, None)
        self._open[account] = None
        if len(self._open) > self._most_open:
            oldest = next(iter(self._open))
            del self._open[oldest]
            oldest.close_soon()

    def closed(self, root: str, account: AccountThread, forget: bool) -> None:
        """The files of an account are closed; with `forget` it is as if it had never been used."""
        self._open.pop(account, None)
        if forget and self._serials.get(root) is account:
            del self._serials[root]

    async def close(self) -> None:
        """Close all, after what is under way."""
        for account in list(self._serials.values()):
            await account.close()


class AccountThread:
    """Runs the operations of one account, one after another, in threads of the pool."""

    _log = Logger()

    def __init__(self, accounts: AccountThreads, root: str, work: AccountWork) -> None:
        self._accounts = accounts
        self._root = root
        self._work = work
        self._lock = DeferredLock()
        self._closing: IDelayedCall | None = None
        self._waiting = 0

    async def run(self, operation: Callable[[AccountWork], T]) -> T | StoreRefusal:
        """Return what `operation` returns, or why it cannot be done now, which is logged."""
        self._waiting += 1
        await self._lock.acquire()
        try:
            return await self._attempts(operation)
        except FileNotFoundError as error:
            return replace(NO_SUCH_FOLDER, cause=str(error))
        except (OSError, sqlite3.Error) as error:
            return self.refusal(error)
        finally:
            self._log_fault()
            self._lock.release()
            self._waiting -= 1
            self._close_later()
            self._accounts.used(self)

    async def _attempts(self, operation: Callable[[AccountWork], T]) -> T:
        """Try an operation until others have no lock that it needs, or for TOTAL seconds."""
        clock, in_thread = self._accounts.clock, self._accounts.in_thread
        ends, patience, pause = clock.seconds() + TOTAL, FIRST, SHORTEST_PAUSE
        while True:
            try:
                return await in_thread(partial(attempt, self._work, operation, patience))
            except Busy:
                await deferLater(clock, pause)
            pause = min(pause * 2, LONGEST_PAUSE)
            patience = LAST if clock.seconds() >= ends else AGAIN

    async def beside(self, reading: Callable[[], T]) -> T | StoreRefusal:
        """As `run`, for a reading that needs no more of the account than its files."""
        try:
            return await self._accounts.beside(reading)
        except OSError as error:
            return self.refusal(error)

    def refusal(self, error: OSError | sqlite3.Error) -> StoreRefusal:
        """Log a fault, and return what the client is told."""
        self._log.error("Mailbox {root}: {error}", root=self._root, error=error)
        if isinstance(error, CompressedMail):
            return replace(COMPRESSED, cause=str(error))
        if is_locked(error):
            return replace(IN_USE, cause=str(error))
        full = isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT)
        return replace(NO_ROOM if full else UNAVAILABLE, cause=str(error))

    def _log_fault(self) -> None:
        fault, self._work.fault = self._work.fault, ""
        if fault:
            self._log.error("Mailbox {root}: {fault}", root=self._root, fault=fault)

    # --- closing ---------------------------------------------------------------------------------

    def _close_later(self) -> None:
        if self._closing is not None and self._closing.active():
            self._closing.reset(IDLE)
        else:
            self._closing = self._accounts.clock.callLater(IDLE, self.close_soon)

    def close_soon(self) -> None:
        """Close the files unless operations wait."""
        if self._waiting:
            self._close_later()
        else:
            Deferred.fromCoroutine(self.close())

    async def close(self) -> None:
        """Close the files, after what is under way. The next operation opens them again."""
        if self._closing is not None and self._closing.active():
            self._closing.cancel()
        await self._lock.acquire()
        try:
            await self._accounts.in_thread(self._work.close)
        finally:
            self._lock.release()
        forget = not self._waiting and not self._work.gave_modseqs
        self._accounts.closed(self._root, self, forget)
