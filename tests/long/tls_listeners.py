"""Examines the TLS of all listeners by testssl, the program of Debian's package testssl.sh.

`python -m tests.long.tls_listeners [PROTOCOL ...] [--rsa] [--minimum VERSION] [--smtp-minimum
VERSION]` starts a host whose certificate comes from an authority of its own, and prints the
findings of each listener that are not good. The exit code is 1 if one is worse than LOW, on another
listener than port 25; what is found there is explained in docs/tls.md. Each listener takes about a
minute.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric import rsa

from tests.authority import Authority, write_pem
from tests.end_to_end.running import RunningHost, remove_folder

HOSTNAME = "mx.example.org"
STARTTLS = {"smtp": "smtp", "submission": "smtp", "imap": "imap", "pop3": "pop3"}
IMPLICIT = ("submissions", "imaps", "pop3s", "https")
GOOD = ("OK", "INFO", "DEBUG")
BAD = ("MEDIUM", "HIGH", "CRITICAL", "FATAL")
NOT_OURS = ("engine_problem", "cert_revocation")  # testssl's openssl, and the authority of the test
SETTINGS = """
admin = "ann@example.com"
[web]
[tls]
minimum = "{minimum}"
smtp_minimum = "{smtp_minimum}"
[[tls.certificate]]
chain = "certificate/chain.pem"
key = "certificate/key.pem"
[limits]
connections_per_client = 1000
[domain."example.com".account.ann]
"""


@dataclass(frozen=True, slots=True)
class Finding:
    """A finding that is not good, by testssl's name."""

    name: str
    severity: str
    text: str


def examined(host: RunningHost, protocol: str) -> Iterator[Finding]:
    """Yield the findings about one listener."""
    report = host.folder / f"{protocol}.json"
    command = ["testssl", "--quiet", "--color", "0", "--warnings", "off", "--nodns", "min"]
    command += ["--ip", host.address, "--add-ca", str(host.folder / "authority.pem")]
    command += ["--jsonfile", str(report)]
    if protocol in STARTTLS:
        command += ["--starttls", STARTTLS[protocol]]
    command.append(f"{HOSTNAME}:{host.ports[protocol]}")
    subprocess.run(command, check=False, stdout=subprocess.DEVNULL, stdin=subprocess.DEVNULL)
    for each in json.loads(report.read_text()):
        if each["severity"] not in GOOD and each["id"] not in NOT_OURS:
            yield Finding(each["id"], each["severity"], each["finding"])


def start(folder: Path, protocols: Sequence[str], asked: argparse.Namespace) -> RunningHost:
    """Return a host that runs with a certificate of its own authority."""
    settings = SETTINGS.format(minimum=asked.minimum, smtp_minimum=asked.smtp_minimum)
    host = RunningHost(folder, settings, hostname=HOSTNAME, protocols=protocols)
    authority = Authority.new()
    (folder / "authority.pem").write_bytes(authority.pem)
    key = rsa.generate_private_key(65537, 2048) if asked.rsa else None
    write_pem(str(folder / "certificate"), authority.below().issue(HOSTNAME, key=key))
    host.start()
    return host


def main() -> None:
    every = (*STARTTLS, *IMPLICIT)
    reader = argparse.ArgumentParser(prog="python -m tests.long.tls_listeners", description=__doc__)
    reader.add_argument("protocol", nargs="*", choices=[*every, []], help="all, if none is named")
    reader.add_argument("--rsa", action="store_true", help="an RSA key in place of an ECDSA key")
    reader.add_argument("--minimum", default="1.2", help="tls.minimum of the settings")
    reader.add_argument("--smtp-minimum", default="1.2", help="tls.smtp_minimum of the settings")
    asked = reader.parse_args()
    protocols = asked.protocol or every
    host = start(Path(tempfile.mkdtemp()), protocols, asked)
    bad = False
    try:
        for protocol in protocols:
            found = list(examined(host, protocol))
            print(f"{protocol}: {len(found)} findings")
            for each in found:
                print(f"  {each.severity:8} {each.name}: {each.text}", flush=True)
            bad |= protocol != "smtp" and any(each.severity in BAD for each in found)
    finally:
        host.stop()
        remove_folder(host.folder)
    sys.exit(bad)


if __name__ == "__main__":
    main()
