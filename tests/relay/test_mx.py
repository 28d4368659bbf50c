"""The hosts of a next hop, their order and addresses."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from mailhost.config.model import Route
from mailhost.interfaces.dns import NoPossibleHost, NoSuchDomain, ResolveFailed
from mailhost.message.status import Status
from mailhost.relay.mx import NO_SUCH_DOMAIN, NULL_MX, RelayHost, find_addresses, find_hosts
from mailhost.relay.nexthop import Destination
from mailhost.relay.own_addresses import OwnAddresses
from tests.fakes import now
from tests.relay.fake_resolver import FakeResolver, route


class Hosts(SynchronousTestCase):
    def find(self, answer: list[tuple[int, str]] | Exception, own: str = "us.example") -> object:
        """The names of the hosts of a domain with these MX records, or the status."""
        resolver = FakeResolver(mx={"d.example": answer})
        found = now(find_hosts(resolver, Destination("d.example", 25), own, list.reverse))
        return found if isinstance(found, Status) else [host.name for host in found]

    def test_those_that_an_authenticated_answer_names(self) -> None:
        resolver = FakeResolver(mx={"d.example": [(10, "a")], "e.example": []})
        for domain, secure in (("d.example", False), ("d.example", True), ("e.example", True)):
            resolver.secure = {domain} if secure else set()
            found = now(find_hosts(resolver, Destination(domain, 25), "us.example", list.reverse))
            assert not isinstance(found, Status)
            self.assertEqual([(domain,) if secure else ()], [host.secure_for for host in found])

    def test_by_preference_and_shuffled_among_equals(self) -> None:
        records = [(20, "c"), (10, "a"), (10, "b"), (30, "d")]
        self.assertEqual(["b", "a", "c", "d"], self.find(records))

    def test_our_own_name_cuts_the_list(self) -> None:
        records = [(10, "a"), (20, "us.example"), (20, "b"), (30, "c")]
        self.assertEqual(["a"], self.find(records))
        self.assert_loop([(10, "us.example"), (20, "a")])
        self.assert_loop([(10, "a"), (10, "us.example")])

    def assert_loop(self, answer: list[tuple[int, str]], own: str = "us.example") -> None:
        """The mail would come back, and that is said at once."""
        status = self.find(answer, own)
        assert isinstance(status, Status)
        self.assertEqual((554, "5.4.6"), (status.code, status.enhanced))
        self.assertIn(own, status.text)

    def test_our_own_name_as_a_domain_without_mx(self) -> None:
        self.assert_loop([], own="d.example")

    def test_implicit_mx(self) -> None:
        self.assertEqual(["d.example"], self.find([]))

    def test_null_mx(self) -> None:
        self.assertEqual(NULL_MX, self.find([(0, "")]))

    def test_a_null_mx_among_others_is_passed_over(self) -> None:
        self.assertEqual(["a"], self.find([(0, ""), (10, "a")]))

    def test_names_that_no_host_has(self) -> None:
        status = self.find(NoPossibleHost("'a b.example' is no host name"))
        assert isinstance(status, Status)
        self.assertEqual((550, "5.4.4"), (status.code, status.enhanced))
        self.assertIn("'a b.example'", status.text)

    def test_a_domain_that_is_not_there_fails_for_good(self) -> None:
        self.assertEqual(NO_SUCH_DOMAIN, self.find(NoSuchDomain("d.example")))

    def test_a_failed_look_up_is_tried_again(self) -> None:
        status = self.find(ResolveFailed("silence"))
        assert isinstance(status, Status)
        self.assertEqual((451, "4.4.3", "silence"), (status.code, status.enhanced, status.cause))

    def test_routes_and_literals_have_no_mx(self) -> None:
        for destination in (
            Destination("[192.0.2.1]", 25),
            Destination("smart.example", 587, route("*", "*", "smart.example:587")),
        ):
            found = now(find_hosts(FakeResolver(), destination, "us.example", list.reverse))
            self.assertEqual([RelayHost(destination.name)], found)


class Addresses(SynchronousTestCase):
    def find(
        self,
        name: str,
        answer: list[str] | Exception | None = None,
        own_addresses: OwnAddresses = OwnAddresses("us.example", [("192.0.2.77", 25)]),  # noqa: B008 - a value
        via: Route | None = None,
    ) -> object:
        """The addresses of a host."""
        resolver = FakeResolver(addresses={} if answer is None else {name: answer})
        destination = Destination("d.example", 25, via)
        return now(find_addresses(resolver, destination, RelayHost(name), own_addresses))

    def assert_fails(self, enhanced: str, text: str, found: object) -> None:
        """It is a failure that says why."""
        assert isinstance(found, Status), found
        self.assertEqual((True, enhanced), (found.permanent, found.enhanced))
        self.assertIn(text, found.text)

    def test_those_of_the_dns(self) -> None:
        found = ["2001:db8::1", "192.0.2.1"]
        self.assertEqual(found, self.find("h.example", found))

    def test_literals_numbers_and_this_machine_need_no_dns(self) -> None:
        self.assertEqual(["192.0.2.1"], self.find("[192.0.2.1]"))
        self.assertEqual(["2001:db8::1"], self.find("[IPv6:2001:db8::1]"))
        self.assertEqual(["2001:db8::1"], self.find("2001:db8::1"))

    def test_a_route_may_lead_anywhere(self) -> None:
        via = route("*", "*", "somewhere.example")
        self.assertEqual(("127.0.0.1", "::1"), self.find("localhost", via=via))
        for ip in ("::1", "127.0.0.1", "192.0.2.77", "0.0.0.0"):
            self.assertEqual([ip], self.find(ip, via=via))

    def test_this_machine_and_addresses_that_no_host_has(self) -> None:
        for ip in (
            *("127.0.0.1", "127.9.9.9", "::1", "0.0.0.0", "0.1.2.3", "::", "::ffff:127.0.0.1"),
            *("224.0.0.1", "240.0.0.1", "255.255.255.255", "ff02::1", "fe80::1"),
        ):
            self.assert_fails("5.4.4", f"h.example leads to {ip}", self.find("h.example", [ip]))
            self.assertEqual(["192.0.2.1"], self.find("h.example", [ip, "192.0.2.1"]), ip)
        for name in ("localhost", "mx.localhost", "127.0.0.1", "[127.0.0.1]", "[IPv6:::1]"):
            self.assert_fails("5.4.4", f"{name} leads to", self.find(name))
        for name in ("1.2.3", "1.2.3.4.5", "mx.77"):
            self.assert_fails("5.4.4", f"{name} is no host name", self.find(name))

    def test_loopback_where_the_settings_allow_it(self) -> None:
        allowing = OwnAddresses("us.example", [("127.0.0.2", 25)], allow_loopback=True)
        for ip in ("127.0.0.1", "::1"):
            self.assertEqual([ip], self.find("h.example", [ip], allowing))
        self.assert_fails("5.4.4", "0.0.0.0", self.find("h.example", ["0.0.0.0"], allowing))
        self.assert_fails("5.4.6", "127.0.0.2", self.find("h.example", ["127.0.0.2"], allowing))

    def test_addresses_of_our_own_listeners(self) -> None:
        for answer in (["192.0.2.77"], ["192.0.2.1", "192.0.2.77"], ["::ffff:192.0.2.77"]):
            self.assert_fails("5.4.6", f"[{answer[-1]}]", self.find("h.example", answer))

    def test_none(self) -> None:
        self.assert_fails("5.4.4", "h.example has no address", self.find("h.example", []))
        self.assert_fails("5.4.4", "h.example does not exist", self.find("h.example"))
        failed = self.find("h.example", ResolveFailed("silence"))
        assert isinstance(failed, Status)
        self.assertTrue(failed.temporary)
