"""Who may be written to, and by whom."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import ip_network

from mailhost.message.status import Status
from mailhost.reception.rules import Rules
from mailhost.reception.transaction import TOO_MANY_MEMBERS
from mailhost.routing import NO_DIRECTORY, Router
from tests.fakes import domain, list_of, look_ups, now, path, view_of
from tests.reception.context import ANN, MESSAGE, STRANGER, VIEW, WITHOUT_ANN, ReceptionCase


class RecipientTests(ReceptionCase):
    def check(self, status: Status, code: int, enhanced: str) -> None:
        self.assertEqual((status.code, status.enhanced), (code, enhanced), status)

    def test_ours(self) -> None:
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
        self.check(self.rcpt("postmaster@b.example"), 250, "2.1.5")  # its catch-all reads it

    def test_an_unknown_user_is_refused_at_once(self) -> None:
        for client in (STRANGER, ANN):
            sender = "ann@a.example" if client is ANN else "sue@far.example"
            self.check(self.rcpt("nobody@a.example", client, sender), 550, "5.1.1")
            self.check(self.rcpt("nobody+ann@also.example", client, sender), 550, "5.1.1")

    def test_foreign_recipients_are_refused(self) -> None:
        for ip in ("192.0.2.7", "127.0.0.1", "10.0.0.1", "192.168.1.1", "::1", "fd00::1", ""):
            client = replace(STRANGER, ip=ip)
            for to in ("x@far.example", "x@[127.0.0.1]", "x@sub.a.example"):
                self.check(self.rcpt(to, client), 550, "5.7.1")

    def test_not_even_from_one_of_us_who_did_not_log_in(self) -> None:
        self.check(self.rcpt("x@far.example", STRANGER, "ann@a.example"), 550, "5.7.1")

    def test_foreign_recipients_of_who_logged_in(self) -> None:
        self.check(self.rcpt("x@far.example", ANN, "ann@a.example"), 250, "2.1.5")

    def test_listed_networks_may_relay(self) -> None:
        networks = tuple(map(ip_network, ("192.0.2.0/28", "2001:db8::/64", "fe80::/10")))
        self.reception = self.reception_with(Rules("mx.a.example", networks=networks))
        for ip, code in {
            "192.0.2.15": 250,
            "192.0.2.16": 550,
            "2001:db8::9": 250,
            "2001:db8:1::9": 550,
            "fe80::1%eth0": 250,
            "127.0.0.1": 550,
            "": 550,
        }.items():
            self.assertEqual(self.rcpt("x@far.example", replace(STRANGER, ip=ip)).code, code, ip)

    def test_a_refused_recipient_is_not_among_those_who_get_it(self) -> None:
        transaction = self.begin()
        for to in ("nobody@a.example", "ann@a.example", "x@far.example", "team@a.example"):
            now(transaction.recipient(path(to)))
        self.write(transaction, MESSAGE)
        (envelope, _, _) = self.handover.taken[0]
        addresses = [str(each.address) for each in envelope.recipients]
        self.assertEqual(addresses, ["ann@a.example", "team@a.example"])


class ListTests(ReceptionCase):
    """The cost of lists is bounded for a message, not for each recipient."""

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


class FreshDirectoryTests(ReceptionCase):
    def test_an_account_made_a_moment_ago_is_found(self) -> None:
        self.directory.view, self.directory.newer = WITHOUT_ANN, VIEW
        self.assertEqual(self.rcpt("ann@a.example").code, 250)
        self.assertEqual(self.directory.refreshed, 1)

    def test_a_domain_made_a_moment_ago_is_found(self) -> None:
        self.directory.view, self.directory.newer = WITHOUT_ANN, VIEW
        self.assertEqual(self.rcpt("kit@b.example").code, 250)

    def test_who_is_known_is_not_looked_up_again(self) -> None:
        self.rcpt("ann@a.example")
        self.assertEqual(self.directory.refreshed, 0)

    def test_a_directory_that_cannot_be_read_refuses_nobody_for_good(self) -> None:
        self.directory.outage = "locked"
        for to in ("nobody@a.example", "x@far.example"):
            status = self.rcpt(to)
            self.assertEqual((status, status.cause), (NO_DIRECTORY.because("locked"), "locked"))
        self.assertEqual(self.rcpt("ann@a.example").code, 250)

    def test_a_sender_is_looked_up_again_too(self) -> None:
        self.directory.view, self.directory.newer = WITHOUT_ANN, VIEW
        self.begin(ANN, "team@a.example")
        self.assertEqual(self.directory.refreshed, 1)

    def test_so_is_an_author(self) -> None:
        message = b"From: team@a.example\r\n\r\n"
        transaction = self.begin(ANN, "ann@a.example")
        now(transaction.recipient(path("bob@a.example")))
        self.directory.view, self.directory.newer = WITHOUT_ANN, VIEW
        statuses = self.write(transaction, message)
        self.assertTrue(statuses[0].ok)

    def test_senders_and_authors_wait_for_a_directory_that_can_be_read(self) -> None:
        self.directory.outage = "locked"
        found = self.mail(ANN, "x@far.example")
        self.assertEqual(found, NO_DIRECTORY.because("locked"))
        (status,) = self.send(b"From: x@far.example\r\n\r\n", client=ANN, sender="ann@a.example")
        self.assertEqual(status, NO_DIRECTORY.because("locked"))
