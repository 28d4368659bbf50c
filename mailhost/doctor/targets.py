"""The checks of `mailhost doctor TARGET`: of a domain, a host with or without a port, or a mail
address."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

from mailhost.doctor.checks import Check
from mailhost.doctor.context import DoctorContext
from mailhost.doctor.server.transcript import Transcript


def _not_kept(transcript: Transcript) -> None:
    pass


@dataclass(frozen=True, slots=True)
class TargetOptions:
    """What the operator wants to be tried at the TARGET. `user` and `password` are for a login,
    `recipient` is tried by MAIL and RCPT without sending; empty for none. `insecure` allows a login
    without TLS that can be verified. `on_transcript` is called with each dialogue that was held."""

    user: str = ""
    password: str = field(default="", repr=False)
    recipient: str = ""
    insecure: bool = False
    on_transcript: Callable[[Transcript], None] = _not_kept


ServerChecks: TypeAlias = Callable[[DoctorContext, str, int | None, TargetOptions], Sequence[Check]]
"""Returns the checks of a host: at one port, or at all ports of mail."""


def checks_of_target(
    context: DoctorContext, target: str, options: TargetOptions, checks_of_server: ServerChecks
) -> Sequence[Check]:
    """Return all checks of a target. Raises ValueError for a text that is none."""
    host, colon, port = target.rpartition(":")
    if colon and port.isdecimal() and (":" not in host or host.endswith("]")):
        return checks_of_server(context, host.strip("[]"), int(port), options)
    return checks_of_server(context, target.strip("[]"), None, options)
