"""A private Dovecot with its daemons, for clients that log in: IMAP on loopback ports of its own.

Needs root, and Debian's package (`apt-get install dovecot-imapd`). The folder must be open to other
users. Each user name is known, with the same password.
"""

from __future__ import annotations

import os
import pwd
import shutil
import socket
import subprocess
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from tests.end_to_end.running import free_port, until

# Dovecot takes clients at the server's own address for safe: 127.0.0.1 connects to this address
ADDRESS = "127.0.0.2"
PROGRAM = "/usr/sbin/dovecot"
CONFIGURATION = """
protocols = imap
listen = {address}
base_dir = {folder}/run
state_dir = {folder}/state
log_path = {folder}/log
mail_location = maildir:{folder}/mail/%u
mail_uid = {number}
mail_gid = {group}
first_valid_uid = 1
first_valid_gid = 1
ssl = yes
ssl_cert = <{chain}
ssl_key = <{key}
auth_failure_delay = 0
passdb {{
  driver = static
  args = password={password}
}}
userdb {{
  driver = static
  args = uid={number} gid={group} home={folder}/mail/%u
}}
service imap-login {{
  inet_listener imap {{
    port = {imap}
  }}
  inet_listener imaps {{
    port = {imaps}
    ssl = yes
  }}
}}
"""


def installed() -> bool:
    """True where Dovecot can be started here."""
    return os.geteuid() == 0 and os.path.exists("/usr/lib/dovecot/imap-login")


class DovecotDaemon:
    """`certificate` are files of a chain and its key; `settings` are added to the configuration.
    `ports` are those of `imap` and `imaps`."""

    def __init__(
        self,
        folder: Path,
        password: str,
        certificate: tuple[str, str],
        settings: Mapping[str, str] | None = None,
    ) -> None:
        folder.mkdir()
        folder.chmod(0o755)
        self._folder = folder
        self._process: subprocess.Popen[bytes] | None = None
        self.ports = {name: free_port(ADDRESS) for name in ("imap", "imaps")}
        owner = pwd.getpwnam("nobody")
        (folder / "mail").mkdir()
        shutil.chown(folder / "mail", "nobody")
        text = CONFIGURATION.format(
            folder=folder.resolve(),
            address=ADDRESS,
            password=password,
            chain=certificate[0],
            key=certificate[1],
            number=owner.pw_uid,
            group=owner.pw_gid,
            **self.ports,
        )
        text += "".join(f"{key} = {value}\n" for key, value in (settings or {}).items())
        (folder / "dovecot.conf").write_text(text)

    def add_message(self, user: str, content: bytes) -> None:
        """Put a message into the INBOX of a user, before the start."""
        maildir = self._folder / "mail" / user
        for name in ("cur", "new", "tmp"):
            (maildir / name).mkdir(parents=True)
        (maildir / "new" / "1.1.localhost").write_bytes(content)
        for path in (maildir, *maildir.rglob("*")):
            shutil.chown(path, "nobody")

    def start(self) -> None:
        """Start it; it listens then."""
        command = [PROGRAM, "-F", "-c", str(self._folder / "dovecot.conf")]
        self._process = subprocess.Popen(command)
        until(self._listens, "Dovecot does not listen")

    def stop(self) -> None:
        """Stop it, and all its processes."""
        if self._process is not None:
            self._process.terminate()
            self._process.wait(30)

    def log(self) -> str:
        """Return the log of Dovecot."""
        path = self._folder / "log"
        return path.read_text() if path.exists() else ""

    def _listens(self) -> bool:
        with suppress(OSError), socket.create_connection((ADDRESS, self.ports["imaps"]), 1):
            return True
        return False
