"""Limits how many messages a client, sender, recipient or account may send or get in a given time.

Each key is counted by a leaky bucket (the generic cell rate algorithm): one number, the time at
which the bucket will be empty. A message that would make the bucket overflow exceeds the limit.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable

from twisted.internet.interfaces import IReactorTime
from zope.interface import implementer

from mailhost.concurrency.answers import then
from mailhost.config.filters.block import CountBy, Rate
from mailhost.interfaces.answer import Answer
from mailhost.interfaces.filters import FilterFailed, IFilter, IPreview, IRatePreview, IRates
from mailhost.interfaces.verdict import PASS, Mail, Stage, Verdict
from mailhost.message.address import Address
from mailhost.net.limits import client_key
from mailhost.reception.filters.action import verdict_of

MOST_KEYS = 100_000  # keys that are counted at a time; the least recently used is forgotten


@implementer(IRates, IRatePreview)
class Rates:
    """All rates of a host. Workers ask the head, so that all processes share one limit."""

    def __init__(self, clock: IReactorTime) -> None:
        self._clock = clock
        self._empty_at: OrderedDict[str, float] = OrderedDict()

    def take(self, key: str, limit: int, within: float) -> bool:
        empty_at = self._filled(key, limit, within)
        if empty_at is None:
            return False
        self._empty_at[key] = empty_at
        self._empty_at.move_to_end(key)
        if len(self._empty_at) > MOST_KEYS:
            self._empty_at.popitem(last=False)
        return True

    def allows(self, key: str, limit: int, within: float) -> bool:
        return self._filled(key, limit, within) is not None

    def _filled(self, key: str, limit: int, within: float) -> float | None:
        """Return when the bucket of a key will be empty after one more, None if it overflows."""
        now = self._clock.seconds()
        empty_at = max(self._empty_at.get(key, now), now) + within / limit
        return None if empty_at - now > within * (1 + 1e-9) else empty_at


@implementer(IFilter, IPreview)
class RateFilter:
    """Refuses messages above a rate. `name` is that of the filter, whose counts are its own."""

    def __init__(self, settings: Rate, name: str, rates: IRates) -> None:
        by_recipient = settings.count_by is CountBy.RECIPIENT
        self.stages = (Stage.RECIPIENT,) if by_recipient else (Stage.SENDER,)
        self._settings = settings
        self._name = name
        self._rates = rates

    def look(self, mail: Mail) -> Answer[Verdict]:
        return self._judge(mail, self._rates.take)

    def preview(self, mail: Mail) -> Answer[Verdict]:
        if not IRatePreview.providedBy(self._rates):
            raise FilterFailed("the counts are in another process")
        return self._judge(mail, IRatePreview(self._rates).allows)

    def _judge(self, mail: Mail, ask: Callable[[str, int, float], Answer[bool]]) -> Answer[Verdict]:
        counted = _counted(self._settings.count_by, mail)
        if not counted:
            return PASS
        settings = self._settings
        return then(
            ask(f"{self._name} {counted}", settings.limit, settings.within),
            lambda granted: PASS if granted else self._too_many(counted),
        )

    def _too_many(self, counted: str) -> Verdict:
        settings = self._settings
        found = f"more than {settings.limit} in {settings.within:g} seconds: {counted}"
        text = "Too many messages; please try again later"
        return verdict_of(settings, found, text, 550, "5.7.1")


def _counted(by: CountBy, mail: Mail) -> str:
    """Return the key that is counted, empty for none, such as for the sender of a bounce."""
    match by:
        case CountBy.CLIENT:
            return client_key(mail.client.ip)
        case CountBy.SENDER:
            return _whole(mail.envelope.reverse_path)
        case CountBy.RECIPIENT:
            return _whole(mail.recipient.address if mail.recipient else None)
    return _whole(mail.client.account)


def _whole(address: Address | None) -> str:
    return f"{address.key}@{address.domain}" if address is not None else ""
