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
    """A filter cannot decide, because something that it needs is missing; the text of the exception
    names it."""


class IFilter(Interface):
    """A filter: it is shown mail that is being received, and returns a verdict."""

    stages: Collection[Stage] = Attribute("The stages at which the filter is asked.")

    def look(mail: Mail) -> Answer[Verdict]:
        """Return the verdict on `mail`. If an exception is raised, FilterFailed or any other, mail
        is deferred or passes, as `on_error` of the settings says."""


class IPreview(Interface):
    """A filter that can say what it would answer, for an operator who asks about mail that is not
    sent (`mailhost explain`)."""

    def preview(mail: Mail) -> Answer[Verdict]:
        """Return the verdict that `look` would return now, and raise what it would raise. Nothing
        is counted, recorded or sent to another program."""


class IFilterPlugin(IPlugin):
    """A Twisted plugin that makes filters, for `kind = "python"` in the settings."""

    name: str = Attribute("The name that `plugin` in the settings gives.")

    def make_filter(**options: object) -> object:
        """Return an IFilter or an ISessionFilter. `options` are those of the settings. Called at
        the start and at each reload; the code of the plugin is imported once in each process, so
        changed code needs a restart."""


class ISessionFilter(Interface):
    """A filter that keeps a state for each client for as long as it is connected."""

    stages: Collection[Stage] = Attribute("The stages at which the filter is asked.")

    def visit(client: Client) -> IVisit:
        """A client connected. Return the filter for this connection."""


class IVisit(IFilter):
    """The filter of one client's connection, made by an ISessionFilter."""

    def abandon() -> None:
        """The transaction ended before this filter was asked about its message: the client ended
        it, or another filter refused or discarded the message."""

    def leave() -> None:
        """The client has disconnected. No method is called after this."""


class ICounters(Interface):
    """Counts the actions of filters, for all processes together."""

    def add(filter: str, what: str) -> None:
        """Count the action `what` of the filter named `filter`. Never raises, never waits."""


class IRates(Interface):
    """Counts how often something happens in a time, for all processes together."""

    def take(key: str, limit: int, within: float) -> Answer[bool]:
        """Count one for `key`, and return True. If the count has reached `limit`, return False and
        count nothing. The count decreases steadily, by `limit` in `within` seconds (a leaky
        bucket)."""


class IRatePreview(Interface):
    """Rates that can be asked without counting."""

    def allows(key: str, limit: int, within: float) -> bool:
        """Return what `IRates.take` would return now."""


class IWitness(Interface):
    """A filter that is also notified of the final reply to each message."""

    def ended(mail: Mail, findings: Sequence[Finding], statuses: Sequence[Status]) -> None:
        """The client gets `statuses` as the reply to a message; `findings` are the verdicts of all
        filters. Never raises, never waits."""
