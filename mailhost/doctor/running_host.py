"""Asks the host that runs on a data folder, over its control socket."""

from __future__ import annotations

from collections.abc import Awaitable
from functools import partial
from typing import Any, Protocol

from mailhost.concurrency.threads import InThread
from mailhost.net.control.client import ControlClient, control_path

ANSWER_TIMEOUT = 3.4  # seconds, less than the checks of this host may take


class AskHost(Protocol):
    """Sends a command to the running host."""

    def __call__(self, command: str, /, **arguments: Any) -> Awaitable[Any]:
        """Return the answer. Raises NoHostRunning, CommandFailed."""


def ask_host(in_thread: InThread, data: str, timeout: float = ANSWER_TIMEOUT) -> AskHost:
    """Return what asks the host of a data folder, and waits `timeout` seconds for an answer."""
    client = ControlClient(control_path(data), timeout)

    def ask(command: str, /, **arguments: Any) -> Awaitable[Any]:
        return in_thread(partial(client.call, command, **arguments))

    return ask
