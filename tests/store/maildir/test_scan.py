"""Listing and opening, with files that cannot be read or go away just then."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable

from mailhost.message.content import Content, content_of_file
from mailhost.store.maildir import scan
from mailhost.store.maildir.scan import Sizes, list_messages, open_message, wire_size
from tests.store.maildir.test_files import FilesCase


class ScanCase(FilesCase):
    def setUp(self) -> None:
        super().setUp()
        self.sizes: Sizes = {}

    def sizes_by_name(self) -> dict[str, int]:
        """The listed names."""
        return {each.unique: each.size for each in list_messages(self.path, self.sizes)}

    def opening(self, first: Callable[[str], object]) -> None:
        """Have `first` called with the path of each file that is about to be opened."""

        def opened(path: str) -> Content:
            first(path)
            return content_of_file(path)

        self.patch(scan, "content_of_message", opened)


class ListTests(ScanCase):
    def test_a_big_folder(self) -> None:
        for number in range(5000):
            place = "new" if number % 3 else "cur"
            self.put(f"{number}.M{number % 7}P1.x,S=2,W={number}", place)
        messages = list_messages(self.path, self.sizes)
        self.assertEqual([each.size for each in messages], list(range(5000)))
        self.assertEqual(len({each.unique for each in messages}), 5000)
        self.assertTrue(all(os.path.isfile(each.hint) for each in messages))
        self.assertEqual(self.sizes, {})

    def test_a_big_folder_of_another_tool(self) -> None:
        for number in range(500):
            self.put(f"{number}.x:2,S", data=b"\n" * number)
        self.assertEqual(list(self.sizes_by_name().values()), [2 * n for n in range(500)])

    def test_a_file_whose_size_is_told_is_not_opened(self) -> None:
        self.put("msg.1,S=2,W=3")
        self.opening(self.fail)
        self.assertEqual(self.sizes_by_name(), {"msg.1": 3})

    def test_a_size_is_counted_once_whatever_its_flags(self) -> None:
        self.put("msg.1:2,")
        self.assertEqual(self.sizes_by_name(), {"msg.1": 3})
        self.rename("msg.1:2,", "msg.1:2,S")
        self.opening(self.fail)
        self.assertEqual(self.sizes_by_name(), {"msg.1": 3})

    def test_one_bad_file_keeps_nobody_from_the_others(self) -> None:
        bad = self.put("msg.1", data=b"1234\n")
        self.put("msg.2", data=b"1234\n")
        for number in (errno.EACCES, errno.EIO):

            def refuse(path: str, number: int = number) -> None:
                if path == bad:
                    raise OSError(number, os.strerror(number), path)

            self.opening(refuse)
            self.sizes.clear()
            self.assertEqual(self.sizes_by_name(), {"msg.1": 5, "msg.2": 6})
            self.assertEqual(len(self.sizes), 1)  # what was not counted is not remembered
            with self.assertRaises(OSError):
                open_message(self.path, list_messages(self.path, self.sizes)[0])

    def test_one_that_goes_before_it_is_counted(self) -> None:
        gone = self.put("msg.1")
        self.put("msg.2")

        def remove(path: str) -> None:
            if path == gone:
                os.unlink(gone)

        self.opening(remove)
        self.assertEqual(self.sizes_by_name(), {"msg.2": 3})

    def test_one_that_is_renamed_before_it_is_counted(self) -> None:
        self.put("msg.1:2,")
        self.put("msg.2:2,")

        def mark(_: str) -> None:
            for number in (1, 2):
                if os.path.exists(os.path.join(self.path, "cur", f"msg.{number}:2,")):
                    self.rename(f"msg.{number}:2,", f"msg.{number}:2,S")

        self.opening(mark)
        self.assertEqual(self.sizes_by_name(), {"msg.1": 3, "msg.2": 3})

    def test_one_that_lies_there_twice_is_one(self) -> None:
        path = self.put("msg.1:2,")
        os.link(path, os.path.join(self.path, "new", "msg.1"))
        self.assertEqual(self.sizes_by_name(), {"msg.1": 3})


class OpenTests(ScanCase):
    def test_one_that_moves_just_as_it_is_opened(self) -> None:
        path = self.put("msg.1:2,", data=b"text\r\n")
        (message,) = list_messages(self.path, self.sizes)

        def mark(at: str) -> None:
            if at == path:
                self.rename("msg.1:2,", "msg.1:2,S")

        self.opening(mark)
        self.assertEqual(open_message(self.path, message).read(), b"text\r\n")

    def test_what_goes_as_it_is_is_not_read_before(self) -> None:
        self.put("msg.1,S=6,W=6", data=b"text\r\n")
        (message,) = list_messages(self.path, self.sizes)
        self.patch(scan, "has_bare_feed", self.fail)
        self.assertEqual(open_message(self.path, message).read(), b"text\r\n")

    def test_the_size_that_was_listed_is_sent(self) -> None:
        for number, data in enumerate((b"", b"x", b"\n\n", b"a\r\nb\n", b"\r", b"\n" * 70_000)):
            self.put(f"{number}.x", data=data)
            self.put(f"{number}.y,S={len(data)}", "new", data=data)
        for message in list_messages(self.path, self.sizes):
            content = open_message(self.path, message)
            self.assertEqual((content.size, len(content.read())), (message.size, message.size))


class WireSizeTests(ScanCase):
    def test_each_feed_that_lacks_its_return_counts_twice(self) -> None:
        self.assertEqual(wire_size(self.put("x", data=b"\n\r\n\r\r\n\n")), 9)

    def test_no_such_file(self) -> None:
        with self.assertRaises(FileNotFoundError):
            wire_size(os.path.join(self.path, "cur", "x"))
