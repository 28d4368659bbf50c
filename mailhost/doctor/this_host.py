"""The checks of `mailhost doctor` without a TARGET: of this host."""

from __future__ import annotations

from collections.abc import Sequence

from mailhost.config.load import Loaded
from mailhost.doctor.abuse.this_host import abuse_checks
from mailhost.doctor.checks import Check
from mailhost.doctor.clients.check import lost_addresses_check
from mailhost.doctor.context import DoctorContext
from mailhost.doctor.domain.hosted import own_domains_check
from mailhost.doctor.network.resolvers import resolvers_check
from mailhost.doctor.running_host import ask_host


def checks_of_this_host(context: DoctorContext, loaded: Loaded) -> Sequence[Check]:
    """Return all checks of the host that `loaded` describes."""
    ask = ask_host(context.in_thread, loaded.settings.data)
    return [
        resolvers_check(context.resolver, loaded.settings.hostname),
        lost_addresses_check(ask),
        *abuse_checks(context, loaded, ask),
        own_domains_check(context),
    ]
