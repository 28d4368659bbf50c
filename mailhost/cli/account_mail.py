"""Opens the mail of an account for a command, whether the host runs or not.

The command works on the files with the rights of the data folder's owner, as the host does; locks
and transactions keep both apart. A running host is notified of changes, so that sessions see them
at once.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TypeVar

import click

from mailhost.application.privileges import as_owner
from mailhost.cli.context import Fail, load_settings
from mailhost.cli.views import whole_directory
from mailhost.config.model import Settings
from mailhost.durable.blocking import BlockingCommitter
from mailhost.durable.log.recovery import is_empty, recover
from mailhost.durable.log.segments import BadLog
from mailhost.durable.log.settling import Settling
from mailhost.durable.system import OperatingSystem
from mailhost.interfaces.folders import StoreRefusal
from mailhost.message.address import Address
from mailhost.net.control.client import CommandFailed, ControlClient, NoHostRunning, control_path
from mailhost.store.folders.account_work import AccountWork, attempt
from mailhost.store.folders.disk import Disk
from mailhost.store.maildir.dotlock import Dotlocks
from mailhost.store.maildir.folder import account_folder

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class OpenMail:
    """The mail of one account, while a command works on it."""

    account: Address
    settings: Settings
    work: AccountWork

    def run(self, operation: Callable[[AccountWork], T | StoreRefusal]) -> T:
        """Return what an operation returns; a cache that cannot be used is a warning. Raises Fail
        for a refusal; OSError, sqlite3.Error."""
        result = attempt(self.work, operation)
        if self.work.fault:
            click.echo(f"Warning: {self.work.fault}", err=True)
            self.work.fault = ""
        if isinstance(result, StoreRefusal):
            raise Fail(result.text)
        return result

    def call(self, operation: Callable[[], T | StoreRefusal]) -> T:
        """As `run`, for an operation that knows the mail already."""
        return self.run(lambda _: operation())

    def notify_host(self, folders: Sequence[str]) -> None:
        """Have the sessions of a running host look at these folders; an empty name is the list of
        folders. Without an answer they find the changes by themselves, a little later."""
        client = ControlClient(control_path(self.settings.data))
        try:
            client.call("mailbox.changed", account=str(self.account), folders=list(folders))
        except (NoHostRunning, CommandFailed):
            return


@contextmanager
def open_mail(config: str | None, address: Address) -> Iterator[OpenMail]:
    """Open the mail of an account, also that of an account that was removed. Raises Fail."""
    loaded = load_settings(config)
    settings = loaded.settings
    account = whole_directory(loaded).view.account(address)
    owner = address if account is None else account.address
    root = account_folder(os.path.join(settings.data, "mail"), owner)
    with as_owner(settings.data):
        if account is None and not os.path.isdir(root):
            raise Fail(
                f"there is no account {address}; `mailhost account list` shows those there are"
            )
        system = OperatingSystem()
        _recover(system, settings.data)
        settle = Settling(system, settings.data)
        disk = Disk(
            system,
            Dotlocks(system),
            BlockingCommitter(system, settle).commit,
            settings.hostname,
            time.time,
            settle,
        )
        work = AccountWork(root, disk)
        try:
            yield OpenMail(owner, settings, work)
        finally:
            work.close()


def _recover(system: OperatingSystem, data: str) -> None:
    """Make again what a power cut has taken, before mail is read. A host that runs has done so at
    its start. Raises Fail."""
    try:
        if is_empty(system, data):
            return
        host = system.try_lock(os.path.join(data, "lock"))
        if host is None:
            return
        try:
            recover(system, data, lambda text: click.echo(f"Warning: {text}", err=True))
        finally:
            system.close(host)
    except (BadLog, OSError) as error:
        raise Fail(str(error)) from error
