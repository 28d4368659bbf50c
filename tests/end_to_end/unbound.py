"""A real unbound as the resolver: it validates a root zone that is signed for the test."""

from __future__ import annotations

import os
import socket
import subprocess
import time
from pathlib import Path

import dns.dnssec
import dns.dnssectypes
import dns.zone
from cryptography.hazmat.primitives.asymmetric import ec
from twisted.trial.unittest import SkipTest

from tests.end_to_end.running import free_port

PROGRAM = "/usr/sbin/unbound"
PATIENCE = 30.0  # seconds
DAY = 86_400
_HEAD = """$TTL 60
. IN SOA a.root. admin.root. 1 3600 600 86400 60
. IN NS a.root.
a.root. IN A 127.0.0.1
"""
_CONFIG = """
server:
    interface: 127.0.0.1@{port}
    module-config: "validator iterator"
    trust-anchor: "{anchor}"
    do-daemonize: no
    use-syslog: no
    logfile: ""
    chroot: ""
    username: ""
    directory: "{folder}"
    pidfile: ""
    num-threads: 1
    do-ip6: no
    domain-insecure: "{insecure}"
auth-zone:
    name: "."
    zonefile: "{folder}/root.zone"
    for-downstream: no
    for-upstream: yes
remote-control:
    control-enable: no
"""


def needed() -> None:
    """Skip a test where unbound is missing."""
    if not os.path.exists(PROGRAM):
        raise SkipTest("unbound is not installed: apt-get install unbound")


class Unbound:
    """Serves the records of `lines`, in the form of a zone file, on 127.0.0.1 at `port`.

    Names in `bogus` are changed after the zone was signed: each is a text of the zone, and what
    replaces it. The names below `insecure` are not validated.
    """

    def __init__(
        self, folder: Path, lines: str, bogus: dict[str, str], insecure: str = "insecure."
    ) -> None:
        folder = folder.absolute()
        self.port = free_port("127.0.0.1")
        text, anchor = _signed(lines)
        for signed, changed in bogus.items():
            assert signed in text, signed
            text = text.replace(signed, changed)
        folder.mkdir(parents=True)
        (folder / "root.zone").write_text(text)
        config = folder / "unbound.conf"
        config.write_text(
            _CONFIG.format(port=self.port, anchor=anchor, folder=folder, insecure=insecure)
        )
        self._log = folder / "log"
        with self._log.open("wb") as log:
            command = [PROGRAM, "-d", "-c", str(config)]
            self._process = subprocess.Popen(command, stdout=log, stderr=log)
        self._wait()

    def _wait(self) -> None:
        deadline = time.monotonic() + PATIENCE
        while True:
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
                return
            except OSError:
                if self._process.poll() is not None or time.monotonic() > deadline:
                    raise AssertionError(self._log.read_text()) from None
                time.sleep(0.02)

    def stop(self) -> None:
        """End it."""
        self._process.terminate()
        self._process.wait(PATIENCE)


def _signed(lines: str) -> tuple[str, str]:
    """Return a root zone with signatures, and its key as a trust anchor."""
    zone = dns.zone.from_text(_HEAD + lines, origin=".", relativize=False)
    key = ec.generate_private_key(ec.SECP256R1())
    algorithm = dns.dnssectypes.Algorithm.ECDSAP256SHA256
    public = dns.dnssec.make_dnskey(key.public_key(), algorithm, flags=257)
    begin = time.time() - DAY
    dns.dnssec.sign_zone(zone, keys=[(key, public)], inception=begin, expiration=begin + 9 * DAY)
    return zone.to_text(relativize=False), f". IN DNSKEY {public.to_text()}"
