"""The checks of `mailhost doctor TARGET`: of a domain, a host with or without a port, or a mail
address."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from mailhost.doctor.checks import Check
from mailhost.doctor.context import DoctorContext
from mailhost.doctor.network.checks import dns_servers_check


@dataclass(frozen=True, slots=True)
class TargetOptions:
    """What the operator wants to be tried at the TARGET. `user` and `password` are for a login,
    `recipient` is tried by MAIL and RCPT without sending; empty for none."""

    user: str = ""
    password: str = ""
    recipient: str = ""


def checks_of_target(
    context: DoctorContext, target: str, options: TargetOptions
) -> Sequence[Check]:
    """Return all checks of a target. Raises ValueError for a text that is none."""
    return [dns_servers_check(context, target)]
