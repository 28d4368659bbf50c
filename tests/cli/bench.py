"""Shared by the tests of commands: a folder with settings, and servers with given replies."""

from __future__ import annotations

import json
import os
import shutil
import socket
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from click.testing import CliRunner, Result
from twisted.trial.unittest import SynchronousTestCase

from mailhost.cli.main import mailhost
from tests.directory.fakes import set_up_data

SETTINGS = 'version = 1\nhostname = "mail.example.com"\ndata = "data"\n'


class CommandCase(SynchronousTestCase):
    """A folder with a settings file, and `run` for the command line."""

    def setUp(self) -> None:
        self.folder = os.path.realpath(tempfile.mkdtemp())
        self.addCleanup(shutil.rmtree, self.folder)
        self.config = os.path.join(self.folder, "mailhost.toml")
        self.data = os.path.join(self.folder, "data")

    def settings(self, more: str = "", set_up: bool = True) -> None:
        """Write the settings file; `set_up` makes the data folder and an empty directory too."""
        with open(self.config, "w", encoding="utf-8") as file:
            file.write(SETTINGS + more)
        if set_up:
            set_up_data(self.data)

    def call(self, *arguments: str, stdin: str = "", **environment: str) -> Result:
        """Run a command, with the settings file in the environment."""
        variables = {"MAILHOST_CONFIG": self.config} | environment
        return CliRunner().invoke(mailhost, arguments, input=stdin, env=variables)

    def run_ok(self, *arguments: str, stdin: str = "") -> str:
        """Run a command that must succeed, and return its output."""
        result = self.call(*arguments, stdin=stdin)
        self.assertEqual(result.exit_code, 0, result.output)
        return result.stdout

    def run_fails(self, *arguments: str, stdin: str = "") -> str:
        """Run a command that must fail with exit code 1 and one clear line; return that."""
        result = self.call(*arguments, stdin=stdin)
        self.assertEqual(result.exit_code, 1, result.output)
        self.assertIsInstance(result.exception, SystemExit)
        self.assertTrue(result.stderr.startswith("Error: "), result.stderr)
        return result.stderr


class Requests(list[Any]):
    """The requests to a host that is not there."""


@contextmanager
def fake_host(path: str, answer: Callable[[Any], Any]) -> Iterator[Requests]:
    """Answer each request on a control socket as `answer` says; yields the requests."""
    os.makedirs(os.path.dirname(path), exist_ok=True)
    requests = Requests()

    def serve(wire: socket.socket) -> None:
        with wire.makefile("rwb") as lines:
            for line in lines:
                requests.append(json.loads(line))
                lines.write(json.dumps(answer(requests[-1])).encode() + b"\n")
                lines.flush()

    listening = socket.socket(socket.AF_UNIX)
    listening.bind(path)
    with _serving(listening, serve):
        yield requests
    os.unlink(path)


@contextmanager
def fake_server(
    greeting: str, replies: Callable[[str], str | None]
) -> Iterator[tuple[int, list[str]]]:
    """A server on loopback that greets and answers lines; yields its port and what it was told.

    A reply of None answers nothing and goes on to listen.
    """
    told: list[str] = []

    def serve(wire: socket.socket) -> None:
        with wire.makefile("rwb") as lines:
            lines.write(greeting.encode() + b"\r\n")
            lines.flush()
            for line in lines:
                told.append(line.decode().rstrip("\r\n"))
                reply = replies(told[-1])
                if reply is not None:
                    lines.write(reply.encode() + b"\r\n")
                    lines.flush()

    listening = socket.create_server(("127.0.0.1", 0))
    with _serving(listening, serve):
        yield listening.getsockname()[1], told


@contextmanager
def _serving(listening: socket.socket, serve: Callable[[socket.socket], None]) -> Iterator[None]:
    listening.listen()

    def accept() -> None:
        while True:
            try:
                wire, _ = listening.accept()
            except OSError:
                return
            with wire:
                try:
                    serve(wire)
                except OSError:
                    continue  # the client hung up

    thread = threading.Thread(target=accept, daemon=True)
    thread.start()
    try:
        yield
    finally:
        listening.shutdown(socket.SHUT_RDWR)
        thread.join(10)
        listening.close()
