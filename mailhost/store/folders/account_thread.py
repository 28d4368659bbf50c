"""Runs the operations of one account in threads of the pool, one after another.

The cache of an account is opened with the first operation and closed after a while without any, so
that ten thousand accounts with a connected client each need few open files. A cache that is found
damaged is removed and made anew, once, and the operation is tried again.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import TypeVar

from twisted.internet.defer import DeferredLock
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.logger import Logger

from mailhost.concurrency.threads import InThread
from mailhost.interfaces.folders import Reason, StoreRefusal
from mailhost.store.folders.account_work import AccountWork
from mailhost.store.folders.disk import Disk, is_full

IDLE = 30.0  # seconds without an operation after which an account's cache is closed

T = TypeVar("T")

NO_SUCH_FOLDER = StoreRefusal(Reason.NONEXISTENT, "There is no such folder")
NO_ROOM = StoreRefusal(Reason.OVER_QUOTA, "The disk of the server is full; please try again later")
UNAVAILABLE = StoreRefusal(Reason.UNAVAILABLE, "The mailbox cannot be used now; try again later")


class AccountThreads:
    """The accounts of one process that are in use."""

    def __init__(self, clock: IReactorTime, in_thread: InThread) -> None:
        self.clock = clock
        self.in_thread = in_thread
        self._serials: dict[str, AccountThread] = {}

    def of(self, root: str, disk: Disk) -> AccountThread:
        """Return what runs the operations of the account at `root`, the same for all callers."""
        serial = self._serials.get(root)
        if serial is None:
            serial = self._serials[root] = AccountThread(self, root, AccountWork(root, disk))
        return serial

    def forget(self, root: str) -> None:
        """An account has had no operation for a while."""
        self._serials.pop(root, None)


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
            return await self._accounts.in_thread(partial(_run, self._work, operation))
        except FileNotFoundError as error:
            return replace(NO_SUCH_FOLDER, cause=str(error))
        except (OSError, sqlite3.Error) as error:
            return self.refusal(error)
        finally:
            self._lock.release()
            self._waiting -= 1
            self._close_later()

    def refusal(self, error: OSError | sqlite3.Error) -> StoreRefusal:
        """Log a fault, and return what the client is told."""
        self._log.error("Mailbox {root}: {error}", root=self._root, error=error)
        return replace(NO_ROOM if is_full(error) else UNAVAILABLE, cause=str(error))

    def _close_later(self) -> None:
        if self._closing is not None and self._closing.active():
            self._closing.reset(IDLE)
        else:
            self._closing = self._accounts.clock.callLater(IDLE, self._close)

    def _close(self) -> None:
        if self._waiting:
            self._close_later()
        else:
            self._accounts.forget(self._root)
            self._work.close()


def _run(work: AccountWork, operation: Callable[[AccountWork], T]) -> T:
    """Run an operation, a second time with a new cache where the cache is damaged."""
    work.close_if_removed()
    try:
        return operation(work)
    except sqlite3.OperationalError:
        raise  # locked for too long, or no room
    except sqlite3.DatabaseError:
        work.rebuild()
        return operation(work)
