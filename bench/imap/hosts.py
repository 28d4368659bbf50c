"""The two hosts that are measured: mailhost as `twistd` starts it, and Dovecot as its package sets
it up as far as that matters."""

from __future__ import annotations

import os
import pwd
import subprocess
import sys
import time
from pathlib import Path
from typing import Protocol

from bench.host import accounts_in
from bench.load import ADDRESS, DOMAIN, PASSWORD
from tests.directory.fakes import set_up_data
from tests.end_to_end.running import free_port

DOVECOT = "/usr/sbin/dovecot"
DOVECOT_USER = "mail"
SETTINGS = """version = 1
hostname = "mailhost.example.org"
data = "data"
[[listen]]
protocol = "smtp"
endpoint = "tcp:{smtp}:interface={address}"
[[listen]]
protocol = "imap"
endpoint = "tcp:{imap}:interface={address}"
[[listen]]
protocol = "imaps"
endpoint = "tcp:{imaps}:interface={address}"
[login]
plaintext_on_loopback = true
[limits]
connections_per_client = 20000
message_size = "50 MB"
"""
DOVECOT_SETTINGS = """
protocols = imap
base_dir = {folder}/run
state_dir = {folder}/run
log_path = {folder}/log
ssl = yes
ssl_cert = <{folder}/certificate
ssl_key = <{folder}/key
disable_plaintext_auth = no
mail_location = maildir:{folder}/mail/%n
first_valid_uid = 1
first_valid_gid = 1
default_client_limit = 20000
default_process_limit = 2000
mail_max_userip_connections = 20000
service imap-login {{
  inet_listener imap {{
    address = {address}
    port = {imap}
  }}
  inet_listener imaps {{
    address = {address}
    port = {imaps}
  }}
}}
service imap {{
  process_limit = 2000
}}
service anvil {{
  client_limit = 20000
}}
passdb {{
  driver = static
  args = password={password}
}}
userdb {{
  driver = static
  args = uid={user} gid={user} home={folder}/home/%n
}}
namespace inbox {{
  inbox = yes
  separator = /
}}
"""


class Host(Protocol):
    """The measured hosts."""

    name: str
    imap: int
    imaps: int
    crlf: bool
    owner: int

    @property
    def pid(self) -> int:
        """The parent of all its processes."""

    def maildir(self, user: str) -> Path:
        """The inbox of an account."""

    def start(self) -> None:
        """Start it, and return when it is ready."""

    def stop(self) -> None:
        """Stop it."""


class Mailhost:
    """It hands mail over to accounts by `smtp` too."""

    name = "mailhost"
    crlf = True
    owner = 0

    def __init__(self, folder: Path, users: list[str]) -> None:
        self.smtp, self.imap, self.imaps = (free_port(ADDRESS) for _ in range(3))
        self._folder = folder
        self._process: subprocess.Popen[str] | None = None
        folder.mkdir(parents=True)
        set_up_data(str(folder / "data"))
        accounts = accounts_in(folder, users)
        ports = {"smtp": self.smtp, "imap": self.imap, "imaps": self.imaps, "address": ADDRESS}
        (folder / "mailhost.toml").write_text(SETTINGS.format(**ports) + accounts)

    @property
    def pid(self) -> int:
        """Its head."""
        assert self._process is not None
        return self._process.pid

    def maildir(self, user: str) -> Path:
        """The inbox of an account."""
        return self._folder / "data" / "mail" / DOMAIN / user

    def start(self) -> None:
        """Start it, and return when all its processes serve."""
        log = self._folder / "log"
        config = str(self._folder / "mailhost.toml")
        twistd = str(Path(sys.executable).parent / "twistd")
        with log.open("w") as output:
            self._process = subprocess.Popen(
                [twistd, "-n", "--pidfile=", "mailhost", "--config", config],
                stdout=output,
                stderr=subprocess.STDOUT,
                text=True,
                cwd=self._folder,
            )
        others = len(os.sched_getaffinity(0)) - 1
        while " is ready" not in log.read_text() or log.read_text().count("serves too") < others:
            if self._process.poll() is not None:
                raise RuntimeError(log.read_text())
            time.sleep(0.05)

    def stop(self) -> None:
        """Stop it."""
        if self._process is not None:
            self._process.terminate()
            self._process.wait(60)


class Dovecot:
    """All mail belongs to the user `mail`. Any password check costs it nothing."""

    name = "Dovecot"
    crlf = False

    def __init__(self, folder: Path) -> None:
        self.imap, self.imaps = (free_port(ADDRESS) for _ in range(2))
        self.owner = pwd.getpwnam(DOVECOT_USER).pw_uid
        self._folder = folder
        self._process: subprocess.Popen[bytes] | None = None
        for name in ("run", "mail", "home"):
            (folder / name).mkdir(parents=True)
            if name != "run":
                os.chown(folder / name, self.owner, self.owner)
        self._make_certificate()
        text = DOVECOT_SETTINGS.format(
            folder=folder, address=ADDRESS, imap=self.imap, imaps=self.imaps,
            password=PASSWORD, user=DOVECOT_USER,
        )  # fmt: skip
        (folder / "dovecot.conf").write_text(text)

    def _make_certificate(self) -> None:
        key, certificate = str(self._folder / "key"), str(self._folder / "certificate")
        command = [
            "openssl",
            "req",
            "-x509",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:P-256",
        ]
        command += ["-nodes", "-subj", "/CN=bench", "-keyout", key, "-out", certificate]
        subprocess.run(command, check=True, capture_output=True)

    @property
    def pid(self) -> int:
        """Its master process."""
        assert self._process is not None
        return self._process.pid

    def maildir(self, user: str) -> Path:
        """The inbox of an account."""
        return self._folder / "mail" / user

    def start(self) -> None:
        """Start it, and return when it listens."""
        config = str(self._folder / "dovecot.conf")
        self._process = subprocess.Popen([DOVECOT, "-F", "-c", config], cwd=self._folder)
        log = self._folder / "log"
        while not log.exists() or "starting up" not in log.read_text():
            if self._process.poll() is not None:
                raise RuntimeError(log.read_text() if log.exists() else "Dovecot does not start")
            time.sleep(0.05)
        time.sleep(0.5)

    def stop(self) -> None:
        """Stop it."""
        if self._process is not None:
            self._process.terminate()
            self._process.wait(60)


def can_run_dovecot() -> bool:
    """True where Dovecot can be measured: it switches users, so it has to be started by root."""
    return os.geteuid() == 0 and os.path.exists(DOVECOT)
