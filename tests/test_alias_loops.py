"""Mail loops through aliases of several hosts: ended when the mail comes back, with one bounce."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from mailhost.alias_loops import AliasLoops
from mailhost.handover import Handover
from mailhost.interfaces.accounts import Domain
from mailhost.message.content import Content
from mailhost.message.envelope import Envelope, ForwardPath
from mailhost.message.status import Status
from mailhost.message.trace import alias_fields, delivered_before
from mailhost.reception.filters.block.rate import Rates
from mailhost.routing import CAME_BACK, Destinations, Router
from tests.fakes import (
    FakeDelivery,
    FakeDirectory,
    FakeNotices,
    FakeQueue,
    RecordingEvents,
    address,
    domain,
    envelope,
    now,
    view_of,
)

TEXT = b"Subject: hello\r\n\r\nhello\r\n"
MOST = 1000  # copies until a loop is taken for endless


class Host:
    """A mail host without any wire."""

    def __init__(self, name: str, *domains: Domain) -> None:
        self.name = name
        self.mailboxes = FakeDelivery()
        self.queue = FakeQueue()
        self.reports = FakeNotices()
        self.events = RecordingEvents()
        self.handover = Handover(
            FakeDirectory(view_of(*domains)),
            Router(name),
            self.mailboxes,
            self.queue,
            self.reports,
            self.events,
            AliasLoops(Rates(Clock())),
        )


class Internet:
    """Hosts by the domains whose mail they take. `bounced` are the recipients of all bounces."""

    def __init__(self, **hosts: Host) -> None:
        self._hosts = {name.replace("_", "."): host for name, host in hosts.items()}
        self.bounced: list[str] = []
        self.contents: dict[str, list[bytes]] = defaultdict(list)
        self.copies = 0

    def send(self, to: str, *others: str) -> None:
        """Have a client bring a message, and carry it until it is settled."""
        first = envelope(to, *others)
        self._take(self._hosts[first.recipients[0].address.domain], first, TEXT, "a client")
        while busy := next((host for host in self._hosts.values() if host.queue.kept), None):
            if self.copies > MOST:
                raise AssertionError("the mail goes round in circles")
            entry, content, _ = busy.queue.kept.pop()
            for some, marked in _transactions(entry, content):
                self._relay(busy, entry.to(some), marked)
        for host in self._hosts.values():
            self.bounced += [to for _, to in host.reports.told]

    def _relay(self, sender: Host, to: Envelope, content: bytes) -> None:
        domain = to.recipients[0].address.domain
        for path in to.recipients:
            self.contents[str(path.address)].append(content)
        if domain in self._hosts:
            status = self._take(self._hosts[domain], to, content, sender.name)
            if status.permanent:
                self.bounced += [str(path.address) for path in to.recipients]

    def _take(self, host: Host, to: Envelope, content: bytes, client: str) -> Status:
        self.copies += 1
        identity = f"id{self.copies}"
        by = f"by {host.name} (mailhost) with ESMTP id {identity}; now"
        whole = Content((f"Received: from {client}\r\n\t{by}\r\n".encode() + content,))
        return now(host.handover.take_or_queue(to, whole, identity))


def _transactions(entry: Envelope, content: bytes) -> list[tuple[list[ForwardPath], bytes]]:
    """The recipients of one entry as the relay sends to them, each group with its content."""
    groups = defaultdict(list)
    for path in entry.recipients:
        groups[path.address.domain, path.through].append(path)
    return [
        (some, alias_fields(through, utf8=False) + content) for (_, through), some in groups.items()
    ]


class Doubling(SynchronousTestCase):
    """x@a.example leads to two domains of another host, and both lead back."""

    def make(self, *back: str) -> tuple[Internet, Host]:
        """Where the two lead back to, and further aliases here."""
        here = Host(
            "mx.a.example",
            domain("a.example", "ann", {"x": "x@b.example x@c.example", "y": "x"}),
        )
        first, *others = back
        there = Host(
            "mx.b.example",
            domain("b.example", "", {"x": first}),
            domain("c.example", "", {"x": " ".join(others) or first}),
        )
        return Internet(a_example=here, b_example=there, c_example=there), here

    def test_the_loop_ends_with_one_bounce(self) -> None:
        internet, here = self.make("x@a.example")
        internet.send("x@a.example")
        self.assertEqual(5, internet.copies)
        self.assertEqual(["x@a.example"], internet.bounced)
        (dropped,) = [line for line in here.events.lines if "dropped" in line]
        self.assertIn("failed <x@a.example>: 554 5.4.6 Mail loop", dropped)

    def test_however_the_alias_was_written(self) -> None:
        internet, _ = self.make("X@A.example")
        internet.send("x@a.example")
        self.assertEqual((5, 1), (internet.copies, len(internet.bounced)))

    def test_through_another_alias_on_the_way(self) -> None:
        internet, _ = self.make("x@a.example")
        internet.send("y@a.example")
        self.assertEqual((5, 1), (internet.copies, len(internet.bounced)))

    def test_another_message_is_bounced_too(self) -> None:
        internet, _ = self.make("x@a.example")
        internet.send("x@a.example")
        internet.send("x@a.example")
        self.assertEqual(["x@a.example"] * 2, internet.bounced)

    def test_the_others_on_the_list_have_it_once(self) -> None:
        internet, here = self.make("x@a.example ann@a.example", "x@a.example")
        internet.send("x@a.example")
        self.assertEqual(Counter({"ann@a.example": 1}), Counter(here.mailboxes.delivered))
        self.assertEqual(1, len(internet.bounced))

    def test_a_mailbox_that_is_forwarded_too_has_it_once(self) -> None:
        here = Host("mx.a.example", domain("a.example", "ann", {"ann": "ann ann@b.example"}))
        there = Host("mx.b.example", domain("b.example", "", {"ann": "ann@a.example"}))
        internet = Internet(a_example=here, b_example=there)
        internet.send("ann@a.example")
        self.assertEqual(["ann@a.example"], here.mailboxes.delivered)
        self.assertEqual((3, 1), (internet.copies, len(internet.bounced)))


class Brought(SynchronousTestCase):
    """A copy that came back is brought to the host once more."""

    def setUp(self) -> None:
        self.host = Host("mx.a.example", domain("a.example", "", {"x": "x@b.example"}))
        self.number = 0

    def bring(self, received: str, first: bool = True, sender: str = "sue@far.example") -> int:
        """The code that a copy gets which another host took so, and this one before it."""
        self.number += 1
        ours = "Received: from q\r\n\tby mx.a.example (mailhost) with ESMTP id {}; now\r\n"
        top = (
            ours.format(f"new{self.number}")
            + f"Received: {received}\r\nDelivered-To: x@a.example\r\n"
        )
        content = Content((top.encode() + ours.format("old").encode() * first + TEXT,))
        to = envelope("x@a.example", sender=sender)
        return now(self.host.handover.take_or_queue(to, content, "m1")).code

    def test_the_same_copy_again_is_refused_again(self) -> None:
        self.assertEqual([554, 554], [self.bring("by b id 1"), self.bring("by b id 1")])

    def test_another_copy_is_dropped(self) -> None:
        self.assertEqual([554, 250], [self.bring("by b id 1"), self.bring("by b id 2")])

    def test_a_copy_with_another_reverse_path_is_refused(self) -> None:
        codes = [self.bring("by b id 1"), self.bring("by b id 2", sender="list@b.example")]
        self.assertEqual([554, 554], codes)

    def test_a_message_without_our_received_field_is_refused(self) -> None:
        codes = [self.bring(f"by b id {number}", first=False) for number in range(3)]
        self.assertEqual([554] * 3, codes)


class Legitimate(SynchronousTestCase):
    """Mail that passes a host twice without a loop."""

    def setUp(self) -> None:
        self.here = Host(
            "mx.a.example",
            domain(
                "a.example",
                "ann",
                {
                    "team": "list@lists.example",
                    "bob": "bob@far.example",
                    "eve": "list@lists.example",
                },
            ),
        )
        members = "ann@a.example bob@a.example sue@far.example"
        lists = Host("mx.lists.example", domain("lists.example", "", {"list": members}))
        self.internet = Internet(a_example=self.here, lists_example=lists)

    def test_a_list_elsewhere_that_has_members_here(self) -> None:
        self.internet.send("team@a.example")
        self.assertEqual([], self.internet.bounced)
        self.assertEqual(["ann@a.example"], self.here.mailboxes.delivered)
        (to_bob,) = self.internet.contents["bob@far.example"]
        marks = {"team@a.example", "list@lists.example", "bob@a.example"}
        self.assertEqual(marks, set(delivered_before(to_bob)))

    def test_blind_copies_stay_hidden(self) -> None:
        self.internet.send("bob@a.example", "team@a.example")
        for content in self.internet.contents["list@lists.example"]:
            self.assertEqual({"team@a.example"}, set(delivered_before(content)))
        direct = self.internet.contents["bob@far.example"]
        self.assertIn({"bob@a.example"}, [set(delivered_before(content)) for content in direct])

    def test_a_recipient_reached_by_two_aliases_gets_one_copy_with_the_first(self) -> None:
        self.internet.send("team@a.example", "eve@a.example")
        (content,) = self.internet.contents["list@lists.example"]
        self.assertEqual({"team@a.example"}, set(delivered_before(content)))

    def test_mail_without_an_alias_has_no_mark(self) -> None:
        self.here.handover._router = Router("mx.a.example")
        self.internet.send("ann@a.example", "sue@far.example")
        (content,) = self.internet.contents["sue@far.example"]
        self.assertEqual(frozenset(), delivered_before(content))


class Marks(SynchronousTestCase):
    def test_the_first_alias_is_lowest(self) -> None:
        through = (address("x@a.example"), address("y@a.example"))
        fields = b"Delivered-To: y@a.example\r\nDelivered-To: x@a.example\r\n"
        self.assertEqual(fields, alias_fields(through, utf8=False))

    def test_utf8_where_the_header_may_hold_it(self) -> None:
        through = (address("b\u00f8@a.example"),)
        self.assertEqual(b"", alias_fields(through, utf8=False))
        self.assertEqual(
            "Delivered-To: b\u00f8@a.example\r\n".encode(), alias_fields(through, True)
        )

    def test_somebody_who_got_a_message_resends_it_to_the_alias(self) -> None:
        got = b"Received: from a\r\nDelivered-To: x@a.example\r\nFrom: sue@far.example\r\n"
        resent = b"Received: from b\r\nResent-From: bob@far.example\r\nRESENT-To : x@a.example\r\n"
        self.assertEqual(frozenset(), delivered_before(resent + got))
        again = delivered_before(b"Delivered-To: Y@a.example\r\n" + resent + got)
        self.assertEqual({"y@a.example"}, again)

    def test_a_message_that_was_elsewhere_only_may_go_on(self) -> None:
        found = Router("mx.a.example").route(
            view_of(domain("a.example", "", {"x": "y@b.example"})),
            address("x@a.example"),
            delivered_before(b"Delivered-To: z@a.example\r\nDelivered-To: y@b.example\r\n"),
        )
        self.assertNotIsInstance(found, Status)

    def test_an_address_of_a_catch_all_is_marked(self) -> None:
        view = view_of(domain("a.example", "", catch_all="sue@far.example"))
        found = Router("mx.a.example").route(view, address("Any+1@a.example"))
        assert isinstance(found, Destinations)
        through = {address("sue@far.example"): (address("any+1@a.example"),)}
        self.assertEqual(through, found.elsewhere)
        back = Router("mx.a.example").route(view, address("any+1@a.example"), {"any+1@a.example"})
        self.assertEqual(CAME_BACK, back)

    def test_a_role_that_comes_back(self) -> None:
        here = domain("a.example", "", {"postmaster": "admin@b.example"})
        marks: Sequence[str] = ["postmaster@a.example"]
        found = Router("mx.a.example").route(view_of(here), address("postmaster@a.example"), marks)
        self.assertEqual(CAME_BACK, found)
