"""Each DNS server is asked by itself."""

from __future__ import annotations

from collections.abc import Sequence

from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer

from mailhost.doctor.finding import Finding, Verdict
from mailhost.doctor.network.resolvers import resolvers_check
from mailhost.interfaces.dns import Found, ILookUp, Question, Record, Reply
from mailhost.net.dns.servers import Server
from tests.doctor.running import findings_of
from tests.lookups import RecordsLookUp

ONE, TWO = ("192.0.2.1", 53), ("2001:db8::2", 5353)


@implementer(ILookUp)
class Rewriting:
    """Has an address for every name."""

    async def look_up(self, question: Question[Record]) -> Reply[Record]:
        records: tuple[object, ...] = ("198.51.100.1",)
        return Reply(Found.RECORDS, records)  # type: ignore[arg-type] # an address, as asked


GOOD = RecordsLookUp({("NS", "org"): ["a0.org.example"]})
BAD = RecordsLookUp({("NS", "org"): Found.FAILED})


def findings(servers: dict[Server, ILookUp], blocklists: bool = False) -> Sequence[Finding]:
    """Return the findings about these servers."""
    return findings_of(resolvers_check(list(servers), servers.__getitem__, "org", blocklists))


class ResolversTests(SynchronousTestCase):
    def names(self, found: Sequence[Finding]) -> list[tuple[Verdict, str]]:
        return [(each.verdict, each.name) for each in found if each.fault]

    def test_good_servers(self) -> None:
        found = findings({ONE: GOOD, TWO: GOOD})
        self.assertEqual([], self.names(found))
        tried = [each.tried for each in found]
        self.assertEqual(["DNS server 192.0.2.1", "DNS server [2001:db8::2]:5353"], tried)

    def test_a_name_that_does_not_exist_is_an_answer(self) -> None:
        self.assertEqual([], self.names(findings({ONE: RecordsLookUp({})})))

    def test_one_of_two_is_silent(self) -> None:
        found = findings({ONE: BAD, TWO: GOOD})
        self.assertEqual([(Verdict.WARNING, "doctor/resolver-silent")], self.names(found))
        self.assertEqual("DNS server 192.0.2.1", found[1].tried)
        self.assertIn("SERVFAIL", found[1].seen)

    def test_all_are_silent_which_is_one_finding(self) -> None:
        found = findings({ONE: BAD, TWO: BAD})
        self.assertEqual([(Verdict.FAILURE, "doctor/resolver-silent")], self.names(found))
        self.assertEqual("DNS server 192.0.2.1, [2001:db8::2]:5353", found[0].tried)

    def test_a_server_that_invents_addresses(self) -> None:
        found = findings({ONE: Rewriting(), TWO: GOOD})
        self.assertEqual([(Verdict.WARNING, "doctor/resolver-rewrites")], self.names(found))
        self.assertIn("198.51.100.1", found[-1].seen)

    def test_a_public_server_matters_to_filters_alone(self) -> None:
        servers: dict[Server, ILookUp] = {("8.8.8.8", 53): GOOD, ONE: GOOD}
        self.assertEqual([], self.names(findings(servers)))
        found = findings(servers, blocklists=True)
        self.assertEqual([(Verdict.WARNING, "doctor/resolver-public")], self.names(found))
        self.assertEqual("DNS server 8.8.8.8", found[-1].tried)
