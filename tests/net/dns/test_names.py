"""Names of addresses, as far as DNS answers in time."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from mailhost.interfaces.dns import Question, Reply
from mailhost.net.dns.names import names_of
from tests.lookups import RecordsLookUp


class PartlySilent(RecordsLookUp):
    """Never replies to questions about one name."""

    async def look_up(self, question: Question[Any]) -> Reply[Any]:
        if question.name == "2.2.0.192.in-addr.arpa":
            return await Deferred()
        return await super().look_up(question)


class NamesTests(SynchronousTestCase):
    def test_what_is_found_in_time(self) -> None:
        name = ["mx.example.org"]
        dns = PartlySilent({("PTR", "1.2.0.192.in-addr.arpa"): name, ("PTR", _V6): name})
        clock = Clock()
        wanted = ["192.0.2.1", "192.0.2.2", "192.0.2.3", "2001:db8::1"]
        asking = Deferred.fromCoroutine(names_of(wanted, dns, clock, 5.0))
        self.assertNoResult(asking)
        clock.advance(5)
        found = self.successResultOf(asking)
        self.assertEqual({"192.0.2.1": "mx.example.org", "2001:db8::1": "mx.example.org"}, found)

    def test_nothing_wanted(self) -> None:
        found = names_of([], RecordsLookUp({}), Clock(), 5.0)
        self.assertEqual({}, self.successResultOf(Deferred.fromCoroutine(found)))


_V6 = "1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa"
