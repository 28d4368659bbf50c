"""A mailhost in a process of its own, on ports that were free a moment ago."""

from __future__ import annotations

import contextlib
import os
import random
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from click.testing import CliRunner
from twisted.trial.unittest import TestCase

from mailhost.cli.main import mailhost
from mailhost.directory.sqlite import DirectoryDatabase
from mailhost.logins.stored_secret import hash_password
from mailhost.message.address import parse_address
from tests.directory.fakes import set_up_data

BIN = Path(sys.executable).parent
PATIENCE = float(os.environ.get("MAILHOST_TEST_PATIENCE", "60"))  # seconds


def until(wanted: Callable[[], bool], explanation: str) -> None:
    """Look again and again until it is so. Raises AssertionError with `explanation`."""
    deadline = time.monotonic() + PATIENCE
    while not wanted():
        if time.monotonic() > deadline:
            raise AssertionError(explanation)
        time.sleep(0.02)


def short_folder(test: TestCase) -> Path:
    """A new folder for a test, removed afterwards: sockets cannot have trial's long paths."""
    folder = tempfile.mkdtemp(prefix="mailhost-")
    test.addCleanup(remove_folder, folder)
    return Path(folder)


def remove_folder(folder: str | Path) -> None:
    """Remove a folder in which a process of a killed host may still make files."""
    for _ in range(50):
        shutil.rmtree(folder, ignore_errors=True)
        if not os.path.exists(folder):
            return
        time.sleep(0.1)
    shutil.rmtree(folder)


def _drawn_ports() -> Iterator[int]:
    """Each port once, in an order of chance, from below those that the kernel gives to clients; of
    several processes each draws from a part of its own."""
    lowest = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    size = (lowest - LOWEST_PORT) // len(_SHARES)
    start = LOWEST_PORT + size * _share()
    yield from random.sample(range(start, start + size), size)


def _share() -> int:
    """The number of the first part that no process on this machine has; it is held by a name
    without a file, which the kernel frees with the process."""
    for number in _SHARES:
        with contextlib.suppress(OSError):
            _HELD.bind(f"\0mailhost-test-ports-{number}")
            return number
    return random.choice(_SHARES)


LOWEST_PORT = 10_000
_SHARES = range(20)
_HELD = socket.socket(socket.AF_UNIX)
_PORTS = _drawn_ports()


def free_port(*addresses: str) -> int:
    """Return a TCP port that is free on all of these addresses, never one a second time: what is to
    listen there may start much later."""
    return next(port for port in _PORTS if all(_free(address, port) for address in addresses))


def _free(address: str, port: int) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind((address, port))
        except OSError:
            return False
        return True


@cache
def _secret(password: str) -> str:
    return hash_password(password)


@dataclass
class RunningHost:
    """`settings` is the text of the settings file, without listeners, data and version.

    There is one worker process where the settings do not name `workers`: others take longer to
    start. `ports` maps protocols to ports on `address`, `more` to further lines of a listener;
    `environment` is added to ours, `wrapper` is what starts the command, `starter` the command up
    to `--config`.
    """

    folder: Path
    settings: str
    address: str = "127.0.0.1"
    protocols: Iterable[str] = ("smtp", "submission", "submissions", "lmtp", "pop3", "pop3s")
    ports: dict[str, int] = field(default_factory=dict)
    hostname: str = "mx.example.org"
    more: dict[str, str] = field(default_factory=dict)
    environment: dict[str, str] = field(default_factory=dict)
    wrapper: tuple[str, ...] = ()
    starter: tuple[str, ...] = (str(BIN / "twistd"), "-n", "--pidfile=", "mailhost")

    def __post_init__(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        self.lines: list[str] = []
        self._changed = threading.Condition()
        self._process: subprocess.Popen[str] | None = None
        for protocol in self.protocols:
            self.ports.setdefault(protocol, free_port(self.address))
        self.write_settings(self.settings)

    @property
    def config(self) -> Path:
        """The settings file."""
        return self.folder / "mailhost.toml"

    @property
    def data(self) -> Path:
        """The data folder."""
        return self.folder / "data"

    def write_settings(self, settings: str) -> None:
        """Replace the settings; a running host heeds them at `reload`."""
        head = f'version = 1\nhostname = "{self.hostname}"\ndata = "data"\n'
        if not re.search("^workers", settings, re.MULTILINE):
            head += "workers = 1\n"
        listeners = "".join(
            f'[[listen]]\nprotocol = "{protocol}"\n'
            f'endpoint = "tcp:{port}:interface={self.address}"\n{self.more.get(protocol, "")}\n'
            for protocol, port in self.ports.items()
        )
        first, _, rest = settings.partition("\n[")
        self.config.write_text(head + first + "\n" + listeners + ("[" + rest if rest else ""))

    def start(self) -> RunningHost:
        """Start it and return when it is ready."""
        since = self.mark()
        self.begin()
        self.wait_for(" is ready", since)
        return self

    def begin(self) -> None:
        """Start it, and do not wait for it."""
        self._process = subprocess.Popen(
            self._command,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            cwd=self.folder,
            env={**os.environ, **self.environment},
        )
        self._reader = threading.Thread(target=self._read, args=(self._process,), daemon=True)
        self._reader.start()

    def set_up(self) -> None:
        """Make the data folder and an empty directory before the first start."""
        set_up_data(str(self.data))

    def launch(self) -> subprocess.CompletedProcess[str]:
        """Start a host that must end by itself, and return what it said."""
        return subprocess.run(
            self._command, capture_output=True, text=True, timeout=PATIENCE, check=False
        )

    @property
    def _command(self) -> list[str]:
        return [*self.wrapper, *self.starter, "--config", str(self.config)]

    def _read(self, process: subprocess.Popen[str]) -> None:
        assert process.stdout is not None
        with process.stdout as output:
            for line in output:
                with self._changed:
                    self.lines.append(line.rstrip("\n"))
                    self._changed.notify_all()
        with self._changed:
            self.lines.append("--- ended")
            self._changed.notify_all()

    def wait_for(self, explanation: str, since: int = 0) -> str:
        """Return the first log line from number `since` on that holds `explanation`."""

        def found() -> str | None:
            seen = self.lines[since:]
            return next((line for line in seen if explanation in line or line == "--- ended"), None)

        with self._changed:
            line = self._changed.wait_for(found, PATIENCE)
        if not line or explanation not in line:
            raise AssertionError(
                f"the host never said {explanation!r}:\n" + "\n".join(self.lines[-40:])
            )
        return line

    def until(self, wanted: Callable[[], bool], explanation: str = "it never came to that") -> None:
        """Look again and again until it is so. Raises AssertionError with the last log lines."""
        try:
            until(wanted, explanation)
        except AssertionError as late:
            raise AssertionError(f"{explanation}:\n" + "\n".join(self.lines[-30:])) from late

    def mark(self) -> int:
        """How many lines were logged so far."""
        return len(self.lines)

    @property
    def pid(self) -> int:
        """Of the running process."""
        assert self._process is not None
        return self._process.pid

    @property
    def stopped(self) -> bool:
        """True where it was never started, or a test stopped or killed it."""
        return self._process is None

    def signal(self, number: int) -> None:
        """Send it a signal."""
        assert self._process is not None
        self._process.send_signal(number)

    def reload(self) -> str:
        """SIGHUP; return the line that says what came of it."""
        since = self.mark()
        self.signal(signal.SIGHUP)
        return self.wait_for("reload", since)

    def stop(self) -> int:
        """SIGTERM, and return the exit code."""
        if self._process is None:
            return 0
        if self._process.poll() is None:
            self.signal(signal.SIGTERM)
        code = self._process.wait(PATIENCE)
        self._reader.join(PATIENCE)
        self._process = None
        return code

    def kill(self) -> None:
        """SIGKILL: no time to tidy up."""
        assert self._process is not None
        self._process.kill()
        self._process.wait(PATIENCE)
        self._reader.join(PATIENCE)  # what it said before must not be taken for the next one's
        self._process = None

    def command(self, *arguments: str, text: str = "") -> subprocess.CompletedProcess[str]:
        """Run `mailhost ARGUMENTS --config ...` and return its exit code and output. No process is
        started for it: that would take 0.4 s each time.

        A host that never started is set up first, as `mailhost init` does.
        """
        if arguments[0] in ("domain", "account", "alias") and not self.data.exists():
            self.set_up()
        command = [*arguments, "--config", str(self.config)]
        done = CliRunner().invoke(mailhost, command, input=text, env={"NO_COLOR": "1"})
        return subprocess.CompletedProcess(command, done.exit_code, done.stdout, done.stderr)

    def add_accounts(self, password: str, *addresses: str) -> None:
        """Put accounts and their domains into the directory, as `mailhost account add` does it but
        without starting that."""
        self.set_up()
        directory = DirectoryDatabase(str(self.data / "directory.sqlite"))
        for address in map(parse_address, addresses):
            if address.domain not in directory.view().domains:
                directory.add_domain(address.domain)
            directory.add_account(address, _secret(password))
        directory.close()

    def inbox(self, address: str) -> list[Path]:
        """The files of new and read messages in an account's inbox."""
        local, _, domain = address.partition("@")
        maildir = self.data / "mail" / domain / local
        return sorted([*maildir.glob("new/*"), *maildir.glob("cur/*")])
