"""Mailboxes as other packages see them: what is delivered is listed and opened, byte for byte."""

from __future__ import annotations

import mailbox
import os
import shutil
import stat

from mailhost.interfaces.store import DELIVERED, StoredMessage
from mailhost.message.address import Address
from mailhost.message.content import Content
from mailhost.store import mailboxes
from mailhost.store.mailboxes import MailStore
from mailhost.store.maildir.removed_folders import removed_path
from tests.fakes import address, now
from tests.store.boxes import ANN, BOB, NOW, StoreCase, failure_of, here

HOUR = 3600.0


class DeliverTests(StoreCase):
    def test_a_message_lies_in_new_under_a_name_that_tells_its_size(self) -> None:
        self.assertEqual(self.deliver(b"A: b\r\n", b"\r\nbody\r\n"), DELIVERED)
        (name,) = self.files("new")
        self.assertRegex(name, r"^1700000000\.M250000P\d+Q\d+\.mx\.a\.example,S=14,W=14$")
        with open(os.path.join(self.path, "new", name), "rb") as file:
            self.assertEqual(file.read(), b"A: b\r\n\r\nbody\r\n")
        self.assertEqual(self.files("tmp", "cur"), [])

    def test_each_message_has_a_name_of_its_own(self) -> None:
        for _ in range(20):
            self.deliver(b"the same\r\n")
        self.assertEqual(len(self.listed()), 20)
        self.assertEqual(len({message.unique for message in self.listed()}), 20)

    def test_accounts_and_folders_are_kept_apart(self) -> None:
        self.deliver(b"for ann\r\n")
        self.deliver(b"for bob\r\n", box=self.store.inbox(BOB))
        self.deliver(b"in a folder\r\n", box=self.store.mailbox(address("ann@a.example"), "x/y"))
        self.assertEqual(self.read(self.the_one()), b"for ann\r\n")
        self.assertEqual(len(self.files(".x.y/new")), 1)
        self.assertEqual(len(self.files("../bob/new")), 1)

    def test_a_folder_removed_while_the_host_runs_comes_back(self) -> None:
        self.deliver(b"lost with the folder\r\n")
        shutil.rmtree(self.mail)
        self.assertEqual(self.deliver(b"again\r\n"), DELIVERED)
        self.assertEqual(self.read(self.the_one()), b"again\r\n")

    def test_new_alone_comes_back(self) -> None:
        self.deliver(b"one\r\n")
        shutil.rmtree(os.path.join(self.path, "new"))
        self.assertEqual(self.deliver(b"two\r\n"), DELIVERED)
        self.assertEqual(len(self.files("new")), 1)

    def test_other_readers_of_maildirs_find_what_they_need(self) -> None:
        """Python's, and mutt, do not open a Maildir without cur/."""
        self.deliver(b"Subject: hello\r\n\r\nbody\r\n")
        (message,) = mailbox.Maildir(self.path, create=False)
        self.assertEqual(message["Subject"], "hello")

    def test_a_mailbox_that_was_opened_before_any_mail_came_is_whole(self) -> None:
        lock = now(self.store.exclusive(ANN).lock())
        assert lock is not None
        lock.release()
        self.assertEqual(len(mailbox.Maildir(self.path, create=False)), 0)

    def test_folders_and_files_are_for_their_owner_alone(self) -> None:
        self.deliver(b"secret\r\n")
        for folder, folders, files in os.walk(self.mail):
            for name in folders + files:
                mode = os.stat(os.path.join(folder, name)).st_mode
                self.assertEqual(stat.S_IMODE(mode) & 0o077, 0, name)

    def test_a_message_without_octets(self) -> None:
        self.assertEqual(self.deliver(), DELIVERED)
        self.assertEqual(self.the_one().size, 0)
        self.assertEqual(self.read(self.the_one()), b"")


class ListTests(StoreCase):
    def test_no_maildir_yet_is_an_empty_one(self) -> None:
        self.assertEqual(self.listed(), [])
        self.assertFalse(os.path.exists(self.mail))

    def test_oldest_first_wherever_they_lie(self) -> None:
        for second in (3, 1, 2):
            self.seconds = NOW + second
            self.deliver(b"%d\r\n" % second)
        self.put("1600000000.M5P1.other,S=3,W=3:2,S", b"0\r\n")
        self.assertEqual([self.read(each)[:1] for each in self.listed()], [b"0", b"1", b"2", b"3"])

    def test_sizes_that_had_to_be_counted_belong_to_one_mailbox(self) -> None:
        self.put("msg.1", b"short\n")
        self.put("../../bob/cur/msg.1", b"much longer\n\n")
        self.assertEqual(self.the_one().size, 7)
        (other,) = now(self.store.inbox(BOB).messages())
        self.assertEqual(other.size, 15)

    def test_a_size_is_counted_once(self) -> None:
        path = self.put("msg.1", b"short\n")
        self.assertEqual(self.the_one().size, 7)
        os.truncate(path, 0)  # what no mail program does
        self.assertEqual(self.the_one().size, 7)

    def test_the_sizes_that_are_remembered_have_a_bound(self) -> None:
        self.patch(mailboxes, "MOST_SIZES", 10)
        for number in range(30):
            self.put(f"msg.{number}")
            self.assertEqual(len(self.listed()), number + 1)
            self.assertLessEqual(len(self.store.sizes), number + 1)
        self.put("../../bob/cur/msg.1")
        now(self.store.inbox(BOB).messages())
        self.assertEqual(len(self.store.sizes), 1)

    def test_a_broken_tmp_stops_nobody_from_reading(self) -> None:
        self.put("msg.1")
        self.put("tmp", b"a file where the folder belongs", folder="")
        self.assertEqual(len(self.listed()), 1)

    def test_a_mailbox_that_cannot_be_read(self) -> None:
        self.put("cur", b"a file where the folder belongs", folder="")
        failure_of(self.box.messages(), NotADirectoryError)


class TidyTests(StoreCase):
    """Files of dead writers in tmp/."""

    def leave(self, name: str, hours: float, folder: str = "tmp") -> str:
        os.makedirs(os.path.join(self.path, folder), exist_ok=True)
        path = self.put(name, folder=folder)
        os.utime(path, (NOW - hours * HOUR, NOW - hours * HOUR))
        return path

    def test_it_is_removed_from_all_mailboxes_when_it_is_old(self) -> None:
        for folder in ("tmp", ".x.y/tmp", "../bob/tmp", "../../b.example/sue/tmp"):
            self.leave("1.old", 37, folder)
            self.leave("2.young", 35, folder)
        message = self.leave("3.kept", 1000, "new")
        now(self.store.tidy())
        for folder in ("tmp", ".x.y/tmp", "../bob/tmp", "../../b.example/sue/tmp"):
            self.assertEqual(self.files(folder), ["2.young"])
        self.assertTrue(os.path.exists(message))

    def test_what_cannot_be_read_stops_nothing(self) -> None:
        self.leave("1.old", 37)
        os.makedirs(os.path.join(self.mail, "c.example", "joe"))
        os.symlink("loop", os.path.join(self.mail, "loop"))
        for path in ("file", "c.example/file", "c.example/joe/tmp"):
            with open(os.path.join(self.mail, path), "wb"):
                pass
        now(self.store.tidy())
        self.assertEqual(self.files("tmp"), [])

    def test_folders_that_were_being_removed_are_deleted(self) -> None:
        old, young = removed_path(self.path, NOW - 2 * HOUR), removed_path(self.path, NOW - 1)
        for folder in (old, young, os.path.join(self.path, "mailhost-removed-by-nobody")):
            os.makedirs(os.path.join(folder, "cur"))
            self.put("1.M2P3Q4.mx:2,S", folder=os.path.join(os.path.basename(folder), "cur"))
        now(self.store.tidy())
        self.assertEqual(
            sorted([os.path.basename(young), "mailhost-removed-by-nobody"]),
            sorted(name for name in os.listdir(self.path) if name.startswith("mailhost-")),
        )

    def test_many(self) -> None:
        self.patch(mailboxes, "LARGEST_COMMIT", 3)
        for number in range(8):
            self.leave(str(number), 37)
        now(self.store.tidy())
        self.assertEqual(self.files("tmp"), [])

    def test_no_mail_yet(self) -> None:
        now(self.store.tidy())

    def test_mailboxes_of_before_get_the_cur_that_they_lack(self) -> None:
        self.deliver(b"Subject: hello\r\n\r\nbody\r\n")
        os.rmdir(os.path.join(self.path, "cur"))
        now(self.store.tidy())
        self.assertEqual(len(mailbox.Maildir(self.path, create=False)), 1)
        self.assertFalse(os.path.exists(os.path.join(os.path.dirname(self.path), "cur")))


class ExpungedTests(StoreCase):
    """Expunged messages are removed by `tidy` when they were kept for long enough."""

    def test_they_are_removed_after_a_while_with_their_directories(self) -> None:
        store = MailStore(
            self.mail, "mx", self.commits, here, now=lambda: self.seconds, keep_expunged=2 * HOUR
        )
        old, young = f"{int(NOW - 3 * HOUR)},.Sent", f"{int(NOW - HOUR)},"
        for folder in (old, young):
            self.put("1.M2P3Q4.mx,S=8,W=8:2,S", folder=f"mailhost-expunged/{folder}")
        self.put("no removal", folder="mailhost-expunged/x")
        now(store.tidy())
        self.assertEqual(self.files(f"mailhost-expunged/{old}"), [])
        self.assertEqual(len(self.files(f"mailhost-expunged/{young}")), 1)
        now(store.tidy())
        self.assertEqual(self.files("mailhost-expunged"), [young, "x"])


class WatcherTests(StoreCase):
    def test_they_are_notified_of_each_folder(self) -> None:
        self.store.changed = lambda account, folder: changes.append((account, folder))
        changes: list[tuple[Address, str]] = []
        self.deliver(b"1", box=self.store.inbox(ANN))
        self.deliver(b"2", box=self.store.mailbox(BOB, "inbox/Sent"))
        self.deliver(b"3", box=self.store.maildir(os.path.abspath(self.mktemp())))
        self.assertEqual(changes, [(ANN, "INBOX"), (BOB, "INBOX/Sent")])


class OpenTests(StoreCase):
    def test_binary_mail_comes_out_as_it_came_in(self) -> None:
        binary = b"A: b\r\n\r\n\n\r\0\xff\n\n\r\r\n\n"
        self.deliver(binary)
        message = self.the_one()
        self.assertEqual(self.read(message), binary)
        self.assertEqual(message.size, len(binary))

    def test_what_other_tools_put_there_gets_crlf(self) -> None:
        for number, (data, sent) in enumerate(
            [
                (b"A: b\n\nc\n", b"A: b\r\n\r\nc\r\n"),
                (b"A: b\r\n\nc\n", b"A: b\r\n\r\nc\r\n"),
                (b"no end", b"no end"),
                (b"", b""),
                (b"\n", b"\r\n"),
                (b"\r\r\n\n\r", b"\r\r\n\r\n\r"),
            ]
        ):
            path = self.put(f"msg.{number}:2,S", data)
            message = self.the_one()
            self.assertEqual(self.read(message), sent)
            self.assertEqual(message.size, len(sent))
            os.unlink(path)

    def test_a_name_that_tells_a_wrong_size_does_not_bring_lf_to_the_wire(self) -> None:
        self.put("1.x,S=11,W=11:2,", b"A: b\n\nc\n")
        self.assertEqual(self.read(self.the_one()), b"A: b\r\n\r\nc\r\n")

    def test_a_message_is_found_where_it_went(self) -> None:
        self.deliver(b"one\r\n")
        message = self.the_one()
        name = os.path.basename(message.hint)
        moved = os.path.join(self.path, "cur", name + ":2,")
        os.rename(message.hint, moved)
        self.assertEqual(self.read(message), b"one\r\n")
        os.rename(moved, moved + "FS")
        self.assertEqual(self.read(message), b"one\r\n")

    def test_a_message_that_is_gone(self) -> None:
        self.deliver(b"one\r\n")
        message = self.the_one()
        os.unlink(message.hint)
        failure_of(self.box.open(message), FileNotFoundError)
        shutil.rmtree(self.mail)
        failure_of(self.box.open(message), FileNotFoundError)

    def test_what_was_opened_stays_readable(self) -> None:
        self.deliver(b"one\r\n")
        message = self.the_one()
        content: Content = now(self.box.open(message))
        self.assertEqual(self.remove(message), 0)
        self.assertEqual(content.read(), b"one\r\n")

    def test_a_large_file_with_lf_is_converted_without_a_trace(self) -> None:
        lines = 200_000
        self.put("msg.1", b"1234567\n" * lines)
        message = self.the_one()
        self.assertEqual(message.size, 9 * lines)
        self.assertEqual(self.read(message), b"1234567\r\n" * lines)
        self.assertEqual(self.files("tmp"), [])


class OddFilesTests(StoreCase):
    """Files in a Maildir that are no messages, or cannot be read."""

    def test_folders_pipes_and_dangling_links_are_no_messages(self) -> None:
        self.put("msg.1")
        os.mkdir(os.path.join(self.path, "cur", "folder"))
        os.mkfifo(os.path.join(self.path, "cur", "pipe"))
        os.symlink("nowhere", os.path.join(self.path, "cur", "link"))
        self.put(".hidden")
        self.assertEqual([message.unique for message in self.listed()], ["msg.1"])

    def test_a_link_to_a_file_is_none(self) -> None:
        """The host may read files that the owner of the Maildir may not."""
        path = self.put("elsewhere", b"linked\r\n", folder="")
        os.mkdir(os.path.join(self.path, "cur"))
        os.symlink(path, os.path.join(self.path, "cur", "link"))
        self.assertEqual([], self.listed())

    def test_a_message_that_became_a_link_is_gone(self) -> None:
        path = self.put("elsewhere", b"linked\r\n", folder="")
        mine = self.put("msg.1", b"mine\r\n")
        message = self.the_one()
        os.unlink(mine)
        os.symlink(path, mine)
        failure_of(self.box.open(message), FileNotFoundError)

    def test_names_that_are_no_utf8(self) -> None:
        self.put(os.fsdecode(b"msg\xff\xfe:2,S"), b"x\r\n")
        message = self.the_one()
        self.assertRegex(message.unique, r"^[0-9a-f]{40}$")
        self.assertEqual(self.read(message), b"x\r\n")
        self.assertEqual(self.remove(message), 0)
        self.assertEqual(self.files(), [])

    def test_flags_are_no_part_of_the_unique_name(self) -> None:
        self.put("msg.1:2,FRS")
        self.assertEqual(self.the_one(), StoredMessage("msg.1", 11))
