"""Pebble, the ACME server of Debian's packages, in a process of its own on loopback.

Its challenges come to ports that the tests listen on, and the names are looked up in a DNS server
of the tests. Nothing is checked less than by a real authority.
"""

from __future__ import annotations

import json
import os
import shutil
import ssl
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path
from urllib.request import urlopen

from twisted.internet import threads
from twisted.trial.unittest import SkipTest

from mailhost.playground.certificates import new_authority
from tests.end_to_end.running import PATIENCE, free_port

PROGRAM = shutil.which("pebble")
HOST = "127.0.0.1"


class Pebble:
    """`dns` is the port of the DNS server. `environment` has the variables of its README."""

    def __init__(
        self,
        folder: Path,
        dns: int,
        environment: Mapping[str, str] | None = None,
        accounts: Mapping[str, str] | None = None,
    ) -> None:
        if PROGRAM is None:
            raise SkipTest("pebble is not installed")
        self.http, self.tls = free_port(HOST), free_port(HOST)
        self._port, self._management = free_port(HOST), free_port(HOST)
        self._folder = folder
        self._environment = environment or {}
        self._write(accounts or {})
        self._process = subprocess.Popen(
            [PROGRAM, "-config", "pebble.json", "-dnsserver", f"{HOST}:{dns}", "-strict=true"],
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=(folder / "pebble.log").open("w"),
            stderr=subprocess.STDOUT,
            env={**os.environ, "PEBBLE_VA_NOSLEEP": "1", **self._environment},
        )

    @property
    def ca_file(self) -> str:
        """The file of the authority of the directory's own certificate."""
        return str((self._folder / "ca.pem").absolute())

    @property
    def directory(self) -> str:
        """The URL of the directory."""
        return f"https://localhost:{self._port}/dir"

    @property
    def log(self) -> str:
        """The output of Pebble."""
        return (self._folder / "pebble.log").read_text()

    def _write(self, accounts: Mapping[str, str]) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        authority = new_authority()
        pem = authority.issue(["localhost"])
        (self._folder / "ca.pem").write_bytes(authority.pem)
        (self._folder / "chain.pem").write_bytes(pem.chain)
        (self._folder / "key.pem").write_bytes(pem.key)
        settings = {
            "listenAddress": f"{HOST}:{self._port}",
            "managementListenAddress": f"{HOST}:{self._management}",
            "certificate": "chain.pem",
            "privateKey": "key.pem",
            "httpPort": self.http,
            "tlsPort": self.tls,
            "ocspResponderURL": "",
            "externalAccountBindingRequired": bool(accounts),
            "externalAccountMACKeys": dict(accounts),
        }
        (self._folder / "pebble.json").write_text(json.dumps({"pebble": settings}))

    async def ready(self) -> None:
        """Return when the directory can be read."""
        await threads.deferToThread(self.wait)

    def wait(self) -> None:
        """As `ready`, blocking."""
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            try:
                self._get(f"https://localhost:{self._port}/dir")
                return
            except OSError:
                if self._process.poll() is not None:
                    break
                time.sleep(0.05)
        raise AssertionError(f"pebble does not start:\n{self.log}")

    def root(self) -> bytes:
        """Return the certificate of the authority itself, in PEM. Blocks."""
        return self._get(f"https://localhost:{self._management}/roots/0")

    def _get(self, url: str) -> bytes:
        context = ssl.create_default_context(cafile=self.ca_file)
        with urlopen(url, context=context, timeout=5) as reply:
            octets: bytes = reply.read()
            return octets

    def stop(self) -> None:
        """End the process."""
        self._process.kill()
        self._process.wait()
