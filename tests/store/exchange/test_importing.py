"""Imports: UIDs stay where there was no mail, messages are added elsewhere, none comes twice."""

from __future__ import annotations

import gzip
import os
from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from typing import Any

from mailhost.durable.system import OperatingSystem
from mailhost.interfaces.changes import Change
from mailhost.store.exchange import adopting, importing
from mailhost.store.exchange.importing import Import
from mailhost.store.exchange.maildir_source import source_folders, source_subscriptions
from mailhost.store.exchange.mbox import Quoting, written
from mailhost.store.exchange.progress import Result
from mailhost.store.folders import tree
from mailhost.store.folders.account_work import AccountWork
from mailhost.store.folders.refresh import refreshed
from mailhost.store.folders.removal import expunge
from mailhost.store.maildir.uid_list_file import UidListFile
from tests.store.exchange.fakes import NoProgress, same_rights
from tests.store.exchange.source import VALIDITY, dovecot_maildir, write
from tests.store.folder_disk import disk_at
from tests.store.folders.mail_case import MailCase

FIRST, SECOND, THIRD = b"A: 3\r\n\r\nfrom\r\n", b"A: 7\r\n\r\nx\r\n", b"A: 8\r\n\r\n"


STRIDE = 1 if os.environ.get("MAILHOST_TEST_EXAMPLES") == "long" else 7  # steps


class Killed(BaseException):
    """The process ends here."""


class ImportCase(MailCase):
    """`source` is a Maildir of Dovecot."""

    def setUp(self) -> None:
        super().setUp()
        self.source = os.path.abspath(self.mktemp())
        dovecot_maildir(self.source)

    def run_import(self, work: AccountWork | None = None) -> dict[str, Result]:
        """Import all folders."""
        running = Import(work or self.work, same_rights, NoProgress())
        folders = source_folders(self.source)
        results = {}
        for folder in folders:
            result = running.maildir_folder(folder, folder.name)
            assert isinstance(result, Result), result
            results[folder.name] = result
        running.subscriptions(source_subscriptions(self.source))
        running.special_uses([folder.name for folder in folders])
        self.seconds += 10
        return results

    def counts(self, results: dict[str, Result]) -> dict[str, tuple[int, int]]:
        return {name: (each.moved, each.known) for name, each in results.items()}


class AdoptTests(ImportCase):
    def test_uids_flags_keywords_dates_and_records_stay(self) -> None:
        results = self.run_import()
        counts = {"INBOX": (3, 0), "Empty": (0, 0), "Sent Messages": (1, 0)}
        self.assertEqual(self.counts(results), counts)
        self.assertTrue(results["INBOX"].kept_uids)
        self.assertEqual(self.texts(), {3: FIRST, 7: SECOND, 8: THIRD})
        flags = {3: ["Work", "\\Seen"], 7: ["\\Answered", "\\Flagged"], 8: []}
        self.assertEqual(self.flags(), flags)
        view = refreshed(self.work, "").view
        self.assertEqual(view.uid_validity, VALIDITY)
        self.assertEqual(list(view.dates[:2]), [1_400_000_003, 1_400_000_007])
        part = UidListFile(self.root, self.work.disk.system, self.work.disk.dotlocks).read()
        assert part is not None
        self.assertEqual(part.uid_list.extensions, {3: "Pold-uidl"})
        self.assertEqual(part.uid_list.header.guid, view.mailbox_id)
        self.assertFalse(os.path.exists(os.path.join(self.root, "mailhost-import")))
        with open(os.path.join(self.root, "cur", "1.M1.x,S=11,W=14:2,Sa"), "rb") as file:
            self.assertEqual(file.read(), b"A: 3\n\nfrom\n")

    def test_no_removal_in_the_log_has_the_name_of_a_file_that_comes(self) -> None:
        present: list[int] = []

        def settle(names: Collection[str]) -> None:
            self.assertEqual((), names)
            present.append(len(os.listdir(os.path.join(self.root, "cur"))))

        disk = replace(self.work.disk, settle=settle)
        self.run_import(AccountWork(self.root, disk))
        self.assertEqual(0, present[0])

    def test_subscriptions_and_special_uses(self) -> None:
        self.run_import()
        infos = {info.name: info for info in tree.list_folders(self.work)}
        self.assertTrue(infos["Sent Messages"].subscribed)
        self.assertTrue(infos["Missing"].subscribed)
        self.assertEqual(infos["Sent Messages"].special_use, "\\Sent")
        self.assertEqual(infos["Sent"].special_use, "")

    def test_new_folders_have_higher_uidvalidities(self) -> None:
        self.run_import()
        tree.create(self.work, "new", "")
        self.assertGreater(refreshed(self.work, ".new").view.uid_validity, VALIDITY)

    def test_a_folder_that_happens_to_have_the_uidvalidity_of_the_source(self) -> None:
        self.seconds = VALIDITY + 1  # the source was made in the same second
        tree.directories(self.work)
        tree.create(self.work, "Sent Messages", "")
        self.assertEqual(VALIDITY + 1, refreshed(self.work, ".Sent Messages").view.uid_validity)
        self.assertTrue(self.run_import()["Sent Messages"].kept_uids)

    def test_a_second_import_adds_what_is_new(self) -> None:
        self.run_import()
        before = self.texts()
        expunge(self.work, "", [7], keep=False)
        write(f"{self.source}/new/9.M1.x", b"A: 9\n\n")
        self.assertEqual(self.counts(self.run_import())["INBOX"], (1, 3))
        del before[7]
        self.assertEqual(self.texts(), before | {9: b"A: 9\r\n\r\n"})
        self.assertEqual(self.counts(self.run_import())["INBOX"], (0, 4))

    def test_mail_that_came_before_and_was_not_seen_is_behind_it(self) -> None:
        write(f"{self.root}/new/1.M1.early,S=6,W=6", b"B: c\r\n")
        self.assertTrue(self.run_import()["INBOX"].kept_uids)
        self.assertEqual(self.texts(), {3: FIRST, 7: SECOND, 8: b"B: c\r\n", 9: THIRD})

    def test_packed_messages(self) -> None:
        whole = b"A: z\n\n" + b"text\n" * 1000
        write(f"{self.source}/cur/5.M1.x,S=5006:2,S", gzip.compress(whole))
        write(f"{self.source}/cur/6.M1.x:2,S", b"\x28\xb5\x2f\xfd rubbish")
        result = self.run_import()["INBOX"]
        self.assertEqual(result.unreadable, ("6.M1.x:2,S: it is packed by zstd",))
        self.assertIn(whole.replace(b"\n", b"\r\n"), self.texts().values())
        write(f"{self.source}/cur/6.M1.x:2,S", b"A: 6\n\n")
        self.assertEqual(self.counts(self.run_import())["INBOX"], (1, 4))

    def test_links_are_not_followed(self) -> None:
        secret = os.path.abspath(self.mktemp())
        write(secret, b"A: secret\n\n")
        os.symlink(secret, f"{self.source}/cur/7.M1.x:2,S")
        self.assertEqual(len(self.run_import()["INBOX"].unreadable), 1)
        self.assertNotIn(b"A: secret\r\n\r\n", self.texts().values())


class AddTests(ImportCase):
    def test_to_a_folder_with_mail(self) -> None:
        self.add(b"first\r\n\r\n")
        results = self.run_import()
        self.assertFalse(results["INBOX"].kept_uids)
        self.assertTrue(results["Sent Messages"].kept_uids)
        texts = list(self.texts().values())
        self.assertEqual(texts, [b"first\r\n\r\n", FIRST, SECOND, THIRD])
        self.assertEqual(self.flags()[2], ["Work", "\\Seen"])
        self.assertEqual(
            list(refreshed(self.work, "").view.dates[1:3]), [1_400_000_003, 1_400_000_007]
        )
        self.assertEqual(self.counts(self.run_import())["INBOX"], (0, 3))

    def test_messages_that_were_moved_or_removed_do_not_come_again(self) -> None:
        self.add(b"first\r\n\r\n")
        self.run_import()
        expunge(self.work, "", list(self.texts()), keep=False)
        self.run_import()
        self.assertEqual(self.texts(), {})


class KilledTests(ImportCase):
    """The process is killed at each of the steps that reach the disk; the next import completes."""

    def killed_work(self, root: str, step: int) -> tuple[AccountWork, Callable[[], None]]:
        """Return a work whose process is killed at that step, once armed."""
        disk = disk_at(lambda: self.seconds)
        left = [10**9]

        def count() -> None:
            left[0] -= 1
            if left[0] == 0:
                raise Killed

        class Dying(OperatingSystem):
            """Counts the calls that change names or make them durable."""

            def rename(self, old: str, new: str) -> None:
                count()
                super().rename(old, new)

            def sync(self, fd: int) -> None:
                count()

            def sync_folder(self, path: str) -> None:
                count()

        commit = disk.commit

        def dying_commit(changes: Sequence[Change]) -> Any:
            count()
            done = commit(changes[: len(changes) // 2]) if left[0] == 1 else commit(changes)
            count()
            return done

        system = Dying()
        disk = type(disk)(system, disk.dotlocks, dying_commit, disk.hostname, disk.now)
        work = AccountWork(root, disk)
        self.addCleanup(work.close)
        tree.directories(work)
        return work, lambda: left.__setitem__(0, step)

    def check_each_step(self, first_message: bool) -> None:
        self.patch(adopting, "AT_ONCE", 2)
        self.patch(importing, "AT_ONCE", 2)
        for step in range(1, 200, STRIDE):
            self.root = os.path.abspath(self.mktemp())
            work, arm = self.killed_work(self.root, step)
            self.work = work
            if first_message:
                self.add(b"first\r\n\r\n")
            arm()
            try:
                self.run_import(work)
            except Killed:
                work.close()
                self.work = self.open_work(self.root)
                self.run_import()
                self.check(first_message)
                continue
            self.check(first_message)
            self.assertGreater(step, 10)
            return
        raise self.failureException("it does not end")

    def check(self, first_message: bool) -> None:
        texts = self.texts()
        wanted = [FIRST, SECOND, THIRD]
        if first_message:
            self.assertEqual(sorted(texts.values()), sorted([b"first\r\n\r\n", *wanted]))
        else:
            self.assertEqual(texts, dict(zip((3, 7, 8), wanted, strict=True)))
            self.assertEqual(refreshed(self.work, "").view.uid_validity, VALIDITY)

    def test_adopting(self) -> None:
        self.check_each_step(first_message=False)

    def test_adding(self) -> None:
        self.check_each_step(first_message=True)


class MboxTests(MailCase):
    def run_import(self, octets: bytes) -> tuple[int, int]:
        path = self.mktemp()
        write(path, octets)
        running = Import(self.work, same_rights, NoProgress())
        fd = os.open(path, os.O_RDONLY)
        try:
            result = running.mbox_file(fd, "Old", Quoting.MBOXRD)
        finally:
            os.close(fd)
        assert isinstance(result, Result), result
        self.seconds += 10
        return result.moved, result.known

    def test_messages_with_flags_and_dates(self) -> None:
        one = written(b"A: 1\r\n\r\nFrom x\r\n", ["\\Seen", "Work"], 1, 1_400_000_000)
        two = written(b"A: 2\r\n\r\n", [], 2, 1_400_000_001)
        self.assertEqual(self.run_import(one + two), (2, 0))
        self.assertEqual(
            list(self.texts("Old").values()), [b"A: 1\r\n\r\nFrom x\r\n", b"A: 2\r\n\r\n"]
        )
        self.assertEqual(self.flags("Old")[1], ["Work", "\\Seen"])
        self.assertEqual(
            list(refreshed(self.work, ".Old").view.dates), [1_400_000_000, 1_400_000_001]
        )

    def test_a_file_that_has_grown(self) -> None:
        one = written(b"A: 1\r\n\r\n", [], 1, 1_400_000_000)
        two = written(b"A: 2\r\n\r\n", [], 2, 1_400_000_001)
        self.run_import(one)
        self.assertEqual(self.run_import(one + two), (1, 1))
        self.assertEqual(self.run_import(one + two + two), (1, 2))
        self.assertEqual(self.run_import(one + two + two), (0, 3))

    def test_an_empty_file(self) -> None:
        self.assertEqual(self.run_import(b""), (0, 0))
