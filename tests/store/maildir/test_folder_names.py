"""Names of folders and of their directories."""

from __future__ import annotations

import os

from hypothesis import assume, given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailhost.store.maildir.folder_names import (
    UnfitName,
    can_be_shown,
    canonical,
    directory_of,
    find_folders,
    fitting,
    name_of,
    usual_uses,
)

DIRECTORIES = {
    "INBOX": "",
    "inbox": "",
    "Sent": ".Sent",
    "Sent/2024": ".Sent.2024",
    "Entw\xfcrfe": ".Entw&APw-rfe",
    "a & b": ".a &- b",
    "\u65e5\u672c/\U0001f600": ".&ZeVnLA-.&2D3eAA-",
    "INBOX/Sub": ".INBOX.Sub",
    "Inbox/Sub": ".INBOX.Sub",
    "Inboxes": ".Inboxes",
    "a/INBOX": ".a.INBOX",
    "#news": ".#news",
    "x%y*": ".x%y*",
    " blank ": ". blank ",
    "a/~b": ".a.~b",
    "n" * 254: "." + "n" * 254,
}
UNFIT = {
    "": "at least one character",
    "/": "at least one character",
    "/abs": "at least one character",
    "tail/": "at least one character",
    "a//b": "at least one character",
    ".": 'cannot contain "."',
    "..": 'cannot contain "."',
    "../../etc": 'cannot contain "."',
    "v1.2": 'cannot contain "."',
    "~root": 'cannot begin with "~"',
    "a\0": "control characters",
    "a\r\nb": "control characters",
    "a\x85": "control characters",
    "a\u2028": "control characters",
    "\ud800": "control characters",
    "n" * 255: "too long",
    "\xfc" * 100: "too long",
}
NO_FOLDERS = ("", ".", "..", "cur", "Sent", ".a..b", "..DOVECOT-TRASHED", ".a.", ".INBOX", ".inbox")
ODD = {
    ".Entw\xfcrfe": "Entw\xfcrfe",  # UTF-8, as other programs write it
    ".a&b": "a&b",
    ".&AGE-": "&AGE-",  # ASCII in base64
    ".&AAE-": "&AAE-",  # a control character
    ".a%2Eb": "a%2Eb",
    ".inbox.x": "INBOX/x",
}


class NameTests(SynchronousTestCase):
    def test_directories(self) -> None:
        for name, directory in DIRECTORIES.items():
            self.assertEqual(directory_of(name), directory, name)
            if directory:
                self.assertEqual(name_of(directory), canonical(name))

    def test_names_that_cannot_be_held(self) -> None:
        for name, words in UNFIT.items():
            fault = directory_of(name)
            assert isinstance(fault, UnfitName), name
            self.assertIn(words, fault.text)

    def test_directories_that_are_no_folders(self) -> None:
        for directory in NO_FOLDERS:
            self.assertIsNone(name_of(directory), directory)

    def test_directories_of_other_programs(self) -> None:
        for directory, name in ODD.items():
            self.assertEqual(name_of(directory), name)
        self.assertIsNone(name_of(".a\udcff"))
        self.assertIsNone(name_of(".a\n"))

    @given(st.text())
    def test_any_name(self, name: str) -> None:
        directory = directory_of(name)
        assume(not isinstance(directory, UnfitName))
        assert isinstance(directory, str)
        if directory:
            self.assertEqual(name_of(directory), canonical(name))
            self.assertNotIn("/", directory)
            self.assertLessEqual(len(os.fsencode(directory)), 255)

    @given(st.text(st.characters(max_codepoint=0x2FF) | st.sampled_from(".&-~/\udcff")))
    def test_any_directory(self, text: str) -> None:
        name = name_of(f".{text}")
        if name is not None and "/" not in text:
            self.assertTrue(can_be_shown(name))


class FittingTests(SynchronousTestCase):
    def test_names_of_other_hosts(self) -> None:
        for name, fit in {
            "Sent/2024": "Sent/2024",
            "a.b": "a_b",
            "~root/x": "_root/x",
            "a//b": "a/_/b",
            "a\x01": "a_",
            "": "_",
        }.items():
            self.assertEqual(fitting(name), fit)
            self.assertIsInstance(directory_of(fit), str)

    @given(st.text(max_size=20))
    def test_any_name_fits_then(self, name: str) -> None:
        self.assertIsInstance(directory_of(fitting(name)), str)


class FindTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.account = self.mktemp()

    def made(self, *directories: str) -> None:
        for directory in directories:
            os.makedirs(os.path.join(self.account, directory))

    def test_none_yet(self) -> None:
        found = find_folders(self.account)
        self.assertEqual((dict(found.directories), found.left_out), ({"INBOX": ""}, ()))

    def test_folders(self) -> None:
        self.made(
            "cur", "new", "tmp", ".Sent", ".a.b", ".Entw&APw-rfe", "..DOVECOT-TRASHED", "mail"
        )
        open(os.path.join(self.account, ".file"), "w").close()
        os.symlink("nowhere", os.path.join(self.account, ".dangling"))
        os.symlink(".Sent", os.path.join(self.account, ".Gesendet"))
        found = find_folders(self.account)
        self.assertEqual(
            found.directories,
            {
                "INBOX": "",
                "Sent": ".Sent",
                "Gesendet": ".Gesendet",
                "a/b": ".a.b",
                "Entw\xfcrfe": ".Entw&APw-rfe",
            },
        )
        self.assertEqual(found.left_out, ("..DOVECOT-TRASHED",))

    def test_two_directories_with_one_name(self) -> None:
        self.made(".Entw\xfcrfe", ".Entw&APw-rfe", ".inbox.x", ".INBOX.x", ".Inbox.x", ".INBOX")
        found = find_folders(self.account)
        self.assertEqual(found.directories["Entw\xfcrfe"], ".Entw&APw-rfe")
        self.assertEqual(found.directories["INBOX/x"], ".INBOX.x")
        self.assertEqual(set(found.left_out), {".Entw\xfcrfe", ".inbox.x", ".Inbox.x", ".INBOX"})


class UsualNamesTests(SynchronousTestCase):
    def test_names_of_other_hosts(self) -> None:
        names = ["INBOX", "Sent Messages", "drafts", "INBOX/Spam", "Deleted Items", "Archive/2024"]
        self.assertEqual(
            usual_uses(names),
            {
                "Sent Messages": "\\Sent",
                "drafts": "\\Drafts",
                "INBOX/Spam": "\\Junk",
                "Deleted Items": "\\Trash",
            },
        )

    def test_each_use_once(self) -> None:
        names = ["INBOX/Sent", "Sent Items", "Sent", "sent", "Spam", "Junk", "Archives"]
        uses = usual_uses(names)
        self.assertEqual(uses, {"Sent": "\\Sent", "Junk": "\\Junk", "Archives": "\\Archive"})
        self.assertEqual(usual_uses([]), {})
