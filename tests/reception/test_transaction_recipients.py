"""The recipients of a message, and aliases with many members."""

from __future__ import annotations

from mailhost.message.status import Status
from mailhost.reception.transaction import TOO_MANY_MEMBERS
from mailhost.routing import Router
from tests.fakes import domain, list_of, look_ups, now, path, view_of
from tests.reception.context import ANN, MESSAGE, UNKNOWN_CLIENT, ReceptionCase


class RecipientTests(ReceptionCase):
    def check(self, status: Status, code: int, enhanced: str) -> None:
        self.assertEqual((status.code, status.enhanced), (code, enhanced), status)

    def test_addresses_of_this_host(self) -> None:
        for to in (
            "ann@a.example",
            "ANN+tag@also.example",
            "team@a.example",
            "anybody@b.example",
            "postmaster@a.example",
            "abuse@also.example",
            "postmaster",
            "Postmaster",
        ):
            self.check(self.rcpt(to), 250, "2.1.5")

    def test_without_admin_mail_for_postmaster_is_refused_for_now(self) -> None:
        self.reception = self.reception_with(self.rules, Router("mx.host.example"))
        for to in ("postmaster@a.example", "Abuse@also.example", "postmaster"):
            self.check(self.rcpt(to), 451, "4.3.0")
        self.check(self.rcpt("postmaster@b.example"), 250, "2.1.5")  # it has a catch-all

    def test_an_unknown_user_is_refused_at_once(self) -> None:
        for client in (UNKNOWN_CLIENT, ANN):
            sender = "ann@a.example" if client is ANN else "sue@far.example"
            self.check(self.rcpt("nobody@a.example", client, sender), 550, "5.1.1")
            self.check(self.rcpt("nobody+ann@also.example", client, sender), 550, "5.1.1")

    def test_a_refused_recipient_does_not_get_the_message(self) -> None:
        transaction = self.begin()
        for to in ("nobody@a.example", "ann@a.example", "x@far.example", "team@a.example"):
            now(transaction.recipient(path(to)))
        self.write(transaction, MESSAGE)
        (envelope, _, _) = self.handover.taken[0]
        addresses = [str(each.address) for each in envelope.recipients]
        self.assertEqual(addresses, ["ann@a.example", "team@a.example"])


class ListTests(ReceptionCase):
    """The members of aliases are counted for the whole message."""

    def test_a_list_is_followed_once_for_a_message(self) -> None:
        members = list_of(1000)
        self.directory.view = view_of(members)
        transaction = self.begin()
        for number in range(1000):
            self.assertEqual(now(transaction.recipient(path(f"list+{number}@a.example"))).code, 250)
        self.assertLess(look_ups(members), 10_000)

    def test_lists_with_too_many_members_together_go_in_another_message(self) -> None:
        names = [f"list{number}" for number in range(20)]
        members = list_of(1000, *names)
        self.directory.view = view_of(members)
        transaction = self.begin()
        found = [now(transaction.recipient(path(f"{name}@a.example"))) for name in names]
        self.assertEqual([status.code for status in found], [250] * 11 + [452] * 9)
        self.assertEqual(found[-1], TOO_MANY_MEMBERS)
        self.assertLess(look_ups(members), 40_000)
        self.assertEqual(self.directory.refreshed, 0)
        for known in ("list1+x@a.example", "u7@a.example"):
            self.assertEqual(now(transaction.recipient(path(known))).code, 250)
        self.assertEqual(self.rcpt("list19@a.example").code, 250)

    def test_a_directory_that_changes_meanwhile(self) -> None:
        self.directory.view = view_of(list_of(3))
        transaction = self.begin()
        self.assertEqual(now(transaction.recipient(path("list@a.example"))).code, 250)
        self.directory.view = view_of(domain("a.example", "ann"))
        self.assertEqual(now(transaction.recipient(path("list@a.example"))).code, 550)
