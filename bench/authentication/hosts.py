"""The hosts to be measured, mailhost and Postfix with OpenDKIM and OpenDMARC, and a DNS server.

OpenDMARC looks up SPF by the resolver of the system. So it runs in a mount namespace of its own,
where /etc/resolv.conf names the DNS server below, which listens on port 53 of a loopback address.
"""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from bench import host
from bench.load import ADDRESS, DOMAIN, PASSWORD, USERS
from mailhost.dkim.keys import make_rsa_key
from tests.end_to_end import postfix
from tests.end_to_end.running import free_port

DNS_ADDRESS = "127.0.0.53"
DNS_PORT = 53  # the programs of others ask no other port
OPENDKIM = "/usr/sbin/opendkim"
OPENDMARC = "/usr/sbin/opendmarc"
NOT_LOOPBACK = "192.0.2.1"  # the programs of others trust 127.0.0.1 unless another host is named

Records = Mapping[str, Sequence[Sequence[Any]]]


def missing() -> str:
    """Say what must be installed to measure Postfix with its filters, empty where all is there."""
    if os.geteuid() != 0:
        return "Postfix is measured by root alone"
    programs = {"opendkim": OPENDKIM, "opendmarc": OPENDMARC, "util-linux": "/usr/bin/unshare"}
    wanted = [package for package, path in programs.items() if not os.path.exists(path)]
    if not postfix.installed() or not postfix.can_log_in():
        wanted += ["postfix", "sasl2-bin", "libsasl2-modules"]
    return f"apt-get install {' '.join(wanted)}" if wanted else ""


class Process:
    """A program that runs until `stop`. Its output goes to the file `log`."""

    def __init__(self, command: Sequence[str], log: Path) -> None:
        self._log = log
        with log.open("wb") as output:
            self._process = subprocess.Popen(command, stdout=output, stderr=output)

    def listening(self, address: str, port: int) -> Process:
        """Return this process once the port answers. Raises RuntimeError if it ends before."""
        while True:
            try:
                socket.create_connection((address, port)).close()
            except OSError:
                if self._process.poll() is not None:
                    raise RuntimeError(self._log.read_text()) from None
                time.sleep(0.02)
            else:
                return self

    def stop(self) -> None:
        """End it: asked by SIGTERM, OpenDKIM takes five seconds."""
        self._process.kill()
        self._process.wait(30)


def dns_server(records: Records, folder: Path) -> Process:
    """Start the DNS server that all hosts ask."""
    command = [sys.executable, "-m", "tests.dns_server", json.dumps(records), DNS_ADDRESS]
    server = Process([*command, str(DNS_PORT)], folder / "dns.log")
    return server.listening(DNS_ADDRESS, DNS_PORT)


class Mailhost(host.Mailhost):
    """Signs submitted mail, and judges what it receives."""

    def __init__(self, folder: Path, sink: int) -> None:
        super().__init__(folder, sink)
        config = folder / "mailhost.toml"
        config.write_text(
            config.read_text().replace('networks = ["127.0.0.0/8"]\n', "")
            + f"""
[login]
plaintext_on_loopback = true
[dns]
servers = ["{DNS_ADDRESS}:{DNS_PORT}"]
[[filter]]
kind = "authenticity"
mode = "enforce"
listeners = ["smtp"]
"""
        )


class Postfix(postfix.Postfix):
    """Postfix with OpenDKIM, which signs by RSA-2048 for who logged in and verifies others, and
    OpenDMARC with its own SPF."""

    name = "Postfix"

    def __init__(self, folder: Path, sink: int) -> None:
        self._filters = folder / "filters"
        self._dkim, self._dmarc = free_port(ADDRESS), free_port(ADDRESS)
        super().__init__(
            folder,
            [f"{user}@{DOMAIN}" for user in USERS],
            {
                "relayhost": f"[{ADDRESS}]:{sink}",
                "smtpd_milters": f"inet:{ADDRESS}:{self._dkim}, inet:{ADDRESS}:{self._dmarc}",
                "mynetworks": f"{NOT_LOOPBACK}/32",
                "smtpd_tls_auth_only": "no",
                "smtpd_peername_lookup": "yes",
            },
            {
                "smtp": {},
                "submission": {"smtpd_milters": f"inet:{ADDRESS}:{self._dkim}"},
            },
            passwords={"user": PASSWORD},
            login_domain=DOMAIN,
        )
        self.port, self.submission_port = self.ports["smtp"], self.ports["submission"]
        self._running: list[Process] = []

    def start(self) -> None:
        """Start Postfix and both filters."""
        self._filters.mkdir()
        self._running = [self._opendkim(), self._opendmarc()]
        super().start()

    def stop(self) -> None:
        """Stop all."""
        super().stop()
        for each in self._running:
            each.stop()

    def _opendkim(self) -> Process:
        folder = self._filters
        key = folder / "key.pem"
        key.write_bytes(make_rsa_key().pem())
        key.chmod(0o600)
        (folder / "internal").write_text(f"{NOT_LOOPBACK}\n")
        config = folder / "opendkim.conf"
        config.write_text(
            f"Domain {DOMAIN}\nSelector bench\nKeyFile {key}\nMode sv\nBackground no\n"
            f"Canonicalization relaxed/relaxed\nSocket inet:{self._dkim}@{ADDRESS}\n"
            f"InternalHosts {folder / 'internal'}\nNameservers {DNS_ADDRESS}\n"
            f"OversignHeaders From\nPidFile {folder / 'opendkim.pid'}\nSyslog no\n"
            "RequireSafeKeys no\n"
        )
        command = [OPENDKIM, "-f", "-x", str(config)]
        return self._isolated(command, "opendkim.log").listening(ADDRESS, self._dkim)

    def _opendmarc(self) -> Process:
        folder = self._filters
        (folder / "ignored").write_text(f"{NOT_LOOPBACK}\n")
        config = folder / "opendmarc.conf"
        config.write_text(
            f"Socket inet:{self._dmarc}@{ADDRESS}\nIgnoreHosts {folder / 'ignored'}\n"
            "SPFSelfValidate true\nSPFIgnoreResults true\nSyslog false\nRejectFailures true\n"
            f"PidFile {folder / 'opendmarc.pid'}\nTrustedAuthservIDs {postfix.HOSTNAME}\n"
            f"AuthservID {postfix.HOSTNAME}\n"
        )
        command = [OPENDMARC, "-f", "-c", str(config)]
        return self._isolated(command, "opendmarc.log").listening(ADDRESS, self._dmarc)

    def _isolated(self, command: Sequence[str], log: str) -> Process:
        """Start a program that sees another /etc/resolv.conf."""
        resolv = self._filters / "resolv.conf"
        resolv.write_text(f"nameserver {DNS_ADDRESS}\n")
        script = 'mount --bind "$0" /etc/resolv.conf && exec "$@"'
        unshare = [shutil.which("unshare") or "unshare", "--mount", "sh", "-c", script]
        return Process([*unshare, str(resolv), *command], self._filters / log)


Host = Mailhost | Postfix
