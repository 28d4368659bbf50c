"""Unique-ids of POP3 in adopted Maildirs and in our own."""

from __future__ import annotations

from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from mailhost.durable.system import OperatingSystem
from mailhost.store.maildir.filename import parse_name
from mailhost.store.maildir.files import located
from mailhost.store.maildir.folder import make_maildir
from mailhost.store.maildir.pop3_uidls import (
    BY_NAME,
    LOCK_FILE,
    NAME,
    read_uidls,
    settle_adoption,
)
from mailhost.store.maildir.scan import list_messages

HEAD = "3 V1700000000 N1 G0123456789abcdef0123456789abcdef\n"


class UidlTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.path = self.mktemp()
        make_maildir(self.path)
        for number, name in enumerate(("c", "b", "a")):
            Path(self.path, "cur", f"{number + 10}.{name},W=1:2,").write_bytes(b"x")

    def listed(self, *lines: str) -> None:
        """Write a UID list."""
        Path(self.path, "dovecot-uidlist").write_text(HEAD + "".join(lines))

    def settled(self, makes_list: bool = False) -> None:
        settle_adoption(OperatingSystem(), self.path, makes_list)

    def uidls(self) -> list[str]:
        return [each.unique for each in list_messages(self.path, {})]

    def test_without_a_list_names_count_and_nothing_is_written(self) -> None:
        self.settled()
        self.assertFalse(Path(self.path, NAME).exists())
        self.assertEqual(self.uidls(), ["10.c", "11.b", "12.a"])

    def test_an_adopted_maildir_keeps_dovecots(self) -> None:
        self.listed("1 :12.a,W=1\n", "3 Pkept :10.c,W=1\n")
        self.settled()
        self.assertEqual(self.uidls(), ["000000016553f100", "kept", "11.b"])
        (file,) = located(self.path, {"kept"})
        self.assertTrue(file.path.endswith("cur/10.c,W=1:2,"))

    def test_those_that_come_later_have_names(self) -> None:
        self.listed("1 :12.a,W=1\n")
        self.settled(makes_list=True)
        self.listed("1 :12.a,W=1\n", "2 :10.c,W=1\n", "3 Pgiven :11.b,W=1\n")
        self.assertEqual(self.uidls(), ["000000016553f100", "10.c", "given"])

    def test_the_order(self) -> None:
        self.listed("1 :12.a,W=1\n", "2 O7 :10.c,W=1\n", "3 O6 Px :11.b,W=1\n")
        self.settled()
        self.assertEqual(self.uidls(), ["x", "000000026553f100", "000000016553f100"])

    def test_no_two_are_the_same(self) -> None:
        self.listed("1 Psame :12.a,W=1\n", "2 Psame :10.c,W=1\n", "3 P\x7f :11.b,W=1\n")
        self.settled()
        self.assertEqual(self.uidls(), ["same", "000000026553f100", "000000036553f100"])

    def test_an_account_of_ours_keeps_its_own(self) -> None:
        """Its clients know names, also after another program has made a list."""
        Path(self.path, LOCK_FILE).touch()
        self.listed("1 Px :12.a,W=1\n")
        self.settled()
        self.assertEqual(self.uidls(), ["10.c", "11.b", "12.a"])

    def test_a_list_of_ours_adopts_nothing(self) -> None:
        self.settled(makes_list=True)
        self.listed("1 :12.a,W=1\n")
        self.settled(makes_list=True)
        self.assertIs(read_uidls(self.path), BY_NAME)

    def test_a_list_of_another_uidvalidity(self) -> None:
        self.listed("1 :12.a,W=1\n")
        self.settled()
        text = HEAD.replace("V17", "V18") + "1 :12.a,W=1\n"
        Path(self.path, "dovecot-uidlist").write_text(text)
        self.assertIs(read_uidls(self.path), BY_NAME)

    def test_no_mark_that_can_be_read(self) -> None:
        self.listed("1 :12.a,W=1\n")
        Path(self.path, NAME).write_text("what\n")
        self.assertIs(read_uidls(self.path), BY_NAME)

    def test_by_name(self) -> None:
        name = parse_name("1.a,S=1:2,S")
        assert name is not None
        self.assertEqual(BY_NAME.of("1.a,S=1:2,S", name), "1.a")
