"""Work that a worker leaves to the head."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.error import ConnectionLost
from twisted.internet.task import Clock
from twisted.logger import Logger
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from mailhost.concurrency.answers import result_of
from mailhost.config.model import Queue
from mailhost.interfaces.events import Faulted, Notice, Queued
from mailhost.interfaces.filters import IRates
from mailhost.interfaces.logins import IAuthenticator, ILoginGuard
from mailhost.interfaces.queue import IQueue
from mailhost.interfaces.signing import IKeyMaker
from mailhost.message.client import Client
from mailhost.message.content import Content
from mailhost.message.status import NO_STORAGE, OK
from mailhost.observe.counts import Counts
from mailhost.queue.entry import decode_entry
from mailhost.queue.intake import Intake
from mailhost.queue.schedule import Backoff
from mailhost.store.quota import RECENT
from mailhost.workers import calls
from mailhost.workers.channel import LARGEST_MESSAGE, Channel
from mailhost.workers.remote import (
    LONGEST_LOG_LINE,
    QUOTA_ANSWER_VALIDITY,
    CountsForHead,
    RemoteAuthenticator,
    RemoteGuard,
    RemoteKeyMaker,
    RemoteLog,
    RemoteQueue,
    RemoteRates,
    RemoteUsages,
)
from tests.fakes import RecordingEvents, address, envelope, now

ANN = address("ann@example.com")
CLIENT = Client("192.0.2.1", 1)


class FakeChannel:
    """Keeps the calls; each is answered with `answer`."""

    def __init__(self) -> None:
        self.notified: list[tuple[Any, ...]] = []
        self.asked: list[tuple[Any, ...]] = []
        self.answer: Deferred[Any] = succeed(None)

    def notify(self, call: calls.Notification[...], *args: object) -> None:
        self.notified.append((call, *args))

    def ask(self, call: calls.Call[..., Any], *args: object) -> Deferred[Any]:
        self.asked.append((call, *args))
        return self.answer


class RemoteCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.fake = FakeChannel()
        self.channel = cast(Channel, self.fake)


class GuardTests(RemoteCase):
    def test_the_head_counts_failed_logins(self) -> None:
        guard = RemoteGuard(self.channel)
        verifyObject(ILoginGuard, guard)
        self.fake.answer = succeed(NO_STORAGE)
        refusal = Deferred.fromCoroutine(guard.begin(CLIENT, "ann", "PLAIN"))
        self.assertEqual(self.successResultOf(refusal), NO_STORAGE)
        failed = Deferred.fromCoroutine(guard.failed(CLIENT, "ann", NO_STORAGE, True, "PLAIN"))
        self.successResultOf(failed)
        guard.succeeded(CLIENT, "ann")
        guard.undecided(CLIENT, "ann")
        self.assertEqual(
            self.fake.asked,
            [
                (calls.LOGIN_BEGINS, CLIENT, "ann", "PLAIN"),
                (calls.LOGIN_FAILED, CLIENT, "ann", NO_STORAGE, True, "PLAIN"),
            ],
        )
        told = [(calls.LOGIN_SUCCEEDED, CLIENT, "ann"), (calls.LOGIN_UNDECIDED, CLIENT, "ann")]
        self.assertEqual(self.fake.notified, told)


class Rates(RemoteCase):
    def test_the_head_counts(self) -> None:
        rates = RemoteRates(self.channel)
        verifyObject(IRates, rates)
        for granted in (True, False):
            self.fake.answer = succeed(granted)
            self.assertIs(now(rates.take("client 192.0.2.1", 5, 60.0)), granted)
        self.assertEqual(self.fake.asked, [(calls.RATE, "client 192.0.2.1", 5, 60.0)] * 2)


class Keys(RemoteCase):
    def test_the_head_makes_them_and_the_worker_reads_them(self) -> None:
        read: list[str] = []

        async def read_again(domain: str) -> None:
            read.append(domain)

        maker = RemoteKeyMaker(self.channel, read_again)
        verifyObject(IKeyMaker, maker)
        self.fake.answer = Deferred()
        ensuring = Deferred.fromCoroutine(maker.ensure("a.example"))
        self.assertEqual(self.fake.asked, [(calls.MAKE_KEYS, "a.example")])
        self.assertEqual([], read)
        self.fake.answer.callback(None)
        self.successResultOf(ensuring)
        self.assertEqual(["a.example"], read)

    def test_without_the_head_mail_leaves_unsigned(self) -> None:
        self.fake.answer = fail(ConnectionLost())
        maker = RemoteKeyMaker(self.channel, lambda domain: succeed(None))
        now(maker.ensure("a.example"))


class CountsTests(RemoteCase):
    def test_counts_are_sent_once_a_second_while_there_are_any(self) -> None:
        clock = Clock()
        counts = CountsForHead(self.channel, clock).counts
        for _ in range(3):
            counts.add("dnslist", "asked")
            counts.emit(Notice("hello"))
        self.assertEqual(self.fake.notified, [])
        clock.advance(1.0)
        self.assertEqual(
            self.fake.notified,
            [(calls.COUNTED, {("notice", "", "", ""): 3}, {("dnslist", "asked"): 3})],
        )
        clock.advance(10.0)
        self.assertEqual([], clock.getDelayedCalls())
        counts.emit(Notice("hello"))
        clock.advance(1.0)
        self.assertEqual(self.fake.notified[1:], [(calls.COUNTED, {("notice", "", "", ""): 1}, {})])

    def test_a_process_that_ends_sends_the_rest(self) -> None:
        counting = CountsForHead(self.channel, Clock())
        counting.flush()
        self.assertEqual([], self.fake.notified)
        counting.counts.emit(Notice("hello"))
        counting.flush()
        self.assertEqual([(calls.COUNTED, {("notice", "", "", ""): 1}, {})], self.fake.notified)

    def test_counts_of_several_processes_are_added(self) -> None:
        head = Counts()
        head.emit(Notice("of the head"))
        for _ in range(2):
            worker = CountsForHead(self.channel, Clock())
            worker.counts.emit(Notice("of a worker"))
            worker.counts.add("dnslist", "asked")
            worker.flush()
        for _, events, filters in self.fake.notified:
            head.add_all(events, filters)
        self.assertEqual({("notice", "", "", ""): 3}, head.events)
        self.assertEqual({("dnslist", "asked"): 2}, head.filters)


class Passwords(RemoteCase):
    def test_the_head_judges(self) -> None:
        judge = RemoteAuthenticator(self.channel, lambda client: ("PLAIN",))
        verifyObject(IAuthenticator, judge)
        self.fake.answer = succeed(ANN)
        self.assertEqual(("PLAIN",), judge.mechanisms(CLIENT))
        self.assertEqual(ANN, now(judge.password(CLIENT, "ann", "secret", "PLAIN")))
        self.assertEqual(ANN, now(judge.scram_keys(CLIENT, "ann")))
        self.assertEqual(ANN, now(judge.scram_result(CLIENT, "ann", True)))
        self.assertEqual(
            [calls.PASSWORD, calls.SCRAM_KEYS, calls.SCRAM_RESULT],
            [asked[0] for asked in self.fake.asked],
        )


class Quotas(RemoteCase):
    def test_the_head_counts(self) -> None:
        usages = RemoteUsages(self.channel, Clock().seconds)
        self.fake.answer = succeed(True)
        self.assertTrue(now(usages.reserve("/mail/ann", 10, 100)))
        usages.release("/mail/ann", 10)
        self.assertEqual([(calls.RELEASE, "/mail/ann", 10)], self.fake.notified)

    def test_a_head_that_is_gone_is_a_fault_of_ours(self) -> None:
        self.fake.answer = fail(ConnectionLost())
        usages = RemoteUsages(self.channel, Clock().seconds)
        reserving = Deferred.fromCoroutine(usages.reserve("/mail/ann", 1, 2))
        self.failureResultOf(reserving, OSError)
        self.fake.answer = fail(ConnectionLost())
        asking = Deferred.fromCoroutine(result_of(usages.left("/mail/ann", 1, 2)))
        self.failureResultOf(asking, OSError)

    def test_an_answer_about_room_is_used_again_for_some_time(self) -> None:
        clock = Clock()
        usages = RemoteUsages(self.channel, clock.seconds)
        for answer, seconds in ((80, QUOTA_ANSWER_VALIDITY), (20, RECENT)):
            for _ in range(3):
                self.fake.answer = succeed(answer)
                self.assertEqual(now(usages.left("/mail/ann", 50, 100)), answer)
            clock.advance(seconds)
        self.assertEqual(self.fake.asked, [(calls.LEFT, "/mail/ann", 50, 100)] * 2)
        self.fake.answer = succeed(90)
        self.assertEqual(now(usages.left("/mail/ann", 50, 110)), 90)  # another quota

    def test_octets_that_this_process_added_are_subtracted(self) -> None:
        usages = RemoteUsages(self.channel, Clock().seconds)
        self.fake.answer = succeed(80)
        now(usages.left("/mail/ann", 1, 100))
        self.fake.answer = succeed(True)
        now(usages.reserve("/mail/ann", 30, 100))
        self.assertEqual(now(usages.left("/mail/ann", 1, 100)), 50)
        self.fake.answer = succeed(False)  # others were faster
        now(usages.reserve("/mail/ann", 20, 100))
        self.assertEqual(now(usages.left("/mail/ann", 20, 100)), 19)

    def test_octets_that_this_process_removed_are_added(self) -> None:
        usages = RemoteUsages(self.channel, Clock().seconds)
        usages.removed("/mail/bob", 5)
        self.fake.answer = succeed(40)
        now(usages.left("/mail/ann", 1, 100))
        usages.removed("/mail/ann", 30)
        self.assertEqual(now(usages.left("/mail/ann", 1, 100)), 70)
        usages.removed("/mail/ann", 31)  # some of it was never counted
        self.assertEqual(now(usages.left("/mail/ann", 1, 100)), 100)
        sent = [("/mail/bob", 5), ("/mail/ann", 30), ("/mail/ann", 31)]
        self.assertEqual(self.fake.notified, [(calls.REMOVED, *each) for each in sent])


class FakeSpool:
    """Writes nothing."""

    status = NO_STORAGE

    def name(self, identity: str, taken: object) -> str:
        return identity

    async def header_of(self, content: Content) -> bytes:
        return content.header()

    async def write(self, *what: object) -> object:
        return self.status

    async def worked(self, recipients: object, work: Callable[[], object]) -> object:
        return work()


class Entries(RemoteCase):
    def setUp(self) -> None:
        super().setUp()
        self.events = RecordingEvents()
        self.spool = FakeSpool()
        intake = Intake(cast(Any, self.spool), Backoff(Queue()), lambda: 1000.0, self.events)
        self.queue = RemoteQueue(self.channel, intake)
        verifyObject(IQueue, self.queue)

    def accept(self, *recipients: str) -> object:
        return now(self.queue.accept(envelope(*recipients), Content((b"x",)), "one"))

    def test_the_head_is_notified_of_a_durable_entry(self) -> None:
        self.spool.status = OK
        self.accept("bob@far.example")
        ((what, id, line, content),) = self.fake.notified
        self.assertEqual((calls.QUEUED, "one", b"x"), (what, id, content))
        entry = decode_entry(line, id, len(line) + 1)
        self.assertEqual(envelope("bob@far.example"), entry.envelope)
        self.assertEqual(1, len(self.events.of(Queued)))

    def test_an_entry_with_very_many_recipients_is_read_by_the_head(self) -> None:
        self.spool.status = OK
        self.accept(*(f"somebody-{number}@far.example" for number in range(10_000)))
        self.assertEqual([(calls.QUEUED_LARGE, "one")], self.fake.notified)

    def test_the_head_is_not_notified_of_an_entry_that_is_not_durable(self) -> None:
        self.assertEqual(NO_STORAGE, self.accept("bob@far.example"))
        self.assertEqual([], self.fake.notified)


class Lines(RemoteCase):
    def setUp(self) -> None:
        super().setUp()
        self.clock = Clock()
        self.log = RemoteLog(self.clock, self.channel)

    def lines(self) -> list[tuple[bool, str]]:
        self.clock.advance(0)
        return [line for _, lines in self.fake.notified for line in lines]

    def test_all_of_a_turn_go_together(self) -> None:
        self.log.emit(Notice("one"))
        self.log.emit(Faulted("queue", "two"))
        self.assertEqual([(False, "one"), (True, "queue: two")], self.lines())
        self.assertEqual(1, len(self.fake.notified))
        self.log.emit(Notice("three"))
        self.lines()
        self.assertEqual(2, len(self.fake.notified))

    def test_many_and_long_ones_go_in_pieces_that_fit(self) -> None:
        for number in range(1000):
            self.log.emit(Notice(f"{number} " + "\N{GRINNING FACE}" * number))
        self.log.emit(Notice("x" * 1_000_000))
        self.assertEqual(1001, len(self.lines()))
        for _, lines in self.fake.notified:
            self.assertLess(sum(len(line.encode()) for _, line in lines), LARGEST_MESSAGE)
        self.assertEqual(LONGEST_LOG_LINE, len(self.lines()[-1][1]))

    def test_bugs_have_their_traceback_and_information_of_libraries_is_left_out(self) -> None:
        logger = Logger("somebody", observer=self.log)
        logger.info("hello")
        try:
            raise ZeroDivisionError("what a bug")
        except ZeroDivisionError:
            logger.failure("A session failed")
        ((serious, text),) = self.lines()
        self.assertTrue(serious)
        self.assertIn("A session failed: Traceback", text)
        self.assertIn("ZeroDivisionError: what a bug", text)
