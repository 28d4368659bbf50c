"""`[dmarc]`: aggregate reports of DMARC, those that come in and those that are sent."""

from __future__ import annotations

from mailhost.config.section import Section
from mailhost.config.types import DomainName, MailAddress, Switch


class DMARC(Section):
    """`[dmarc]`. `reports` has the addresses for reports about domains of the directory; those of
    the settings file have theirs as `dmarc_reports`. With `send_reports` this host reports to other
    domains."""

    send_reports: Switch = False
    reports: dict[DomainName, MailAddress] = {}
