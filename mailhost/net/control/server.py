"""The control socket: how the `mailhost` command asks the running host to do something.

JSON lines over a unix socket that only the host's user and root can use. A request is

    {"command": "queue.list", "arguments": {"all": true}}

and its answer one line, `{"ok": true, "result": ...}` or `{"ok": false, "error": "text"}`. Requests
of one connection are answered one after the other. A line over LARGEST_REQUEST octets ends the
connection. A command raises CommandRefused for a reason that its client should read. Any other
exception is a bug: it is logged with its traceback, and answered as an internal fault. The list of
a large queue has 30 MB, so long lists become JSON in parts, with pauses between them.
"""

from __future__ import annotations

import json
import os
import socket
from collections import deque
from collections.abc import Callable, Mapping
from contextlib import suppress
from inspect import isawaitable
from typing import Any, TypeAlias

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IAddress, IListeningPort
from twisted.internet.protocol import Factory, connectionDone
from twisted.logger import Logger
from twisted.protocols.basic import LineOnlyReceiver
from twisted.python.failure import Failure

from mailhost.concurrency.pauses import Pause, no_pause, pauses_of
from mailhost.interfaces.reactor import IReactor
from mailhost.net.control.client import (
    CommandFailed,
    ControlClient,
    NoHostRunning,
    control_path,
)
from mailhost.net.peer_credentials import is_ours, peer_uid

__all__ = [
    "CommandFailed",
    "CommandRefused",
    "Commands",
    "ControlClient",
    "ControlFactory",
    "ControlProtocol",
    "NoHostRunning",
    "control_path",
    "listen_control",
]

LARGEST_REQUEST = 1 << 20
MOST_WAITING_REQUESTS = 100
PART = 500  # values of a list that become JSON without a pause

Commands: TypeAlias = Mapping[str, Callable[..., Any]]
"""Command names to functions. They take the arguments by keyword, and return what JSON can say,
or an awaitable of it."""


class CommandRefused(Exception):
    """A command cannot be done; the message is for its client."""


class ControlProtocol(LineOnlyReceiver):
    """One connection of the control socket."""

    delimiter = b"\n"
    MAX_LENGTH = LARGEST_REQUEST
    _log = Logger()

    def __init__(self, commands: Commands, pause: Pause) -> None:
        self._commands = commands
        self._pause = pause
        self._waiting: deque[bytes] = deque()
        self._busy = False
        self._gone = False

    def connectionMade(self) -> None:
        """A command connected. Users other than root and our own get no answer."""
        sock: socket.socket | None = getattr(self.transport, "socket", None)
        if self.transport is not None and sock is not None and not is_ours(sock):
            self._log.warn("the control socket is refused to user {uid}", uid=peer_uid(sock))
            self.transport.loseConnection()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """The client is gone. Its requests are carried out all the same."""
        self._gone = True

    def lineReceived(self, line: bytes) -> None:
        """Take a request; answer it after those before it."""
        if len(self._waiting) >= MOST_WAITING_REQUESTS:
            self._answer(_refusal("too many requests at once"))
            self.lineLengthExceeded(line)
            return
        self._waiting.append(line)
        if not self._busy:
            self._busy = True
            Deferred.fromCoroutine(self._answer_all())

    def lineLengthExceeded(self, line: bytes) -> None:
        """End the connection."""
        if self.transport is not None:
            self.transport.loseConnection()

    async def _answer_all(self) -> None:
        while self._waiting:
            self._answer(await self._reply(self._waiting.popleft()))
        self._busy = False

    async def _reply(self, line: bytes) -> list[bytes]:
        """Return the answer as octets, in parts."""
        try:
            command, arguments = _request(line)
            if command not in self._commands:
                raise CommandRefused(f"this host knows no command {command!r}")
            result = self._commands[command](**arguments)
            if isawaitable(result):
                result = await result
            return [b'{"ok": true, "result": ', *await _encoded(result, self._pause), b"}"]
        except CommandRefused as error:
            return _refusal(str(error))
        except GeneratorExit:
            raise
        except BaseException:  # noqa: BLE001 - logged; the host goes on
            self._log.failure("a control command failed")
            return _refusal("internal fault; the host's log says more")

    def _answer(self, answer: list[bytes]) -> None:
        if self.transport is not None and not self._gone:
            self.transport.writeSequence([*answer, self.delimiter])


def _refusal(error: str) -> list[bytes]:
    return [json.dumps({"ok": False, "error": error}).encode()]


async def _encoded(result: Any, pause: Pause) -> list[bytes]:
    """Return a value as JSON. Raises TypeError, ValueError, RecursionError."""
    if not isinstance(result, list) or len(result) <= PART:
        return [json.dumps(result).encode()]
    parts = []
    for start in range(0, len(result), PART):
        separator = b", " if start else b"["
        parts.append(separator + json.dumps(result[start : start + PART])[1:-1].encode())
        await pause()
    return [*parts, b"]"]


def _request(line: bytes) -> tuple[str, dict[str, Any]]:
    try:
        request = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise CommandRefused("the request is no JSON") from error
    if not isinstance(request, dict):
        raise CommandRefused("the request is no object")
    command, arguments = request.get("command"), request.get("arguments", {})
    if not isinstance(command, str) or not isinstance(arguments, dict):
        raise CommandRefused('a request has a "command" and perhaps "arguments"')
    return command, arguments


class ControlFactory(Factory):
    """Makes a ControlProtocol for each connection. `pause` lets the reactor do other work."""

    noisy = False

    def __init__(self, commands: Commands, pause: Pause = no_pause) -> None:
        self._commands = commands
        self._pause = pause

    def buildProtocol(self, address: IAddress | None) -> ControlProtocol:
        """Return the protocol for a new connection."""
        protocol = ControlProtocol(self._commands, self._pause)
        protocol.factory = self
        return protocol


def listen_control(reactor: IReactor, data: str, commands: Commands) -> IListeningPort:
    """Open the control socket of a data folder, for its owner alone.

    The data folder is the caller's alone: a socket that is there was left behind by a killed host,
    and is replaced. Raises CannotListenError: the path is too long for a socket.
    """
    path = control_path(data)
    with suppress(FileNotFoundError):
        os.unlink(path)
    # Twisted sets the mode between bind and listen, and no client can connect before
    return reactor.listenUNIX(path, ControlFactory(commands, pauses_of(reactor)), mode=0o600)
