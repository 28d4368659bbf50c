"""`[tls_reports]`: reports about TLS between hosts (TLS-RPT), those that come in and those that
are sent."""

from __future__ import annotations

from mailhost.config.section import Section
from mailhost.config.types import DomainName, MailAddress, OneLine, Switch


class TLSReports(Section):
    """`[tls_reports]`. `addresses` has the addresses for reports about domains of the directory;
    domains of the settings file have theirs as `tls_reports`. With `send` this host reports to
    domains that ask for it, in the name of `organization`; `contact` answers questions about these
    reports. Without them the name of the host and its postmaster are named."""

    send: Switch = True
    organization: OneLine = ""
    contact: MailAddress | None = None
    addresses: dict[DomainName, MailAddress] = {}
