"""The names that certificates are ordered for."""

from __future__ import annotations

from twisted.internet.defer import Deferred, succeed
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from mailhost.certificates.names import Group, Leading, NameFinder, groups
from mailhost.certificates.plan import Setup
from mailhost.certificates.values import AccountWanted
from tests.certificates.rig import OTHER, OURS, FakeResolver
from tests.fakes import now


def grouped(hostname: str, domains: list[str], *asked: str) -> dict[str, set[str]]:
    found = groups(hostname, domains, asked, lambda name: False)
    return {group.name: {*group.names, *group.asked} for group in found}


def below(domain: str) -> set[str]:
    return {f"{label}.{domain}" for label in ("mail", "autoconfig", "autodiscover", "mta-sts")}


class GroupTests(SynchronousTestCase):
    def test_each_name_is_in_one_certificate(self) -> None:
        self.assertEqual(
            {"mail.a.org": {"mail.a.org"}, "a.org": below("a.org") - {"mail.a.org"}},
            grouped("mail.a.org", ["a.org"]),
        )
        self.assertEqual({"a.org": {"a.org", *below("a.org")}}, grouped("a.org", ["a.org"]))

    def test_further_names_are_in_the_certificate_of_their_domain(self) -> None:
        found = grouped("mx.b.org", ["a.org", "x.a.org"], "imap.x.a.org", "*.a.org", "far.org")
        self.assertEqual({"imap.x.a.org", *below("x.a.org")}, found["x.a.org"])
        self.assertEqual({"*.a.org", *below("a.org")}, found["a.org"])
        self.assertEqual({"mx.b.org", "far.org"}, found["mx.b.org"])

    def test_covered_names(self) -> None:
        account = AccountWanted("https://ca.example/")
        setup = Setup("mx.a.org", (), account, covered=frozenset(("mx.a.org", "*.b.org")))
        for name, covered in (
            ("mx.a.org", True),
            ("mail.b.org", True),
            ("mail.a.org", False),
            ("x.mail.b.org", False),
        ):
            self.assertEqual(covered, setup.is_covered(name), name)


class Silent:
    """A resolver that never answers."""

    async def addresses(self, host: str) -> list[str]:
        return await Deferred()


class FinderTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.resolver = FakeResolver()
        self.own = frozenset((OURS,))

    def look(self, *names: str, asked: tuple[str, ...] = ()) -> Leading:
        finder = NameFinder(
            self.clock,
            self.resolver,  # type: ignore[arg-type]
            lambda: succeed([OURS]),
            lambda name: not name.endswith(".test"),
        )
        return now(finder.look(Group("a.org", names, asked), self.own))

    def test_where_names_lead(self) -> None:
        self.resolver.found = {
            "here.a.org": [OURS],
            "half.a.org": [OURS, OTHER],
            "empty.a.org": [],
            "x.test": [OURS],
        }
        self.resolver.failing = {"fails.a.org"}
        names = ("here.a.org", "half.a.org", "empty.a.org", "gone.a.org", "fails.a.org", "x.test")
        found = self.look(*names, asked=("*.a.org",))
        self.assertEqual(("here.a.org", "*.a.org"), found.here)
        self.assertEqual(("fails.a.org",), found.unknown)
        self.assertEqual(
            {
                "half.a.org": f"it leads to {OTHER}",
                "empty.a.org": "it has no address",
                "gone.a.org": "it does not exist",
                "fails.a.org": "it cannot be looked up: SERVFAIL",
                "x.test": "such names are not in DNS",
            },
            found.left_out,
        )

    def test_without_an_address_of_this_host(self) -> None:
        self.own = frozenset()
        self.assertIn("write [dns] addresses", self.look("here.a.org").left_out["here.a.org"])

    def test_dns_that_does_not_answer(self) -> None:
        finder = NameFinder(
            self.clock,
            Silent(),  # type: ignore[arg-type]
            lambda: succeed([OURS]),
            lambda name: True,
        )
        looking = Deferred.fromCoroutine(finder.look(Group("a.org", ("x.a.org",)), self.own))
        self.clock.advance(31)
        self.assertEqual(("x.a.org",), self.successResultOf(looking).unknown)
