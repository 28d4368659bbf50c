"""Messages that a filter has marked go to the folder for junk, all others to INBOX."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any, cast

from twisted.internet.defer import Deferred, succeed
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from mailhost.delivery.dispatch import Dispatch
from mailhost.delivery.junk import JunkFolders
from mailhost.delivery.local import LocalDelivery
from mailhost.interfaces.folders import FolderInfo, Reason, StoreRefusal
from mailhost.message.authentication_results import (
    APPLIED,
    EVALUATED,
    MethodResult,
    results_field,
)
from mailhost.message.content import Content
from mailhost.store.accounts import AccountParts, AccountStore
from mailhost.store.folders.account_thread import AccountThreads
from mailhost.store.folders.file_watches import FileWatches
from mailhost.store.folders.watchers import Watchers
from mailhost.store.maildir.folder_names import find_folders
from mailhost.store.maildir.subscriptions import SubscriptionsFile
from mailhost.store.quota import no_quota
from tests.delivery.test_dispatch import FakeRelay
from tests.delivery.test_local import MESSAGE, ROUTER, LocalCase
from tests.fakes import DELIVERED, FakeDirectory, envelope, now
from tests.queue.fakes import START, RunningQueue
from tests.store.boxes import ANN, StoreCase, here
from tests.store.folder_disk import disk_at

HOST = "mx.a.example"
MARKED = b"X-Spam: Yes\r\n" + MESSAGE


class FakeAccounts:
    """Each account has these folders."""

    def __init__(self, found: Sequence[FolderInfo] | StoreRefusal) -> None:
        self.found = found

    def account(self, address: object) -> Any:
        return self

    def folders(self) -> Any:
        return succeed(self.found)


class TakesTests(SynchronousTestCase):
    def test_by_the_value_of_the_field(self) -> None:
        junk = JunkFolders(cast(Any, None), "X-Spam-Status", HOST)
        for value in (b"Yes, score=7.1 required=5.0", b"yes", b" YES"):
            self.assertTrue(junk.takes(b"A: b\r\nx-spam-status: " + value + b"\r\n"))
        for value in (b"No, score=-1", b"", b"maybe yes"):
            self.assertFalse(junk.takes(b"X-Spam-Status: " + value + b"\r\n"))
        self.assertFalse(junk.takes(b"X-Spam: Yes\r\n"))

    def test_one_of_several_fields_is_enough(self) -> None:
        junk = JunkFolders(cast(Any, None), "X-Spam", HOST)
        self.assertTrue(junk.takes(b"X-Spam: No\r\nX-Spam: Yes\r\n"))

    def test_without_a_field_none_is(self) -> None:
        self.assertFalse(JunkFolders(cast(Any, None), "", HOST).takes(b"X-Spam: Yes\r\n"))


class ResultsTests(SynchronousTestCase):
    """The field with the results of this host."""

    def takes(self, *results: MethodResult, host: str = HOST) -> bool:
        folders = JunkFolders(cast(Any, None), "", HOST)
        return folders.takes(b"A: b\r\n" + results_field(host, results) + b"C: d\r\n")

    def test_a_message_that_this_host_judged_as_junk(self) -> None:
        junk = MethodResult("dmarc", "fail", [(APPLIED, "quarantine")])
        self.assertTrue(self.takes(junk))
        self.assertTrue(self.takes(MethodResult("spf", "pass"), junk))
        self.assertFalse(self.takes(junk, host="other.example"))
        ours = results_field(HOST, [junk])
        of_a_milter = results_field(HOST, [MethodResult("dkim", "none")])
        for header in (ours + of_a_milter, of_a_milter + ours):
            self.assertTrue(JunkFolders(cast(Any, None), "", HOST).takes(header))

    def test_other_results(self) -> None:
        self.assertFalse(self.takes(MethodResult("dmarc", "fail", [(APPLIED, "none")])))
        self.assertFalse(self.takes(MethodResult("dmarc", "fail", [(EVALUATED, "quarantine")])))
        self.assertFalse(self.takes(MethodResult("dmarc", "fail", reason=f"{APPLIED}=quarantine")))


class JunkTests(LocalCase):
    """Delivery with folders in memory."""

    def deliver_with(self, found: Sequence[FolderInfo] | StoreRefusal, message: bytes) -> list[str]:
        accounts = cast(Any, FakeAccounts(found))
        junk = JunkFolders(accounts, "X-Spam", HOST)
        self.delivery = LocalDelivery(self.store, self.events, junk=junk)
        self.assertEqual(self.deliver("ann@a.example", message=message), [DELIVERED])
        return list(self.store.boxes)

    def test_to_the_folder_with_the_special_use(self) -> None:
        folders = [FolderInfo("INBOX"), FolderInfo("Old/Spam", special_use="\\Junk")]
        self.assertEqual(self.deliver_with(folders, MARKED), ["ann@a.example/Old/Spam"])

    def test_others_go_to_inbox(self) -> None:
        self.assertEqual(self.deliver_with([], MESSAGE), ["ann@a.example"])

    def test_the_usual_name_where_the_folders_cannot_be_listed(self) -> None:
        refusal = StoreRefusal(Reason.UNAVAILABLE, "later")
        self.assertEqual(self.deliver_with(refusal, MARKED), ["ann@a.example/Junk"])

    def test_the_usual_name_where_no_delivery_can_use_the_other(self) -> None:
        folders = [FolderInfo("a//b", special_use="\\Junk")]
        self.assertEqual(self.deliver_with(folders, MARKED), ["ann@a.example/Junk"])


class QueuedTests(LocalCase):
    """The result of the filter "authenticity" stays with a message that waits in the queue."""

    def queue(self, folder: str, wall: float) -> RunningQueue:
        """A process with the queue in this folder."""
        queue = RunningQueue(folder, wall=wall)
        junk = JunkFolders(cast(Any, FakeAccounts([])), "", HOST)
        delivery = LocalDelivery(self.store, self.events, junk=junk)
        directory = FakeDirectory(self.view)
        transport = Dispatch(directory, ROUTER, delivery, FakeRelay(), self.events)
        queue.transport = cast(Any, transport)
        queue.start()
        return queue

    def test_a_mailbox_that_takes_no_mail_for_now(self) -> None:
        folder = self.mktemp()
        self.store.answers["ann@a.example/Junk"] = OSError(28, "No space left on device")
        field = results_field(HOST, [MethodResult("dmarc", "fail", [(APPLIED, "quarantine")])])
        queue = self.queue(folder, START)
        queue.accept(envelope("ann@a.example"), content=Content((field + MESSAGE,)))
        self.assertEqual(self.store.boxes, {})
        self.successResultOf(Deferred.fromCoroutine(queue.runner.stop(1.0)))
        self.store.answers.clear()
        again = self.queue(folder, queue.wall())
        again.pass_time(600.0)
        self.assertEqual(["ann@a.example/Junk"], list(self.store.boxes))
        self.assertEqual([], again.files())


class MaildirTests(StoreCase):
    """The folder is made in the account's Maildir."""

    def setUp(self) -> None:
        super().setUp()
        clock: Any = Clock()
        parts = AccountParts(AccountThreads(clock, here), Watchers(), FileWatches(clock, here))
        disk = disk_at(lambda: self.seconds)
        self.accounts = AccountStore(
            self.mail, disk, parts, no_quota, self.store.usages, keep_expunged=True
        )

    def junk_of_ann(self) -> str:
        return now(JunkFolders(self.accounts, "X-Spam", HOST).name(ANN))

    def test_it_is_made_and_subscribed_to(self) -> None:
        self.assertEqual(self.junk_of_ann(), "Junk")
        self.assertEqual(self.deliver(MARKED, box=self.store.mailbox(ANN, "Junk")), DELIVERED)
        self.assertEqual(find_folders(self.path).directories["Junk"], ".Junk")
        disk = disk_at(lambda: self.seconds)
        subscriptions = SubscriptionsFile(self.path, disk.system, disk.dotlocks)
        self.assertIn("Junk", subscriptions.read().names())

    def test_that_of_another_host_is_used(self) -> None:
        os.makedirs(os.path.join(self.path, ".Spam", "new"))
        os.makedirs(os.path.join(self.path, "new"))
        self.assertEqual(self.junk_of_ann(), "Spam")
