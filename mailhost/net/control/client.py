"""The blocking side of the control socket, for commands that talk to the running host.

No Twisted here: commands are to start quickly. `server` describes the requests and answers.
"""

from __future__ import annotations

import json
import os
import socket
from typing import Any

from mailhost.net.peer_credentials import peer_uid

SOCKET_NAME = "control.sock"
LARGEST_ANSWER = 16 * 1024 * 1024  # a list of a hundred thousand queue entries fits
ANSWER_TIMEOUT = 60.0  # seconds


class NoHostRunning(Exception):
    """No host listens on the control socket."""


class CommandFailed(Exception):
    """The host could not carry out the command, or did not answer; the message has the reason."""


def control_path(data: str) -> str:
    """Return the path of the control socket of a data folder."""
    return os.path.join(data, SOCKET_NAME)


class ControlClient:
    """Sends commands to the host over the control socket at `path`, each on its own connection."""

    def __init__(self, path: str, timeout: float = ANSWER_TIMEOUT) -> None:
        self._path = path
        self._timeout = timeout

    def call(self, command: str, **arguments: Any) -> Any:
        """Return the command's result. Blocks, up to `timeout` seconds between two reads.

        Raises NoHostRunning, CommandFailed.
        """
        question = json.dumps({"command": command, "arguments": arguments})
        with self._connect() as sock:
            try:
                sock.sendall(question.encode() + b"\n")
                answer = _line(sock)
            except OSError as error:
                raise CommandFailed(f"the host did not answer: {error}") from error
        return _result(answer)

    def _connect(self) -> socket.socket:
        sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        sock.settimeout(self._timeout)
        try:
            sock.connect(self._path)
        except (FileNotFoundError, ConnectionRefusedError) as error:
            sock.close()
            text = f"no host is running on {self._path}"
            raise NoHostRunning(f"{text}; start it with `mailhost run`") from error
        except PermissionError as error:
            sock.close()
            text = f"you may not use {self._path}; ask as root or as the host's user"
            raise CommandFailed(text) from error
        except OSError as error:
            sock.close()
            raise CommandFailed(f"cannot reach {self._path}: {error}") from error
        self._check_answerer(sock)
        return sock

    def _check_answerer(self, sock: socket.socket) -> None:
        """Raise CommandFailed unless root, the folder's owner or our own user listens."""
        uid = peer_uid(sock)
        owner = os.stat(os.path.dirname(self._path)).st_uid
        if uid not in (None, 0, os.geteuid(), owner):
            sock.close()
            text = f"another user (number {uid}), not the host, answers on {self._path}"
            raise CommandFailed(f"{text}; stop that process, and start the host again")


def _line(sock: socket.socket) -> bytes:
    answer = bytearray()
    while not answer.endswith(b"\n"):
        chunk = sock.recv(65536)
        if not chunk:
            raise CommandFailed("the host closed the control socket before it answered")
        answer += chunk
        if len(answer) > LARGEST_ANSWER:
            raise CommandFailed("the host's answer is too long")
    return bytes(answer)


def _result(line: bytes) -> Any:
    try:
        answer = json.loads(line)
        if answer["ok"]:
            return answer["result"]
        text = str(answer["error"])
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise CommandFailed("the host's answer cannot be understood") from error
    raise CommandFailed(text)
