"""The contract of every mail store: a mixin for a test case of each store."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from twisted.internet.defer import Deferred, gatherResults
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from mailhost.interfaces.store import (
    DELIVERED,
    OVER_QUOTA,
    IExclusive,
    ILock,
    IMailbox,
    IMaildirs,
    IMailStore,
    IMaintenance,
    StoredMessage,
)
from mailhost.message.content import Content
from mailhost.message.status import NO_STORAGE, Status
from tests.fakes import address, now

if TYPE_CHECKING:
    Case = SynchronousTestCase
else:
    Case = object

ANN, BOB = address("ann@a.example"), address("bob@a.example")


class StoreContract(Case):
    """`quota` is that of Ann's account, in octets. Bob has none."""

    store: Any
    quota: int | None = None

    def fill_disk(self) -> None:
        """Have each delivery to Ann's inbox find the disk full from now on."""
        raise NotImplementedError

    def deliver(self, *pieces: bytes, box: IMailbox | None = None) -> Status:
        """Deliver a message made of these pieces; its status without the cause."""
        contents = [Content((piece,)) for piece in pieces]
        status: Status = now((box or self.store.inbox(ANN)).deliver(contents))
        return Status(status.code, status.enhanced, status.text)

    def listed(self, box: IMailbox | None = None) -> Sequence[StoredMessage]:
        """The messages of a mailbox, Ann's inbox by default."""
        return now((box or self.store.inbox(ANN)).messages())

    def texts(self, box: IMailbox | None = None) -> list[bytes]:
        """The octets of all messages, in order."""
        box = box or self.store.inbox(ANN)
        return [now(box.open(message)).read() for message in self.listed(box)]

    def remove(self, *messages: StoredMessage) -> int:
        """Remove messages of Ann's inbox; how many could not be?"""
        left: int = now(self.store.inbox(ANN).remove(messages))
        return left

    def test_interfaces(self) -> None:
        for interface in (IMailStore, IMaintenance, IMaildirs):
            verifyObject(interface, self.store)
        verifyObject(IMailbox, self.store.inbox(ANN))
        verifyObject(IExclusive, self.store.exclusive(ANN))
        verifyObject(ILock, now(self.store.exclusive(ANN).lock()))

    def test_a_message_comes_out_as_it_came_in(self) -> None:
        self.assertEqual(self.deliver(b"A: b\r\n", b"\r\nbo\xff\0dy"), DELIVERED)
        (message,) = self.listed()
        self.assertEqual(message.size, 14)
        self.assertEqual(self.texts(), [b"A: b\r\n\r\nbo\xff\0dy"])

    def test_the_size_is_that_of_what_is_sent(self) -> None:
        for text in (b"", b"\r\n", b"a\r\nb\r\n", b"\n\n", b"x" * 100_000):
            self.deliver(text)
        self.assertEqual([each.size for each in self.listed()], list(map(len, self.texts())))

    def test_nothing_yet(self) -> None:
        self.assertEqual(self.listed(), [])
        self.assertEqual(self.remove(), 0)

    def test_oldest_first_and_each_with_a_name_that_stays(self) -> None:
        texts = [b"%d\r\n" % number for number in range(20)]
        for text in texts:
            self.deliver(text)
        names = [message.unique for message in self.listed()]
        self.assertEqual(self.texts(), texts)
        self.assertEqual(len(set(names)), 20)
        self.remove(self.listed()[3])
        self.deliver(b"more\r\n")
        self.assertEqual([each.unique for each in self.listed()][:19], names[:3] + names[4:])
        self.assertNotIn(self.listed()[-1].unique, names)

    def test_mailboxes_are_kept_apart(self) -> None:
        boxes = [
            self.store.inbox(ANN),
            self.store.inbox(BOB),
            self.store.mailbox(ANN, "Junk"),
            self.store.mailbox(ANN, "Junk/2026"),
            self.store.maildir(self.mktemp()),
        ]
        for number, box in enumerate(boxes):
            self.assertEqual(self.deliver(b"%d" % number, box=box), DELIVERED)
        self.assertEqual([self.texts(box) for box in boxes], [[b"%d" % n] for n in range(5)])
        self.assertEqual(self.texts(self.store.mailbox(ANN, "inbox")), [b"0"])

    def test_a_level_without_a_name(self) -> None:
        for folder in ("", "/x", "x/", "a//b"):
            self.assertRaises(ValueError, self.store.mailbox, ANN, folder)

    def test_only_those_that_are_meant_are_removed(self) -> None:
        for text in (b"1", b"2", b"3"):
            self.deliver(text)
        first, _, last = self.listed()
        self.assertEqual(self.remove(first, last), 0)
        self.assertEqual(self.texts(), [b"2"])

    def test_gone_already_is_removed_and_cannot_be_opened(self) -> None:
        self.deliver(b"1")
        messages = self.listed()
        self.assertEqual([self.remove(*messages), self.remove(*messages)], [0, 0])
        opening = self.store.inbox(ANN).open(messages[0])
        self.failureResultOf(Deferred.fromCoroutine(_await(opening)), FileNotFoundError)

    def test_what_was_opened_stays_readable(self) -> None:
        self.deliver(b"1")
        (message,) = self.listed()
        content: Content = now(self.store.inbox(ANN).open(message))
        self.remove(message)
        self.assertEqual(content.read(), b"1")

    def test_one_session_has_the_maildrop(self) -> None:
        lock = now(self.store.exclusive(ANN).lock())
        self.assertIsNone(now(self.store.exclusive(ANN).lock()))
        self.assertIsNotNone(now(self.store.exclusive(BOB).lock()))
        self.deliver(b"mail comes in meanwhile")
        self.assertEqual(len(self.listed()), 1)
        lock.release()
        lock.release()
        again = now(self.store.exclusive(ANN).lock())
        lock.release()  # it has no effect on the lock of another session
        self.assertIsNone(now(self.store.exclusive(ANN).lock()))
        again.release()

    def test_the_quota_is_for_all_folders_of_an_account(self) -> None:
        self.quota = 100
        self.assertEqual(self.deliver(b"x" * 60), DELIVERED)
        junk = self.store.mailbox(ANN, "Junk")
        self.assertEqual(self.deliver(b"x" * 41, box=junk), OVER_QUOTA)
        self.assertEqual(self.deliver(b"x" * 40, box=junk), DELIVERED)
        self.assertEqual(self.deliver(b"x"), OVER_QUOTA)
        self.assertEqual(self.deliver(b"x" * 101, box=self.store.inbox(BOB)), DELIVERED)
        maildir = self.store.maildir(self.mktemp())
        self.assertEqual(self.deliver(b"x" * 101, box=maildir), DELIVERED)

    def test_a_removal_makes_room_at_once(self) -> None:
        self.quota = 100
        self.deliver(b"x" * 40)
        self.deliver(b"x" * 60)
        self.assertFalse(now(self.store.room(ANN, 1)))
        self.remove(self.listed()[0])
        self.assertTrue(now(self.store.room(ANN, 40)))
        self.assertFalse(now(self.store.room(ANN, 41)))
        self.assertEqual(self.deliver(b"x" * 41), OVER_QUOTA)
        self.assertEqual(self.deliver(b"x" * 40), DELIVERED)

    def test_another_quota_holds_at_once(self) -> None:
        self.deliver(b"x" * 60)
        self.quota = 50
        self.assertEqual(self.deliver(b"x"), OVER_QUOTA)
        self.quota = None
        self.assertEqual(self.deliver(b"x" * 1000), DELIVERED)
        self.assertTrue(now(self.store.room(ANN, 10**9)))

    def test_deliveries_at_once_do_not_share_room(self) -> None:
        self.quota = 100
        codes = self.at_once(10, b"x" * 30)
        self.assertEqual(sorted(codes), [250] * 3 + [452] * 7)
        self.assertEqual(len(self.listed()), 3)

    def test_deliveries_at_once(self) -> None:
        self.assertEqual(self.at_once(50, b"x"), [250] * 50)
        self.assertEqual(len({each.unique for each in self.listed()}), 50)

    def at_once(self, count: int, text: bytes) -> list[int]:
        """Begin so many deliveries before any ends; their codes."""
        inbox, content = self.store.inbox(ANN), Content((text,))
        begun = [Deferred.fromCoroutine(_await(inbox.deliver([content]))) for _ in range(count)]
        return [status.code for status in self.successResultOf(gatherResults(begun))]

    def test_a_full_disk(self) -> None:
        self.quota = 100
        self.fill_disk()
        for _ in range(3):
            self.assertEqual(self.deliver(b"x" * 60), NO_STORAGE)
        self.assertEqual(self.listed(), [])
        self.assertTrue(now(self.store.room(ANN, 100)))

    def test_tidying_leaves_mail_alone(self) -> None:
        self.deliver(b"1")
        now(self.store.tidy())
        self.assertEqual(self.texts(), [b"1"])


async def _await(answer: Any) -> Any:
    return await answer
