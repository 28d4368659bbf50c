"""The text that a playground prints once it runs: its hosts, and commands to try."""

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
from mailhost.playground.ports import Ports
from mailhost.playground.preparing import AUTHORITY_FILE, PASSWORD_FILE, SETTINGS_FILE

_TO_TRY = BY_NAME["starttls-stripped"]


def banner(network: Network, kept: bool) -> str:
    """Return the text of several lines. `kept` says that the folder stays."""
    return "\n".join(["", *_hosts(network), "", *_commands(network), "", *_end(network, kept), ""])


def _hosts(network: Network) -> Iterator[str]:
    yield "Two mail hosts run on this machine, with a DNS server of their own:"
    for host in HOSTS:
        yield ""
        yield f"    {host.hostname} at {host.address}"
        yield f"        domains:  {', '.join(host.domains)}"
        yield f"        accounts: {', '.join(host.accounts)}"
    yield ""
    yield f"    The password of all accounts is {network.prepared.password}"
    yield f"    Ports: {_ports(network.ports, 'smtp', 'submission', 'imap', 'pop3')};"
    yield f"    with TLS at once: {_ports(network.ports, 'submissions', 'imaps', 'pop3s')};"
    yield f"    for web clients: {_ports(network.ports, 'http', 'https')}"
    yield f"    The DNS server is {network.ports.dns_server}"


def _ports(ports: Ports, *protocols: str) -> str:
    return ", ".join(f"{each} {ports.of(each)}" for each in protocols)


def _commands(network: Network) -> Iterator[str]:
    password = f"--password-file {PASSWORD_FILE}"
    ann, bob = ALPHA_HOST.accounts[0], BETA_HOST.accounts[0]
    yield "Try this in another terminal:"
    yield ""
    yield f"    cd {shlex.quote(str(network.folder))}"
    yield f"    {environment()}"
    yield f"    mailhost mail send --from {ann} --to {bob} --subject Hello --body Works {password}"
    yield f"    mailhost mail read {bob} --config {BETA_HOST.name}/{SETTINGS_FILE} {password}"
    yield f"    mailhost trace {bob}"
    yield "    mailhost doctor"
    yield f"    mailhost doctor {BETA}"
    yield "    mailhost playground list"
    yield f"    mailhost playground break {_TO_TRY.name}"
    yield f"    mailhost {_TO_TRY.command}"
    yield "    mailhost playground mend"


def environment() -> str:
    """Return the command by which a shell in the folder of the playground uses the settings of
    alpha, and its programs trust the certificates of the playground."""
    values = {
        "MAILHOST_CONFIG": f"$PWD/{ALPHA_HOST.name}/{SETTINGS_FILE}",
        VARIABLE: f"$PWD/{AUTHORITY_FILE}",
    }
    words = [f'{name}="{value}"' for name, value in values.items()]
    beside = Path(sys.argv[0]).absolute().with_name("mailhost")
    if beside.exists() and shutil.which("mailhost") != str(beside):
        words.append(f'PATH={shlex.quote(str(beside.parent))}:"$PATH"')
    return " ".join(["export", *words])


def _end(network: Network, kept: bool) -> Iterator[str]:
    if kept:
        yield f"Ctrl-C ends the playground. {network.folder} is kept; it has the logs."
    else:
        yield f"Ctrl-C ends the playground, and removes {network.folder}."
