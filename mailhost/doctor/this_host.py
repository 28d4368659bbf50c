"""The checks of `mailhost doctor` without a TARGET: of this host."""

from __future__ import annotations

from collections.abc import Sequence

from mailhost.config.load import Loaded
from mailhost.doctor.checks import Check
from mailhost.doctor.context import DoctorContext
from mailhost.doctor.domain.hosted import own_domains_check
from mailhost.doctor.network.resolvers import resolvers_check


def checks_of_this_host(context: DoctorContext, loaded: Loaded) -> Sequence[Check]:
    """Return all checks of the host that `loaded` describes."""
    return [
        resolvers_check(context.resolver, loaded.settings.hostname),
        own_domains_check(context),
    ]
