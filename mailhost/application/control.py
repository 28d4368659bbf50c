"""The commands that the running host takes from the `mailhost` command."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from dataclasses import asdict
from typing import Any

from mailhost.application.certificate_commands import certificate_commands
from mailhost.application.clients import client_commands
from mailhost.application.explain import explain, question_of
from mailhost.application.filters import filters_with_counts
from mailhost.application.head import Head
from mailhost.application.key_commands import key_commands
from mailhost.application.listener_set import ListenerSet
from mailhost.application.round_trip import round_trip_commands
from mailhost.application.status import status
from mailhost.application.tls_memory import tls_memory_commands
from mailhost.concurrency.pauses import pauses_of
from mailhost.explain.explanation import CannotExplain, Question
from mailhost.interfaces.directory import DirectoryUnavailable
from mailhost.message.address import parse_address
from mailhost.message.client import Client
from mailhost.message.status import Status
from mailhost.net.control.server import CommandRefused, Commands
from mailhost.queue.control import QueueControl


def control_commands(
    head: Head, listeners: ListenerSet, reload: Callable[..., Awaitable[list[str]]]
) -> Commands:
    """Return the commands by name, each taking its arguments by keyword. Called at the start of the
    host."""
    pause = pauses_of(head.foundation.reactor)
    queue = QueueControl(head.queue, pause, head.events).commands()
    started = time.time()

    async def refresh() -> None:
        try:
            await head.foundation.directory.refresh()
        except DirectoryUnavailable as error:
            raise CommandRefused(str(error)) from error

    def filters() -> list[dict[str, object]]:
        return filters_with_counts(head.services.settings, head.counts)

    def blocked() -> list[dict[str, object]]:
        return [asdict(block) for block in head.guard.blocked()]

    def unblock(what: str) -> None:
        if not head.guard.unblock(what):
            raise CommandRefused(f"no failed logins are counted for {what}")

    def folders_changed(account: str, folders: list[str]) -> None:
        """The command has changed folders of an account; an empty name is the list of them."""
        address = parse_address(account)
        for folder in folders:
            head.foundation.accounts.watchers.changed(address, folder)

    return {
        "mailbox.changed": folders_changed,
        "login.blocked": blocked,
        "login.unblock": unblock,
        "status": lambda: status(head, listeners, started),
        "filters": filters,
        "explain": _as_text(_explain_command(head)),
        **{name: _as_text(command) for name, command in queue.items()},
        **key_commands(head),
        **certificate_commands(head),
        **client_commands(head.lost_addresses),
        **round_trip_commands(head),
        **tls_memory_commands(head.relaying.memory),
        "directory.refresh": refresh,
        "reload": reload,
    }


def _explain_command(head: Head) -> Callable[..., Awaitable[dict[str, Any]]]:
    """Return the command `explain`, with the arguments of `question_of`."""

    def why_no_login(client: Client) -> Status | None:
        return head.guard.why_refused(client, str(client.account))

    def command(**arguments: Any) -> Awaitable[dict[str, Any]]:
        try:
            question = question_of(head.services.settings, **arguments)
        except CannotExplain as error:
            raise CommandRefused(str(error)) from error
        return answer(question)

    async def answer(question: Question) -> dict[str, Any]:
        try:
            return await explain(head.services, head.relay, why_no_login, question)
        except CannotExplain as error:
            raise CommandRefused(str(error)) from error

    return command


def _as_text(command: Callable[..., object]) -> Callable[..., object]:
    """Return a command whose faults about wrong arguments are answered to its client."""

    def asked(**arguments: object) -> object:
        try:
            return command(**arguments)
        except TypeError as error:  # a missing or unknown argument
            raise CommandRefused(str(error)) from error

    return asked
