"""A real OpenDKIM as a milter: it signs for one domain, and verifies everybody else."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import time
from pathlib import Path

from twisted.trial.unittest import SkipTest

PROGRAM = "/usr/sbin/opendkim"
PATIENCE = 30.0  # seconds
DOMAIN, SELECTOR = "example.com", "tests"


def needed() -> None:
    """Skip a test where OpenDKIM is missing."""
    if not os.path.exists(PROGRAM) or shutil.which("openssl") is None:
        raise SkipTest("OpenDKIM is not installed: apt-get install opendkim openssl")


class OpenDKIM:
    """Listens on `where`, in OpenDKIM's own words (`inet:PORT@HOST`, `local:PATH`). Public keys
    are in a file: it asks no DNS. It signs for who logged in, and for clients at `signs_for`."""

    def __init__(self, folder: Path, where: str, signs_for: str = "::1") -> None:
        self._socket = where
        folder.mkdir(parents=True)
        self._folder = folder
        key = folder / "key.pem"
        _run("openssl", "genrsa", "-out", str(key), "2048")
        key.chmod(0o600)
        public = _run("openssl", "rsa", "-in", str(key), "-pubout", "-outform", "PEM")
        text = "".join(public.splitlines()[1:-1])
        keys = folder / "public"
        keys.write_text(f"{SELECTOR}._domainkey.{DOMAIN} v=DKIM1; k=rsa; p={text}\n")
        (folder / "signing").write_text(f"{signs_for}\n")
        self._config = folder / "opendkim.conf"
        self._config.write_text(
            f"Domain {DOMAIN}\nSelector {SELECTOR}\nKeyFile {key}\nSocket {where}\n"
            f"Mode sv\nTestPublicKeys {keys}\nCanonicalization relaxed/simple\n"
            f"InternalHosts refile:{folder / 'signing'}\nRequireSafeKeys no\n"
            f"PidFile {folder / 'pid'}\nBackground no\nSyslog no\nAlwaysAddARHeader yes\n"
        )
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it, and return when it listens."""
        with (self._folder / "log").open("wb") as log:
            self._process = subprocess.Popen(
                [PROGRAM, "-f", "-x", str(self._config)], stdout=log, stderr=log
            )
        deadline = time.monotonic() + PATIENCE
        while not self._listens():
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise AssertionError((self._folder / "log").read_text())
            time.sleep(0.02)

    def _listens(self) -> bool:
        kind, _, where = self._socket.partition(":")
        family = socket.AF_UNIX if kind == "local" else socket.AF_INET
        port, _, host = where.partition("@")
        with socket.socket(family) as probe:
            try:
                probe.connect(where if kind == "local" else (host, int(port)))
            except OSError:
                return False
        return True

    def stop(self) -> None:
        """End it."""
        if self._process is not None:
            self._process.kill()  # asked politely it takes five seconds
            self._process.wait(PATIENCE)
            self._process = None


def _run(*command: str) -> str:
    return subprocess.run(command, capture_output=True, check=True, text=True).stdout
