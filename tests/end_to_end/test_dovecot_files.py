"""Files of one Maildir that mailhost and a real Dovecot write by turns, and both at once."""

from __future__ import annotations

import os
import re
import time
from collections import Counter
from pathlib import Path
from threading import Thread

from twisted.trial.unittest import SynchronousTestCase

from mailhost.durable.system import OperatingSystem
from mailhost.store.maildir.dotlock import Dotlocks
from mailhost.store.maildir.flags import base_of, letters_of
from mailhost.store.maildir.folder_names import directory_of, find_folders
from mailhost.store.maildir.keywords import KeywordsFile
from mailhost.store.maildir.modseq_mark import raise_mark, read_mark
from mailhost.store.maildir.subscriptions import SubscriptionsFile
from mailhost.store.maildir.uid_list import Header, UidList
from mailhost.store.maildir.uid_list_file import UidListFile
from mailhost.store.maildir.uid_validity import new_guid, new_uid_validity
from tests.end_to_end.dovecot import Dovecot, Session, needed

MAIL = b"From: a@a.example\r\nSubject: hi\r\n\r\nhello\r\n"
FETCHED = re.compile(r"\* \d+ FETCH \(UID (\d+) FLAGS \(([^)]*)\)")


def uids_and_flags(session: Session) -> dict[int, set[str]]:
    """The flags of each message by Dovecot, without \\Recent."""
    lines = map(FETCHED.match, session.say("FETCH 1:* (UID FLAGS)"))
    return {int(line[1]): set(line[2].split()) - {"\\Recent"} for line in lines if line}


def number(lines: list[str], code: str) -> int:
    """The number of a response code such as UIDNEXT."""
    match = re.search(rf"\[{code} (\d+)", "\n".join(lines))
    assert match, lines
    return int(match[1])


class DovecotCase(SynchronousTestCase):
    def setUp(self) -> None:
        needed()
        folder = Path(self.mktemp()).absolute()
        self.maildir = str(folder / "Maildir")
        self.dovecot = Dovecot(folder, self.maildir)
        self.system = OperatingSystem()
        self.dotlocks = Dotlocks(self.system)
        self.file = UidListFile(self.maildir, self.system, self.dotlocks)
        self.keywords = KeywordsFile(self.maildir, self.system)
        self.subscriptions = SubscriptionsFile(self.maildir, self.system, self.dotlocks)
        self.count = 0

    def made(self, account: str) -> None:
        for name in ("new", "cur", "tmp"):
            os.makedirs(os.path.join(account, name))

    def delivered(self, info: str = ":2,") -> str:
        """A message of ours in cur/; returns its base name."""
        self.count += 1
        base = f"{1_700_000_000 + self.count}.M1P1Q{self.count}.mx,S={len(MAIL)},W={len(MAIL)}"
        temporary = Path(self.maildir, "tmp", base)
        temporary.write_bytes(MAIL)
        temporary.rename(Path(self.maildir, "cur", base + info))
        return base

    def names(self) -> list[str]:
        """The names of all message files."""
        return [
            path.name for place in ("new", "cur") for path in Path(self.maildir, place).iterdir()
        ]

    def listed(self) -> UidList:
        found = self.file.read()
        assert found is not None
        return found.uid_list

    def flags_by_uid(self) -> dict[int, set[str]]:
        """Our view of each message that is there."""
        known, uids = self.keywords.read(), self.listed().uids
        return {uids[base_of(name)]: set(known.flags(letters_of(name))) for name in self.names()}

    def no_complaints(self) -> None:
        complaints = [line for line in self.dovecot.log().split("\n") if "Info:" not in line]
        self.assertEqual("".join(complaints), "")


class ReadingDovecotsTests(DovecotCase):
    def test_uids_flags_and_keywords(self) -> None:
        with self.dovecot.session() as session:
            begin = session.say("SELECT INBOX")
            session.say("APPEND INBOX (\\Seen $Forwarded)", MAIL)
            session.say("APPEND INBOX (Work \\Flagged \\Draft)", MAIL)
            session.say("APPEND INBOX", MAIL)
            session.say("NOOP")
            session.say("UID STORE 3 +FLAGS (work \\Answered \\Deleted)")
            session.say("UID STORE 1 -FLAGS (\\Seen)")
            session.say("APPEND INBOX", MAIL)
            session.say("NOOP")
            session.say("UID STORE 2 +FLAGS (\\Deleted)")
            session.say("UID EXPUNGE 2")
            flags = uids_and_flags(session)
        self.assertEqual(set(flags), {1, 3, 4})
        self.assertEqual(self.flags_by_uid(), flags)
        found = self.listed()
        self.assertEqual((found.damaged, found.next_uid), (False, 5))
        self.assertEqual(found.header.uid_validity, number(begin, "UIDVALIDITY"))
        status = self.dovecot.doveadm("mailbox", "status", "guid", "INBOX")
        self.assertIn(f"guid={found.header.guid}", status)

    def test_folders_and_subscriptions(self) -> None:
        names = {"Sent/2024": "Sent/2024", "Entw&APw-rfe": "Entw\xfcrfe", "x%y": "x%y"}
        with self.dovecot.session() as session:
            for name in names:
                session.say(f'CREATE "{name}"')
                session.say(f'SUBSCRIBE "{name}"')
            session.say("SUBSCRIBE inbox")
        self.assertEqual(set(find_folders(self.maildir).directories), {"INBOX", *names.values()})
        self.assertEqual(self.subscriptions.read().names(), [*names.values(), "INBOX"])


class DovecotReadsTests(DovecotCase):
    def setUp(self) -> None:
        super().setUp()
        self.made(self.maildir)

    def test_uids_flags_and_keywords(self) -> None:
        validity = new_uid_validity(self.system, self.maildir, time.time())
        guid = new_guid()
        with self.file.lock() as lock:
            part = self.file.create(lock, Header(validity, 1, guid, ("Xother",)))
            self.keywords.add(lock, ["$Forwarded", "Work"])
            bases = [self.delivered(info) for info in (":2,Sa", ":2,FPRb", "", ":2,DTab")]
            fields = ["Pours-1 Gours", "", "", ""]
            part = self.file.append(
                lock, list(zip(bases, fields, strict=True)), self.file.read(part.place)
            )
        with self.dovecot.session() as session:
            begin = session.say("SELECT INBOX")
            self.assertEqual(number(begin, "UIDVALIDITY"), validity)
            self.assertEqual(number(begin, "UIDNEXT"), 5)
            self.assertEqual(uids_and_flags(session), self.flags_by_uid())
            session.say("UID STORE 2 -FLAGS (\\Answered)")
        self.assertIn(f"{bases[1]}:2,FPb", self.names())
        fetched = self.dovecot.doveadm("fetch", "guid pop3.uidl", "uid", "1")
        self.assertIn("guid: ours\n", fetched)
        self.assertIn("pop3.uidl: ours-1\n", fetched)
        self.no_complaints()

    def test_a_list_that_was_rewritten(self) -> None:
        raise_mark(self.system, self.maildir, 7)
        mark = read_mark(self.maildir)
        with self.file.lock() as lock:
            part = self.file.create(lock, Header(1_700_000_000, 1, new_guid(), ("Xother",)))
            bases = [self.delivered() for _ in range(8)]
            self.file.append(lock, [(base, "") for base in bases], self.file.read(part.place))
        with self.dovecot.session() as session:
            session.say("SELECT INBOX")
            for base in bases[3:]:
                os.unlink(os.path.join(self.maildir, "cur", f"{base}:2,"))
            with self.file.lock() as lock:
                part = self.file.rewrite(lock, set(bases[:3]))
                more = self.delivered()
                part = self.file.append(lock, [(more, "")], self.file.read(part.place))
            self.assertEqual(part.uid_list.uids[more], 9)
            session.say("NOOP")
            self.assertEqual(set(uids_and_flags(session)), {1, 2, 3, 9})
            session.say("STORE 1:3 +FLAGS (\\Deleted)")
            session.say("EXPUNGE")
            appended = session.say("APPEND INBOX", MAIL)
            self.assertIn("APPENDUID 1700000000 10]", appended[-1])
        self.dovecot.doveadm("mailbox", "update", "--min-next-uid", "20", "INBOX")
        found = self.listed()
        # Dovecot has written the file anew, and kept the field that it does not know
        self.assertEqual(found.header.next_uid, 20)
        self.assertEqual((found.damaged, found.header.others), (False, ("Xother",)))
        with self.file.lock() as lock:
            part = self.file.append(lock, [(self.delivered(), "")])
        self.assertEqual(part.uid_list.last_uid, 20)
        self.assertEqual(read_mark(self.maildir), mark)
        self.no_complaints()

    def test_subscriptions_and_folders(self) -> None:
        for name in ("Sent/2024", "Entw\xfcrfe", "a & b"):
            directory = directory_of(name)
            assert isinstance(directory, str)
            self.made(os.path.join(self.maildir, directory))
        self.subscriptions.change(["Sent/2024", "Entw\xfcrfe", "a & b"])
        names = {'"/" Sent/2024', '"/" Entw&APw-rfe', '"/" "a &- b"'}
        with self.dovecot.session() as session:
            for command in ('LSUB "" "*"', 'LIST (SUBSCRIBED) "" "*"', 'LIST "" "*"'):
                answer = "\n".join(session.say(command))
                self.assertEqual({name for name in names if name in answer}, names, command)
            session.say("UNSUBSCRIBE Sent/2024")
            self.assertEqual(self.subscriptions.read().names(), ["Entw\xfcrfe", "a & b"])
            self.subscriptions.change(remove=["Entw\xfcrfe"])
            self.assertEqual(len(session.say('LSUB "" "*"')), 2)
        self.no_complaints()

    def test_uid_validities_of_folders_that_both_make(self) -> None:
        given = []
        with self.dovecot.session() as session:
            for turn in range(3):
                given.append(new_uid_validity(self.system, self.maildir, time.time()))
                session.say(f"CREATE folder{turn}")
                status = session.say(f"STATUS folder{turn} (UIDVALIDITY)")[0]
                given.append(int(status.rpartition(" ")[2].rstrip(")")))
                session.say(f"DELETE folder{turn}")
        self.assertEqual(len(set(given)), 6)
        self.assertEqual(given, sorted(given))
        self.no_complaints()


class BothAtOnceTests(DovecotCase):
    MESSAGES = 25

    def test_no_uid_is_given_twice(self) -> None:
        """Two sessions of Dovecot's and two threads of ours append to one folder."""
        self.made(self.maildir)
        with self.file.lock() as lock:
            self.file.create(lock, Header(1_700_000_000, 1, new_guid()))
        told: list[int] = []
        ours: dict[str, int] = {}

        def dovecots() -> None:
            with self.dovecot.session() as session:
                for _ in range(self.MESSAGES):
                    line = session.say("APPEND INBOX", MAIL)[-1]
                    told.append(number([line.replace(" 1700000000", "")], "APPENDUID"))

        def our_own(thread: int) -> None:
            place = None
            for turn in range(self.MESSAGES):
                base = f"{1_700_000_000 + turn}.M1P1T{thread}.mx,S={len(MAIL)},W={len(MAIL)}"
                with self.file.lock() as lock:
                    Path(self.maildir, "cur", f"{base}:2,").write_bytes(MAIL)
                    part = self.file.append(lock, [(base, "")], self.file.read(place))
                place = part.place
                ours[base] = part.uid_list.uids[base]

        threads = [
            *(Thread(target=dovecots) for _ in range(2)),
            *(Thread(target=our_own, args=(thread,)) for thread in range(2)),
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        given = Counter([*told, *ours.values()])
        self.assertEqual(len(given), 4 * self.MESSAGES)
        found = self.listed()
        self.assertFalse(found.damaged)
        self.assertEqual(set(found.uids.values()), set(given))
        self.assertEqual({base: found.uids[base] for base in ours}, ours)
        with self.dovecot.session() as session:
            session.say("SELECT INBOX")
            self.assertEqual(set(uids_and_flags(session)), set(given))
        self.no_complaints()

    def test_dovecot_waits_for_our_lock(self) -> None:
        self.made(self.maildir)
        with self.dovecot.session() as session:
            session.say("SELECT INBOX")
            lock = self.file.lock()
            thread = Thread(target=session.say, args=("APPEND INBOX", MAIL))
            thread.start()
            thread.join(0.5)
            self.assertTrue(thread.is_alive())
            part = self.file.append(lock, [(self.delivered(), "")])
            lock.release()
            thread.join(10)
            self.assertFalse(thread.is_alive())
            self.assertEqual(list(part.uid_list.uids.values()), [1])
            self.assertEqual(sorted(self.listed().uids.values()), [1, 2])
        self.no_complaints()
