"""Filters, and the services that they share between processes."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from twisted.plugin import IPlugin
from zope.interface import Attribute, Interface

from mailhost.interfaces.answer import Answer
from mailhost.interfaces.verdict import Finding, Mail, Stage, Verdict
from mailhost.message.client import Client
from mailhost.message.status import Status


class FilterFailed(Exception):
    """A filter could not judge, as something it needs is not there; the text of the exception says
    which."""


class IFilter(Interface):
    """Looks at mail on its way in, and says what should become of it."""

    stages: Collection[Stage] = Attribute("When it wants to be asked.")

    def look(mail: Mail) -> Answer[Verdict]:
        """Return the verdict. Raises FilterFailed, and for bugs anything: the settings say whether
        mail passes then."""


class IFilterPlugin(IPlugin):
    """A Twisted plugin that makes filters, for `kind = "python"` in the settings."""

    name: str = Attribute("What `plugin` in the settings calls it.")

    def make_filter(**options: object) -> object:
        """Return an IFilter or an ISessionFilter. `options` are those of the settings."""


class ISessionFilter(Interface):
    """A filter that keeps something for as long as a client is connected."""

    stages: Collection[Stage] = Attribute("When it wants to be asked.")

    def visit(client: Client) -> IVisit:
        """A client connected."""


class IVisit(IFilter):
    """One client's part of an ISessionFilter."""

    def abandon() -> None:
        """The transaction ended before this filter was asked about its message: the client gave it
        up, or another filter refused or dropped the message."""

    def leave() -> None:
        """The client is gone. Nothing is called after it."""


class ICounters(Interface):
    """Counts what filters did, for all processes together."""

    def add(filter: str, what: str) -> None:
        """`filter` did `what`. Never raises, never waits."""


class IRates(Interface):
    """Counts how often, for all processes together."""

    def take(key: str, limit: int, within: float) -> Answer[bool]:
        """Count one for `key`. False, and not counted, where there were `limit` of them within as
        many seconds, as far as they have not leaked away since."""


class IWitness(Interface):
    """Hears how messages ended."""

    def ended(mail: Mail, findings: Sequence[Finding], statuses: Sequence[Status]) -> None:
        """A message has its answer; `findings` are what the filters said. Never raises or waits."""
