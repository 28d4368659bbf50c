"""Waiting mail goes where it belongs now."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from mailhost.delivery.dispatch import Dispatch
from mailhost.message.content import Content
from mailhost.message.envelope import Notify
from mailhost.message.outcome import Fate
from tests.fakes import FakeDirectory, FakeTransport, domain, envelope, now, path, view_of

OURS = view_of(domain("a.example", "ann"), also_example="a.example")


class DispatchTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.directory = FakeDirectory(OURS)
        self.here, self.elsewhere = FakeTransport(), FakeTransport(Fate.RELAYED)
        self.dispatch = Dispatch(self.directory, self.here, self.elsewhere)

    def deliver(self, *to: str) -> list[str]:
        wanted = envelope(*to)
        content = Content((b"x",))
        outcomes = now(self.dispatch.deliver(wanted, content, wanted.recipients, "m1", 3))
        return [f"{each.fate} {each.recipient.address}" for each in outcomes]

    def test_ours_and_others_in_the_order_asked(self) -> None:
        self.assertEqual(
            self.deliver("x@far.example", "ann@a.example", "y@far.example", "b@also.example"),
            [
                "relayed x@far.example",
                "delivered ann@a.example",
                "relayed y@far.example",
                "delivered b@also.example",
            ],
        )
        self.assertEqual(self.here.tried, ["ann@a.example", "b@also.example"])
        self.assertEqual(self.elsewhere.tried, ["x@far.example", "y@far.example"])

    def test_who_is_not_needed_is_not_asked(self) -> None:
        self.deliver("ann@a.example")
        self.assertEqual(self.elsewhere.log, [])
        self.deliver("x@far.example")
        self.assertEqual(len(self.here.log), 1)

    def test_a_domain_that_moved_meanwhile(self) -> None:
        self.directory.view = view_of(domain("far.example", "x"))
        self.assertEqual(
            self.deliver("x@far.example", "ann@a.example"),
            ["delivered x@far.example", "relayed ann@a.example"],
        )

    def test_without_any_domain_mail_waits_unless_the_host_relays_for_others(self) -> None:
        self.directory.view = view_of()
        self.assertEqual(self.deliver("ann@a.example"), ["relayed ann@a.example"])
        self.dispatch._needs_domains = True
        self.assertEqual(self.deliver("ann@a.example"), ["delayed ann@a.example"])

    def test_one_address_twice_with_different_wishes(self) -> None:
        wanted = envelope(path("x@far.example"), path("x@far.example", Notify.NEVER))
        delivery = self.dispatch.deliver(wanted, Content((b"x",)), wanted.recipients, "m1")
        outcomes = now(delivery)
        self.assertEqual([each.recipient for each in outcomes], list(wanted.recipients))
