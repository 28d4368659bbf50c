"""The small values: statuses, outcomes, envelopes, clients, views, dates, names."""

from __future__ import annotations

import re
from email.utils import parsedate_to_datetime

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailhost.message.client import Client
from mailhost.message.date import format_date
from mailhost.message.envelope import Envelope, Notify
from mailhost.message.ids import maildir_name, new_id
from mailhost.message.outcome import Fate, outcome_of
from mailhost.message.status import OK, Status
from tests.fakes import address, domain, path, view_of


class StatusTests(SynchronousTestCase):
    def test_printed(self) -> None:
        self.assertEqual(str(Status(550, "5.1.1", "No  such user")), "550 5.1.1 No  such user")
        self.assertEqual(str(Status(220, "", "hello")), "220 hello")
        self.assertEqual(str(Status(250, "2.0.0", "")), "250 2.0.0")

    def test_classes(self) -> None:
        for code, ok, temporary, permanent in (
            (250, True, False, False),
            (354, False, False, False),
            (421, False, True, False),
            (499, False, True, False),
            (550, False, False, True),
        ):
            status = Status(code, "", "")
            self.assertEqual(
                (status.ok, status.temporary, status.permanent), (ok, temporary, permanent)
            )

    def test_the_cause_is_apart(self) -> None:
        status = OK.because("the disk")
        self.assertEqual((str(status), status.cause), (str(OK), "the disk"))

    def test_outcomes(self) -> None:
        for code, fate, settled in (
            (250, Fate.DELIVERED, True),
            (452, Fate.DEFERRED, False),
            (550, Fate.FAILED, True),
        ):
            outcome = outcome_of(path("a@b"), Status(code, "", ""), Fate.DELIVERED)
            self.assertEqual((outcome.fate, outcome.settled), (fate, settled))


class EnvelopeTests(SynchronousTestCase):
    def test_who_wants_to_hear_of_what(self) -> None:
        for notify, success, failure, delay in (
            (None, False, True, True),
            (Notify.NEVER, False, False, False),
            (Notify.SUCCESS, True, False, False),
            (Notify.SUCCESS | Notify.DELAY, True, False, True),
        ):
            one = path("a@b", notify)
            wishes = [one.wants(each) for each in (Notify.SUCCESS, Notify.FAILURE, Notify.DELAY)]
            self.assertEqual(wishes, [success, failure, delay], notify)

    def test_for_others(self) -> None:
        changed = Envelope(None, envelope_id="x").to([path("a@b")])
        self.assertEqual(changed, Envelope(None, (path("a@b"),), envelope_id="x"))


class ClientTests(SynchronousTestCase):
    def test_the_local_machine(self) -> None:
        for ip, wanted in {
            "": True,
            "127.0.0.2": True,
            "::1": True,
            "192.0.2.1": False,
            "10.0.0.1": False,
            "fe80::1%eth0": False,
        }.items():
            self.assertEqual(Client(ip).local_machine, wanted, ip)

    def test_printed(self) -> None:
        self.assertEqual(str(Client("192.0.2.1", 25)), "[192.0.2.1]:25")
        self.assertEqual(str(Client("")), "a local socket")


class ViewTests(SynchronousTestCase):
    def test_accounts_through_alias_domains(self) -> None:
        view = view_of(domain("a.example", "Ann bob"), domain("b.example", "eve"), c_d="a.example")
        found = view.account(address("aNN@c.d"))
        self.assertEqual(str(found and found.address), "Ann@a.example")
        self.assertIsNone(view.account(address("eve@a.example")))
        self.assertIsNone(view.account(address("eve@far.example")))
        names = [str(account.address) for account in view.accounts()]
        self.assertEqual(names, ["Ann@a.example", "bob@a.example", "eve@b.example"])


class DateTests(SynchronousTestCase):
    def test_known(self) -> None:
        self.assertEqual(format_date(0), "Thu, 01 Jan 1970 00:00:00 +0000")
        self.assertEqual(format_date(1_709_210_096), "Thu, 29 Feb 2024 12:34:56 +0000")

    @settings(deadline=None)
    @given(st.integers(0, 4_000_000_000))
    def test_others_read_the_same(self, seconds: int) -> None:
        read = parsedate_to_datetime(format_date(seconds))
        self.assertEqual(int(read.timestamp()), seconds)
        self.assertEqual(f"{read:%a}", format_date(seconds)[:3])


class NameTests(SynchronousTestCase):
    def test_ids_are_never_given_twice_and_sort_by_time(self) -> None:
        names = [new_id() for _ in range(50_000)]
        self.assertEqual(len(set(names)), len(names))
        for name in names[:100]:
            self.assertRegex(name, re.compile(r"[0-9a-z]{16}"))
        self.assertLess(names[0], names[-1])
        self.assertEqual([name[:9] for name in names], sorted(name[:9] for name in names))

    def test_maildir_names(self) -> None:
        names = {maildir_name("mx.a.example", 1_700_000_000.25) for _ in range(1000)}
        self.assertEqual(len(names), 1000)
        for name in names:
            self.assertRegex(name, re.compile(r"1700000000\.M250000P\d+Q\d+\.mx\.a\.example"))
        odd = maildir_name("a/b:c,d", 0.0)
        self.assertTrue(odd.endswith(".a\\057b\\072c\\054d"))
