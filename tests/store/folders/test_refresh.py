"""A folder's view, brought up to date with its files."""

from __future__ import annotations

import os
from pathlib import Path

from mailhost.interfaces.folders import FlagChange, SummaryField
from mailhost.message.flags import FlagAction
from mailhost.message.imap.object_ids import object_id
from mailhost.store.folders.adding import add
from mailhost.store.folders.flag_changes import set_flags
from mailhost.store.folders.measuring import sized
from mailhost.store.folders.opening import CompressedMail
from mailhost.store.folders.reading import contents, details, summaries
from mailhost.store.folders.refresh import refreshed
from mailhost.store.folders.transfer import copy
from tests.store.folders.accounts import AccountCase, adding, message, uids_of

HEAD = "3 V1700000000 N9 G0123456789abcdef0123456789abcdef Xkept\n"


class RefreshTests(AccountCase):
    def test_the_same_object_while_nothing_changes(self) -> None:
        self.inbox.put("new", "1.a")
        self.later()
        view = self.view()
        self.assertIs(self.view(), view)
        self.later(100)
        self.assertIs(self.view(), view)

    def test_new_mail_within_a_tick_of_the_clock(self) -> None:
        """The mtime of new/ stays as it was."""
        self.inbox.put("new", "1.a")
        self.view()
        found = os.stat(f"{self.root}/new")
        Path(self.root, "new", "2.b").write_bytes(b"x")
        os.utime(f"{self.root}/new", ns=(found.st_mtime_ns, found.st_mtime_ns))
        self.assertEqual(uids_of(self.view()), [1, 2])

    def test_another_change_within_a_tick_is_found_later(self) -> None:
        self.inbox.put("cur", "1.a:2,")
        self.view()
        found = os.stat(f"{self.root}/cur")
        os.rename(f"{self.root}/cur/1.a:2,", f"{self.root}/cur/1.a:2,S")
        os.utime(f"{self.root}/cur", ns=(found.st_mtime_ns, found.st_mtime_ns))
        self.later()
        self.assertEqual(self.flags(), {1: {"\\Seen"}})

    def test_regular_files_alone_are_messages(self) -> None:
        """A pipe would block its reader, and a link may lead to a file of others."""
        secret = os.path.join(self.root, "secret")
        Path(secret).write_bytes(b"A: secret\n\n")
        for place in ("cur", "new"):
            os.mkfifo(f"{self.root}/{place}/1.pipe{place}")
            os.mkdir(f"{self.root}/{place}/2.directory{place}")
            os.symlink(secret, f"{self.root}/{place}/3.link{place}")
            os.symlink("/nowhere", f"{self.root}/{place}/4.dangling{place}")
        self.inbox.put("cur", "5.file")
        self.assertEqual(uids_of(self.view()), [1])
        self.assertEqual(self.inbox.list_lines()[1:], ["1 :5.file"])

    def test_a_message_that_became_a_link_is_not_read(self) -> None:
        secret = os.path.join(self.root, "secret")
        Path(secret).write_bytes(b"A: secret\n\n")
        path = self.inbox.put("cur", "1.a:2,")
        self.view()
        os.unlink(path)
        os.symlink(secret, path)
        self.inbox.touch("cur")
        self.view()
        self.assertEqual(contents(self.work, "", [1]), {})
        self.assertEqual(summaries(self.work, "", [1], [SummaryField.ENVELOPE]), {})
        self.assertEqual(copy(self.work, "", [1], ".Other").uids, [])
        self.assertEqual(self.other.names(), [])

    def test_letters_of_other_programs_stay(self) -> None:
        for name in ("1.a:2,FPS", "2.b:2,SaQ,more", "3.c", "4.d:2,SF"):
            self.inbox.put("cur", name)
        self.view()
        set_flags(self.work, "", [1, 2, 3, 4], adding("\\Deleted"), None)
        self.assertEqual(
            self.inbox.names(), ["1.a:2,FPST", "2.b:2,QSTa,more", "3.c:2,T", "4.d:2,FST"]
        )
        copy(self.work, "", [2], ".Other")
        self.assertTrue(self.other.names()[0].endswith(":2,QST,more"))  # a has no name here
        set_flags(self.work, "", [2], FlagChange(FlagAction.REPLACE, ()), None)
        self.assertIn("2.b:2,Q,more", self.inbox.names())

    def test_a_letter_without_a_line_is_given_to_no_other_keyword(self) -> None:
        self.inbox.put("cur", "1.a:2,a")
        self.view()
        add(self.work, "", [message(b"x", "Work")])
        text = Path(self.root, "dovecot-keywords").read_text()
        self.assertEqual(text, "0 unknown-0\n1 Work\n")
        self.assertEqual(self.flags(), {1: {"unknown-0"}, 2: {"Work"}})

    def test_more_keywords_than_letters(self) -> None:
        names = [f"k{number}" for number in range(30)]
        add(self.work, "", [message(b"x", *names)])
        self.assertEqual(self.flags()[1], set(names[:26]))
        copied = copy(self.work, "", [1], ".Other")
        self.assertEqual(self.flags(".Other")[copied.copies[0]], set(names[:26]))

    def test_a_list_of_version_1_or_with_broken_lines_is_written_anew(self) -> None:
        for number, text in enumerate(("1 1700000000 9\n3 1.a\n", HEAD + "3 :1.a\nwhat\n")):
            self.work.rebuild()
            self.inbox.put("cur", f"{number}.x:2,")
            self.inbox.put("cur", "1.a:2,")
            Path(self.root, "dovecot-uidlist").write_text(text)
            self.assertIn(3, self.view().uids)
            head = self.inbox.list_lines()[0]
            self.assertTrue(head.startswith("3 V1700000000"), head)
            self.assertRegex(head, "G[0-9a-f]{32}")
            self.assertNotIn("what", self.inbox.list_lines())

    def test_a_list_that_was_deleted(self) -> None:
        Path(self.root, "dovecot-uidlist").write_text(HEAD + "3 Pkept G77 :1.a\n5 :2.b\n")
        self.inbox.put("cur", "1.a:2,")
        self.inbox.put("cur", "2.b:2,")
        before = self.view()
        self.assertEqual(details(self.work, "", [3])[3].email_id, object_id("M", "77"))
        os.unlink(f"{self.root}/dovecot-uidlist")
        after = self.view()
        self.assertEqual((after.uids, after.uid_validity), (before.uids, before.uid_validity))
        self.assertEqual(self.inbox.list_lines()[1:], ["3 Pkept G77 :1.a", "5 :2.b"])
        self.assertEqual(list(add(self.work, "", [message(b"x")]).uids), [9])

    def test_an_older_list_that_came_back(self) -> None:
        add(self.work, "", [message(b"one")])
        old = Path(self.root, "dovecot-uidlist").read_text()
        add(self.work, "", [message(b"two"), message(b"three")])
        Path(self.root, "dovecot-uidlist").write_text(old)
        self.inbox.put("new", "1.a")
        self.assertEqual(uids_of(self.view()), [1, 2, 3, 4])
        self.assertEqual(len(self.inbox.list_lines()), 5)

    def test_sizes_that_no_name_tells(self) -> None:
        self.inbox.put("new", "1.a", b"A: b\n\nx\n")
        self.inbox.put("new", "2.b,S=3,W=4", b"x\ny")
        self.inbox.put("new", "3.c", b"")
        self.assertEqual(list(self.view().sizes), [0, 4, 0])
        self.assertEqual(list(sized(self.work, "").view.sizes), [11, 4, 0])
        self.assertIs(sized(self.work, ""), sized(self.work, ""))

    def test_compressed_mail_is_refused(self) -> None:
        self.inbox.put("new", "1.a", b"\x1f\x8b\x08\0rest")
        self.view()
        self.assertRaises(CompressedMail, contents, self.work, "", [1])

    def test_a_file_in_both_directories(self) -> None:
        self.inbox.put("cur", "1.a:2,S")
        self.view()
        self.inbox.put("new", "1.a")
        self.assertEqual(self.flags(), {1: {"\\Seen"}})
        self.assertEqual(self.inbox.names("new"), ["1.a"])

    def test_another_uidvalidity(self) -> None:
        self.inbox.put("cur", "1.a:2,")
        before = self.view()
        Path(self.root, "dovecot-uidlist").write_text(HEAD + "3 :1.a\n")
        after = self.view()
        self.assertEqual((uids_of(after), after.uid_validity), ([3], 1700000000))
        self.assertGreater(after.highest_modseq, before.highest_modseq)

    def test_uids_that_are_used_up(self) -> None:
        self.inbox.put("cur", "1.a:2,")
        for warm in (False, True):
            before = self.view() if warm else None
            with open(f"{self.root}/dovecot-uidlist", "a" if warm else "w") as file:
                file.write("" if warm else HEAD + "3 :1.a\n")
                file.write("4294967294 :broken\n")
            after = self.view()
            self.assertEqual(uids_of(after), [1])
            floor = 1700000000 if before is None else before.uid_validity
            self.assertGreater(after.uid_validity, floor)
            self.assertEqual(list(add(self.work, "", [message(b"x")]).uids), [2])
            os.unlink(next(Path(self.root, "cur").glob("*S=*")))

    def test_a_list_full_of_dead_lines_is_written_anew(self) -> None:
        dead = "".join(f"{number} :gone{number}\n" for number in range(1, 200))
        Path(self.root, "dovecot-uidlist").write_text(HEAD + dead + "300 :1.a\n")
        self.inbox.put("cur", "1.a:2,")
        self.later(100)
        self.assertEqual(uids_of(self.view()), [300])
        self.assertEqual(self.inbox.list_lines()[1:], ["300 :1.a"])
        self.assertIn("N301", self.inbox.list_lines()[0])
        self.assertEqual(list(add(self.work, "", [message(b"x")]).uids), [301])

    def test_two_processes(self) -> None:
        other = self.opened()
        refreshed(other, "")
        add(self.work, "", [message(b"one", "Work")])
        add(other, "", [message(b"two", "Home")])
        set_flags(self.work, "", [2], adding("\\Seen"), None)
        for work in (self.work, other):
            self.assertEqual(self.flags(work=work), {1: {"Work"}, 2: {"Home", "\\Seen"}})
