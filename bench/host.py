"""A mailhost to be measured: the real `twistd`, its data in one folder, on one loopback port."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

from bench.far_end import FarEnd
from bench.load import ADDRESS, DOMAIN, PASSWORD, USERS
from bench.preload import sitecustomize
from mailhost.application.head import MOST_BY_DEFAULT
from mailhost.logins.stored_secret import hash_password
from tests.end_to_end.running import free_port

PRELOAD = str(Path(sitecustomize.__file__).parent)
SETTINGS = """version = 1
hostname = "mailhost.example.org"
data = "data"
workers = {workers}
[[listen]]
protocol = "smtp"
endpoint = "{smtp}"
[[listen]]
protocol = "submission"
endpoint = "{submission}"
[[listen]]
protocol = "proxy"
endpoint = "{proxy}"
upstream = "{upstream}"
[limits]
message_size = "200 MB"
connections_per_client = 10000
[relay]
networks = ["127.0.0.0/8"]
connections_per_destination = 20
"""


def accounts_in(folder: Path, users: Iterable[str]) -> str:
    """Write the file of the password, and return the settings of these accounts."""
    secret = folder / "secret"
    secret.touch(mode=0o600)
    secret.write_text(hash_password(PASSWORD))
    return "".join(
        f'[domain."{DOMAIN}".account."{user}"]\npassword = {{ file = "secret" }}\n'
        for user in users
    )


class Mailhost:
    """`sink` is the port of the host that foreign mail goes to, or the MX host of its domain.
    `programs` is the folder of the `twistd` to start: that of another checkout's virtual
    environment measures that checkout. `syncs` are the milliseconds that each sync takes longer, or
    SKIP for no syncs; see `preload.sitecustomize`."""

    name = "mailhost"

    def __init__(
        self,
        folder: Path,
        sink: int | FarEnd,
        workers: int = 0,
        programs: Path | None = None,
        syncs: str = "",
    ) -> None:
        self.port = free_port(ADDRESS)
        self.submission_port = free_port(ADDRESS)
        self.proxy_port = free_port(ADDRESS)
        self._folder = folder
        self._workers = workers
        self._programs = programs or Path(sys.executable).parent
        self._process: subprocess.Popen[str] | None = None
        self._environment: dict[str, str] = {}
        folder.mkdir(parents=True)
        port, relay = sink, f'[[relay.route]]\nvia = "{ADDRESS}:{sink}"\n'
        if isinstance(sink, FarEnd):
            port, relay, self._environment = sink.port, sink.settings, sink.environment
            sink.write_policy(folder / "data")
        if syncs:
            changed = {sitecustomize.VARIABLE: syncs, "PYTHONPATH": PRELOAD}
            self._environment = {**self._environment, **changed}
        settings = SETTINGS.format(
            workers=workers,
            smtp=f"tcp:{self.port}:interface={ADDRESS}",
            submission=f"tcp:{self.submission_port}:interface={ADDRESS}",
            proxy=f"tcp:{self.proxy_port}:interface={ADDRESS}",
            upstream=f"tcp:{ADDRESS}:{port}",
        )
        text = f"{settings}{relay}{accounts_in(folder, USERS)}"
        (folder / "mailhost.toml").write_text(text)

    @property
    def maildirs(self) -> Path:
        """Where local mail lies."""
        return self._folder / "data" / "mail" / DOMAIN

    @property
    def pid(self) -> int:
        """Its process."""
        assert self._process is not None
        return self._process.pid

    def start(self) -> None:
        """Start it, and return when it is ready."""
        twistd = str(self._programs / "twistd")
        config = str(self._folder / "mailhost.toml")
        log = self._folder / "log"
        with log.open("w") as output:
            self._process = subprocess.Popen(
                [twistd, "-n", "--pidfile=", "mailhost", "--config", config],
                stdout=output,
                stderr=subprocess.STDOUT,
                text=True,
                env={**os.environ, **self._environment},
                cwd=self._folder,  # never that of a checkout: twistd would import from there
            )
        others = (self._workers or min(len(os.sched_getaffinity(0)), MOST_BY_DEFAULT)) - 1
        while " is ready" not in log.read_text() or log.read_text().count("serves too") < others:
            if self._process.poll() is not None:
                raise RuntimeError(log.read_text())

    def stop(self) -> None:
        """Stop it."""
        if self._process is not None:
            self._process.terminate()
            self._process.wait(60)
