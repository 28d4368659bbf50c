"""The settings files of the hosts of the playground."""

from __future__ import annotations

from dataclasses import dataclass

from mailhost.playground.hosts import HostNames
from mailhost.playground.ports import USUAL, Ports

_HEAD = """\
# The settings of a host of the playground. `mailhost playground` wrote this file.
version  = 1
hostname = "{hostname}"
data     = "data"
admin    = "{admin}"
workers  = 1
"""
_LISTENER = """
[[listen]]
protocol = "{protocol}"
endpoint = "tcp:{port}:interface={address}"
"""
_TAIL = """
[web]

[[tls.certificate]]
chain = "chain.pem"
key   = "key.pem"

[dns]
servers        = ["{dns}"]
addresses      = ["{address}"]
authority_port = {authority}

[relay]
port           = {smtp}
bind           = "{address}"
allow_loopback = true
{relay}
[relay.tls]
mta_sts_port = {https}

[queue]
first_retry   = "5 seconds"
longest_retry = "1 minute"

[doctor]
port_25_hosts = ["{other}"]
port_offset   = {offset}

[dmarc]
reports = {{ {reports} }}

[tls_reports]
addresses = {{ {tls_reports} }}

[[filter]]
kind      = "authenticity"
listeners = ["smtp"]
{filters}"""


@dataclass(frozen=True, slots=True)
class MoreSettings:
    """Lines that a fault adds: to the table `[relay]`, and filters at the end."""

    relay: str = ""
    filters: str = ""


def settings_text(
    host: HostNames, other: HostNames, ports: Ports, more: MoreSettings = MoreSettings()
) -> str:
    """Return the settings of `host`; `other` is the other host."""
    listeners = (
        _LISTENER.format(protocol=each, port=ports.of(each), address=host.address) for each in USUAL
    )
    tail = _TAIL.format(
        dns=ports.dns_server,
        authority=ports.dns,
        address=host.address,
        smtp=ports.of("smtp"),
        relay=more.relay,
        other=other.hostname,
        offset=ports.base,
        reports=", ".join(f'"{each}" = "dmarc@{each}"' for each in host.domains),
        tls_reports=", ".join(f'"{each}" = "tls@{each}"' for each in host.domains),
        https=ports.of("https"),
        filters=more.filters,
    )
    head = _HEAD.format(hostname=host.hostname, admin=host.accounts[0])
    return "".join([head, *listeners, tail])
