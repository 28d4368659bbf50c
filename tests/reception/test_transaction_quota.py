"""Recipients with a full mailbox are deferred at RCPT TO."""

from __future__ import annotations

from dataclasses import replace

from mailhost.interfaces.reception import ITransaction
from mailhost.interfaces.store import OVER_QUOTA
from mailhost.message.status import Status
from mailhost.reception.transaction import ADDED_FIELDS_SIZE
from tests.fakes import domain, now, path, view_of
from tests.reception.context import ANN, MESSAGE, UNKNOWN_CLIENT, ReceptionCase

VIEW = view_of(
    domain("a.example", "ann bob", {"both": "ann bob", "away": "ann x@far.example", "me": "ann"}),
    domain("b.example", "kit lea", {"list": "kit ann@a.example", "two": "kit lea"}, quota=10_000),
)


class FullCase(ReceptionCase):
    def setUp(self) -> None:
        super().setUp()
        self.directory.view = VIEW
        self.store.quotas["kit@b.example"] = 2000

    def answers(self, transaction: ITransaction, *to: str) -> list[int]:
        """Return the reply codes of RCPT for these recipients."""
        found: list[Status] = [now(transaction.recipient(path(each))) for each in to]
        return [status.code for status in found]


class RecipientTests(FullCase):
    def code(self, to: str, size: int = 0) -> int:
        (code,) = self.answers(self.begin(size=size), to)
        return code

    def test_a_message_whose_announced_size_does_not_fit(self) -> None:
        for size, code in (
            (0, 250),
            (2000 - ADDED_FIELDS_SIZE, 250),
            (2001 - ADDED_FIELDS_SIZE, 452),
            (9999, 452),
        ):
            self.assertEqual(self.code("kit@b.example", size), code, size)
        self.store.quotas["kit@b.example"] = 0
        self.assertEqual(self.code("kit+x@b.example"), 452)
        status = now(self.begin().recipient(path("kit@b.example")))
        self.assertEqual(replace(status, cause=""), OVER_QUOTA)
        self.assertIn("kit@b.example has a quota of 10000 octets", status.cause)

    def test_mailboxes_without_a_quota_are_not_counted(self) -> None:
        for to in ("ann@a.example", "me@a.example", "both@a.example", "postmaster@b.example"):
            self.assertEqual(self.code(to, 10**9), 250, to)
        self.assertEqual(self.store.asked, [])

    def test_an_alias_is_full_where_its_only_mailbox_is(self) -> None:
        self.directory.view = view_of(
            domain("b.example", "kit lea", {"me": "kit", "two": "kit lea"}, quota=10_000)
        )
        self.store.quotas |= {"kit@b.example": 0, "lea@b.example": 0}
        self.assertEqual(self.code("me@b.example"), 452)
        self.assertEqual(
            self.code("two@b.example"), 250
        )  # the handover decides for several mailboxes

    def test_one_of_several_is_refused_alone(self) -> None:
        self.store.quotas["kit@b.example"] = 0
        transaction = self.begin()
        codes = self.answers(transaction, "ann@a.example", "kit@b.example", "lea@b.example")
        self.assertEqual(codes, [250, 452, 250])
        self.assertTrue(self.write(transaction, MESSAGE)[0].ok)
        to = [str(each.address) for each in self.handover.taken[0][0].recipients]
        self.assertEqual(to, ["ann@a.example", "lea@b.example"])

    def test_clients_with_a_login_are_answered_the_same(self) -> None:
        self.store.quotas["kit@b.example"] = 0
        status = self.rcpt("kit@b.example", ANN, "ann@a.example")
        self.assertEqual(status.code, 452)


class FilledUpTests(FullCase):
    """A mailbox fills up between RCPT TO and the end of the message."""

    def answer(self, *to: str, protocol: str = "smtp") -> list[int]:
        transaction = self.begin(replace(UNKNOWN_CLIENT, protocol=protocol))
        self.assertEqual(self.answers(transaction, *to), [250] * len(to))
        self.store.quotas["kit@b.example"] = 0
        return [status.code for status in self.write(transaction, MESSAGE)]

    def test_a_message_that_would_be_bounced_is_deferred(self) -> None:
        self.assertEqual(self.answer("ann@a.example", "kit@b.example"), [452])
        self.assertEqual(self.handover.taken, [])

    def test_the_only_recipient_is_deferred_by_the_handover(self) -> None:
        self.assertEqual(self.answer("kit@b.example"), [250])
        self.assertEqual(len(self.handover.taken), 1)

    def test_lmtp_has_a_reply_for_each_recipient(self) -> None:
        self.assertEqual(self.answer("ann@a.example", "kit@b.example", protocol="lmtp"), [250] * 2)
        self.assertEqual(len(self.handover.taken), 1)
