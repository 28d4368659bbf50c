"""The folders of one account in which our store and a real Dovecot work by turns, and both at
once."""

from __future__ import annotations

import os
import re
import time
from pathlib import Path
from threading import Thread

from twisted.trial.unittest import SynchronousTestCase

from mailhost.durable.blocking import BlockingCommitter
from mailhost.durable.system import OperatingSystem
from mailhost.interfaces.folders import FlagChange, FolderView, NewMessage
from mailhost.message.content import Content
from mailhost.message.flags import FlagAction, flag_names
from mailhost.message.imap.object_ids import object_id
from mailhost.store.folders.account_work import AccountWork
from mailhost.store.folders.adding import add
from mailhost.store.folders.disk import Disk
from mailhost.store.folders.flag_changes import set_flags
from mailhost.store.folders.reading import contents, details
from mailhost.store.folders.refresh import refreshed
from mailhost.store.folders.removal import expunge
from mailhost.store.folders.transfer import copy, move
from mailhost.store.folders.tree import list_folders
from mailhost.store.maildir.dotlock import Dotlocks
from mailhost.store.maildir.scan import list_messages
from tests.end_to_end.dovecot import Dovecot, needed
from tests.end_to_end.test_dovecot_files import number, uids_and_flags

MAIL = b"From: a@a.example\r\nSubject: %d\r\n\r\nhello\r\n"
SUBJECT = re.compile(rb"Subject: (\d+)")


def shown(view: FolderView) -> dict[int, set[str]]:
    """The flags of messages by UID."""
    pairs = zip(view.uids, view.flags, strict=True)
    return {uid: set(flag_names(flags, view.keywords)) for uid, flags in pairs}


class FoldersCase(SynchronousTestCase):
    def setUp(self) -> None:
        needed()
        folder = Path(self.mktemp()).absolute()
        self.maildir = str(folder / "Maildir")
        self.dovecot = Dovecot(folder, self.maildir)
        self.ahead = 0.0

    def opened(self) -> AccountWork:
        """The account in a process of ours."""
        system = OperatingSystem()
        commit = BlockingCommitter(system).commit
        disk = Disk(system, Dotlocks(system), commit, "mx", lambda: time.time() + self.ahead)
        work = AccountWork(self.maildir, disk)
        self.addCleanup(work.close)
        return work

    def subjects(self, work: AccountWork, folder: str = "") -> dict[int, int]:
        """The number in the subject of each message by UID."""
        uids = list(refreshed(work, folder).view.uids)
        found = {}
        for uid, content in contents(work, folder, uids).items():
            match = SUBJECT.search(content.read())
            assert match
            found[uid] = int(match[1])
        return found

    def no_complaints(self) -> None:
        complaints = [line for line in self.dovecot.log().split("\n") if "Info:" not in line]
        self.assertEqual("".join(complaints), "")


class TurnsTests(FoldersCase):
    def test_adopted_and_given_back(self) -> None:
        with self.dovecot.session() as session:
            begin = session.say("SELECT INBOX")
            for count, flags in enumerate(("\\Seen Work", "\\Flagged $Forwarded", "", "\\Draft")):
                session.say(f"APPEND INBOX ({flags})", MAIL % count)
            session.say("CREATE Sent/2024")
            session.say("SUBSCRIBE Sent/2024")
            session.say("NOOP")
            session.say("UID COPY 1:2 Sent/2024")
            session.say("UID STORE 2 +FLAGS (\\Deleted)")
            session.say("UID EXPUNGE 2")
            flags_before = uids_and_flags(session)
        guids = re.findall("guid: (.*)", self.dovecot.doveadm("fetch", "guid", "mailbox", "INBOX"))
        self.addCleanup(self.no_complaints)

        work = self.opened()
        folders = {info.name: info for info in list_folders(work)}
        self.assertTrue(folders["Sent/2024"].subscribed)
        view = refreshed(work, "").view
        self.assertEqual(view.uid_validity, number(begin, "UIDVALIDITY"))
        self.assertEqual((list(view.uids), view.uid_next), ([1, 3, 4], 5))
        self.assertEqual(shown(view), flags_before)
        self.assertEqual(self.subjects(work), {1: 0, 3: 2, 4: 3})
        ids = [each.email_id for each in details(work, "", [1, 3, 4]).values()]
        self.assertEqual(ids, [object_id("M", guid) for guid in guids])
        self.assertEqual(
            [each.unique for each in list_messages(self.maildir, {})],
            [f"{uid:08x}{view.uid_validity:08x}" for uid in (1, 3, 4)],
        )

        add(work, "", [NewMessage(Content((MAIL % 9,)), ("Work", "Third"), 1_600_000_000)])
        set_flags(work, "", [3], FlagChange(FlagAction.ADD, ("$Forwarded", "Fourth")), None)
        set_flags(work, "", [1], FlagChange(FlagAction.REMOVE, ("work",)), None)
        copied = copy(work, "", [1, 3], ".Sent.2024")
        moved = move(work, "", [4], ".Sent.2024")
        expunge(work, "", [1], keep=True)
        ours = {folder: shown(refreshed(work, folder).view) for folder in ("", ".Sent.2024")}
        self.assertEqual(set(ours[""]), {3, 5})
        self.assertEqual((list(copied.copies), list(moved.copies)), ([3, 4], [5]))
        with self.dovecot.session() as session:
            again = session.say("SELECT INBOX")
            self.assertEqual(number(again, "UIDVALIDITY"), view.uid_validity)
            self.assertEqual(number(again, "UIDNEXT"), 6)
            self.assertEqual(uids_and_flags(session), ours[""])
            fetched = "".join(session.say("UID FETCH 5 (INTERNALDATE BODY.PEEK[])"))
            self.assertIn("Subject: 9", fetched)
            self.assertIn("13-Sep-2020", fetched)
            session.say("SELECT Sent/2024")
            self.assertEqual(uids_and_flags(session), ours[".Sent.2024"])

    def test_a_list_that_was_deleted(self) -> None:
        """Ours comes back from the cache; Dovecot, whose index has it too, goes on with it."""
        with self.dovecot.session() as session:
            session.say("SELECT INBOX")
            for count in range(3):
                session.say("APPEND INBOX", MAIL % count)
            session.say("NOOP")
            work = self.opened()
            before = refreshed(work, "").view
            os.unlink(os.path.join(self.maildir, "dovecot-uidlist"))
            self.assertEqual(list(refreshed(work, "").view.uids), [1, 2, 3])
            self.assertEqual(refreshed(work, "").view.uid_validity, before.uid_validity)
            add(work, "", [NewMessage(Content((MAIL % 3,)))])
            session.say("NOOP")
            self.assertEqual(set(uids_and_flags(session)), {1, 2, 3, 4})
            self.assertEqual(self.subjects(work), {1: 0, 2: 1, 3: 2, 4: 3})


class AtOnceTests(FoldersCase):
    MESSAGES = 20

    def test_both_at_work(self) -> None:
        """No UID changes its message, and both see the same in the end."""
        with self.dovecot.session() as session:
            session.say("CREATE Other")
            session.say("SELECT INBOX")
        told: dict[int, int] = {}
        faults: list[BaseException] = []

        def dovecots() -> None:
            with self.dovecot.session() as session:
                session.say("SELECT INBOX")
                for turn in range(self.MESSAGES):
                    line = session.say("APPEND INBOX (\\Seen)", MAIL % (turn + 1000))[-1]
                    match = re.search(r"APPENDUID \d+ (\d+)", line)
                    assert match
                    told[int(match[1])] = turn + 1000
                    session.say("NOOP")
                    session.say(f"UID STORE {match[1]} +FLAGS (Dove \\Flagged)")
                    if turn % 5 == 0:
                        session.say(f"UID MOVE {match[1]} Other")

        def our_own(work: AccountWork, first: int) -> None:
            for turn in range(self.MESSAGES):
                text = first + turn
                (uid,) = add(work, "", [NewMessage(Content((MAIL % text,)))]).uids
                told[uid] = text
                set_flags(work, "", [uid], FlagChange(FlagAction.ADD, ("Ours",)), None)
                if turn % 5 == 0:
                    move(work, "", [uid], ".Other")

        def guarded(run: object, *arguments: object) -> None:
            try:
                run(*arguments)  # type: ignore[operator]
            except BaseException as fault:  # noqa: BLE001 - shown by the test
                faults.append(fault)

        threads = [
            Thread(target=guarded, args=(dovecots,)),
            Thread(target=guarded, args=(our_own, self.opened(), 2000)),
            Thread(target=guarded, args=(our_own, self.opened(), 3000)),
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(faults, [])
        self.assertEqual(len(told), 3 * self.MESSAGES)
        self.ahead = 10.0
        work = self.opened()
        subjects = self.subjects(work)
        self.assertEqual({uid: told[uid] for uid in subjects}, subjects)
        self.assertEqual(len(subjects), 3 * self.MESSAGES * 4 // 5)
        self.assertEqual(len(self.subjects(work, ".Other")), 3 * self.MESSAGES // 5)
        with self.dovecot.session() as session:
            for name, path in (("INBOX", ""), ("Other", ".Other")):
                session.say(f"SELECT {name}")
                self.assertEqual(uids_and_flags(session), shown(refreshed(work, path).view))
        self.no_complaints()
