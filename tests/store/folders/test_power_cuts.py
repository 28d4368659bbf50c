"""Power cuts at each call of operations on two folders, and on folders that are made or renamed."""

from __future__ import annotations

import os
import shutil
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TypeVar

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from mailhost.interfaces.store import DELIVERED
from mailhost.message.content import Content
from mailhost.store.folders import measuring, tree
from mailhost.store.folders.account_work import AccountWork
from mailhost.store.folders.adding import add
from mailhost.store.folders.reading import contents
from mailhost.store.folders.refresh import refreshed
from mailhost.store.folders.transfer import copy, move
from mailhost.store.mailboxes import MailStore
from tests.fakes import address
from tests.store.boxes import Commits, here
from tests.store.folders.accounts import AccountCase, message
from tests.store.power import PowerCut, PowerSystem

MOST = 200  # calls of one operation

T = TypeVar("T")


class PowerCase(AccountCase):
    """`told` are the octets by folder and UID that a client was told, `wanted` how many files must
    have a text after the cut: the least and the most."""

    def setUp(self) -> None:
        super().setUp()
        self.told: dict[str, dict[int, bytes]] = {}
        self.wanted: dict[bytes, tuple[int, int]] = {}

    def start_again(self) -> None:
        """An account without messages."""
        self.told.clear()
        self.wanted.clear()
        self.work.close()
        shutil.rmtree(self.root)
        self.work = self.opened()
        for path in ("", ".Other"):
            tree.make_maildir(self.work, path)

    def begin(self, text: bytes, folder: str = "") -> int:
        """A message that is there before the cut; its UID."""
        (uid,) = add(self.work, folder, [message(text)]).uids
        return uid

    def promise(self, folder: str, uid: int, text: bytes) -> None:
        """A client was told that a message has this UID."""
        self.told.setdefault(folder, {})[uid] = b"Subject: x\r\n\r\n" + text + b"\r\n"

    def each(self, prepare: Callable[[int], Callable[[AccountWork, PowerSystem], None]]) -> None:
        """Cut the power at each call of what `prepare` returns for its number."""
        for number in range(MOST):
            self.start_again()
            act = prepare(number)
            self.work.close()
            system = PowerSystem(self.root, number)
            work = self.opened(system)
            finished = True
            try:
                act(work, system)
            except PowerCut:
                finished = False
            work.close()
            system.lose()
            for lock in Path(self.root).glob("**/*.lock"):
                lock.unlink()  # its process is dead
            self.work = self.opened()
            self.check(number)
            if finished:
                return
        self.fail("more calls than that")

    def check(self, number: int) -> None:
        found = [
            path.read_bytes()
            for path in Path(self.root).glob("**/*")
            if path.is_file() and path.parent.name in ("new", "cur")
        ]
        for text, (least, most) in self.wanted.items():
            count = sum(text in octets for octets in found)
            self.assertTrue(least <= count <= most, (number, text, count))
        for folder, told in self.told.items():
            view = refreshed(self.work, folder).view
            shown = contents(self.work, folder, list(view.uids))
            for uid, octets in told.items():
                self.assertIn(uid, shown, (number, folder))
                self.assertEqual(shown[uid].read(), octets, (number, folder))


class DateTests(PowerCase):
    """`dated` is the UID of a message whose addition was answered."""

    dated = 0

    def check(self, number: int) -> None:
        super().check(number)
        view = measuring.view(self.work, "", sizes=False, dates=True)
        if self.dated:
            place = view.index_of(self.dated)
            assert place is not None
            self.assertEqual(view.dates[place], 1_000_000_000, number)

    def test_the_date_of_an_added_message(self) -> None:
        def prepare(number: int) -> Callable[[AccountWork, PowerSystem], None]:
            def act(work: AccountWork, _: PowerSystem) -> None:
                text = b"dated %d." % number
                (self.dated,) = add(work, "", [message(text, date=1_000_000_000)]).uids
                self.promise("", self.dated, text)

            return act

        self.each(prepare)
        self.assertTrue(self.dated)


class PowerCutTests(PowerCase):
    def test_moving(self) -> None:
        """The message is never lost; once MOVE was answered, it is in the target."""

        def prepare(number: int) -> Callable[[AccountWork, PowerSystem], None]:
            text = b"moved %d." % number
            uid = self.begin(text)
            self.wanted[text] = (1, 2)

            def act(work: AccountWork, _: PowerSystem) -> None:
                moved = move(work, "", [uid], ".Other")
                self.promise(".Other", moved.copies[0], text)
                self.wanted[text] = (1, 1)

            return act

        self.each(prepare)

    def test_copying(self) -> None:
        def prepare(number: int) -> Callable[[AccountWork, PowerSystem], None]:
            text = b"copied %d." % number
            uid = self.begin(text)
            self.promise("", uid, text)

            def act(work: AccountWork, _: PowerSystem) -> None:
                self.promise(".Other", copy(work, "", [uid], ".Other").copies[0], text)

            return act

        self.each(prepare)

    def test_renaming_a_folder(self) -> None:
        """Its messages are there under the old name or under the new one."""

        def prepare(number: int) -> Callable[[AccountWork, PowerSystem], None]:
            old, new, text = f"old{number}", f"new{number}", b"within %d." % number
            for name in (old, f"{old}/below"):
                self.assertIsInstance(tree.create(self.work, name, ""), str)
            tree.subscribe(self.work, old, True)
            uids = [self.begin(text, f".{old}"), self.begin(text, f".{old}.below")]
            self.wanted[text] = (2, 2)

            def act(work: AccountWork, _: PowerSystem) -> None:
                self.assertIsNone(tree.rename(work, old, new))
                self.promise(f".{new}", uids[0], text)
                self.promise(f".{new}.below", uids[1], text)

            return act

        self.each(prepare)

    def test_renaming_the_inbox(self) -> None:
        def prepare(number: int) -> Callable[[AccountWork, PowerSystem], None]:
            text = b"renamed %d." % number
            tree.directories(self.work)
            self.begin(text)
            self.wanted[text] = (1, 2)

            def act(work: AccountWork, _: PowerSystem) -> None:
                self.assertIsNone(tree.rename(work, "INBOX", f"gone{number}"))
                self.wanted[text] = (1, 1)

            return act

        self.each(prepare)

    def test_making_a_folder_and_adding_to_it(self) -> None:
        def prepare(number: int) -> Callable[[AccountWork, PowerSystem], None]:
            def act(work: AccountWork, _: PowerSystem) -> None:
                self.assertIsInstance(tree.create(work, f"made{number}", ""), str)
                text = b"added %d." % number
                (uid,) = add(work, f".made{number}", [message(text)]).uids
                self.promise(f".made{number}", uid, text)

            return act

        self.each(prepare)

    def test_delivery_into_a_folder_that_is_being_made(self) -> None:
        ann = address("ann@a.example")

        def prepare(number: int) -> Callable[[AccountWork, PowerSystem], None]:
            def act(work: AccountWork, system: PowerSystem) -> None:
                name, text = f"late{number}", b"delivered %d." % number
                store = MailStore(os.path.join(self.root, "mail"), "mx", Commits(system), here)
                delivery = store.mailbox(ann, name).deliver([Content((text,))])
                results: list[object] = []
                Deferred.fromCoroutine(_of(delivery)).addBoth(results.append)
                if isinstance(results[0], Failure):
                    results[0].raiseException()
                self.assertEqual(results, [DELIVERED])
                self.wanted[text] = (1, 1)

            return act

        self.each(prepare)


async def _of(answer: Awaitable[T]) -> T:
    return await answer
