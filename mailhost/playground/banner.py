"""What a playground that runs says: its hosts, and commands to try."""

from __future__ import annotations

import shlex
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

from mailhost.playground.certificates import VARIABLE
from mailhost.playground.faults import BETA, BY_NAME
from mailhost.playground.hosts import ALPHA_HOST, BETA_HOST, HOSTS
from mailhost.playground.network import Network
from mailhost.playground.preparing import AUTHORITY_FILE, PASSWORD_FILE

_TO_TRY = BY_NAME["starttls-stripped"]


def banner(network: Network, kept: bool) -> str:
    """Return the text of several lines. `kept` says that the folder stays."""
    return "\n".join(["", *_hosts(network), "", *_commands(network), "", *_end(network, kept), ""])


def _hosts(network: Network) -> Iterator[str]:
    yield "Two mail hosts run on this machine, with a DNS server of their own:"
    for host in HOSTS:
        yield ""
        yield f"    {host.hostname} at {host.address}"
        yield f"        accounts: {', '.join(host.accounts)}"
        yield f"        settings: {network.config(host)}"
    ports = network.ports
    yield ""
    yield f"    SMTP: port {ports.of('smtp')}; submission: {ports.of('submission')}, with TLS"
    yield f"    {ports.of('submissions')}; IMAP: {ports.of('imap')}, with TLS {ports.of('imaps')};"
    yield f"    POP3: {ports.of('pop3')}, with TLS {ports.of('pop3s')}; DNS: {ports.dns_server}"
    yield ""
    yield f"    The password of all accounts is {network.prepared.password}"


def _commands(network: Network) -> Iterator[str]:
    folder = network.folder
    password = f"--password-file {shlex.quote(str(folder / PASSWORD_FILE))}"
    ann, bob = ALPHA_HOST.accounts[0], BETA_HOST.accounts[0]
    beta = f"--config {shlex.quote(str(network.config(BETA_HOST)))}"
    yield "Try this in another terminal:"
    yield ""
    yield f"    {environment(network)}"
    yield f"    mailhost mail send {password} --from {ann} --to {bob} --subject Hello --body Works"
    yield f"    mailhost mail read {password} {bob} {beta}"
    yield "    mailhost doctor"
    yield f"    mailhost doctor {BETA}"
    yield "    mailhost playground list"
    yield f"    mailhost playground break {_TO_TRY.name}"
    yield f"    mailhost {_TO_TRY.look}"
    yield "    mailhost playground mend"


def environment(network: Network) -> str:
    """Return the command that leads a shell to the settings of alpha, and has its programs trust
    the certificates of the playground."""
    values = {
        "MAILHOST_CONFIG": str(network.config(ALPHA_HOST)),
        VARIABLE: str(network.folder / AUTHORITY_FILE),
    }
    words = [f"{name}={shlex.quote(value)}" for name, value in values.items()]
    beside = Path(sys.argv[0]).absolute().with_name("mailhost")
    if beside.exists() and shutil.which("mailhost") != str(beside):
        words.append(f'PATH={shlex.quote(str(beside.parent))}:"$PATH"')
    return " ".join(["export", *words])


def _end(network: Network, kept: bool) -> Iterator[str]:
    if kept:
        yield f"Ctrl-C ends all. {network.folder} stays; the logs are in it."
    else:
        yield f"Ctrl-C ends all, and removes {network.folder}."
