"""Folders: each account and each mailbox has its own, and none leads out of where mail lies."""

from __future__ import annotations

import os
import stat

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailhost.message.address import Address
from mailhost.store.maildir.folder import account_folder, mailbox_folder, make_folder
from mailhost.store.maildir.folder_names import canonical, find_folders
from tests.fakes import address

MAIL = "/data/mail"
ACCOUNTS = {
    "ann@a.example": "a.example/ann",
    "ANN@A.Example": "a.example/ann",
    "ann+x@a.example": "a.example/ann+x",
    "a/b@a.example": "a.example/a%2Fb",
    '".ann"@a.example': "a.example/%2Eann",
    '".."@a.example': "a.example/%2E.",
    "a%2Fb@a.example": "a.example/a%252fb",
    '"a b"@a.example': "a.example/a b",
    "jörg@bücher.example": "xn--bcher-kva.example/jörg",
    "ann@[192.0.2.1]": "[192.0.2.1]/ann",
}
FOLDERS = {
    "INBOX": "",
    "inbox": "",
    "Inbox": "",
    "Sent": "/.Sent",
    "sent": "/.sent",
    "a/b/c": "/.a.b.c",
    "50%": "/.50%",
    "R&D": "/.R&-D",
    "Entwürfe": "/.Entw&APw-rfe",
    "INBOX/x": "/.INBOX.x",
    "inbox/x": "/.INBOX.x",
}
UNFIT = ("", "/", "//", "a/", "/a", "a//b", "a.b", "..", "../../bob", "a\0b", "a\nb", "~root")
OLDER = {"a.b": ".a%2Eb", "50%": ".50%25", "Entwürfe": ".Entwürfe", "R&D": ".R&D", "~x": ".~x"}

locals_ = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=20)
folders = st.lists(
    st.text(st.characters(exclude_characters="/", exclude_categories=["Cs"]), min_size=1),
    min_size=1,
    max_size=4,
).map("/".join)


class AccountTests(SynchronousTestCase):
    def test_accounts(self) -> None:
        for text, path in ACCOUNTS.items():
            self.assertEqual(account_folder(MAIL, address(text)), f"{MAIL}/{path}")

    @given(locals_, locals_)
    def test_each_account_has_its_own(self, one: str, other: str) -> None:
        first, second = Address(one, "a.example"), Address(other, "a.example")
        paths = account_folder(MAIL, first), account_folder(MAIL, second)
        self.assertEqual(paths[0] == paths[1], first.key == second.key)

    @given(locals_)
    def test_none_leads_elsewhere(self, local: str) -> None:
        path = account_folder(MAIL, Address(local, "a.example"))
        self.assertEqual(os.path.dirname(os.path.normpath(path)), f"{MAIL}/a.example")
        self.assertNotIn("\0", path)

    def test_the_longest_fit_in_a_file_name(self) -> None:
        for letter in ("/", "ΐ", "ﬃ", "a"):
            count = 64 // len(letter.encode())
            name = os.path.basename(account_folder(MAIL, Address(letter * count, "a.example")))
            self.assertLessEqual(len(name.encode()), 255, letter)


class MailboxTests(SynchronousTestCase):
    def test_folders(self) -> None:
        for folder, path in FOLDERS.items():
            self.assertEqual(mailbox_folder("/m/ann", folder), "/m/ann" + path)

    def test_names_that_no_folder_can_have(self) -> None:
        for folder in UNFIT:
            with self.assertRaises(ValueError, msg=folder):
                mailbox_folder("/m/ann", folder)

    @given(folders, folders)
    def test_each_folder_has_its_own(self, one: str, other: str) -> None:
        try:
            paths = mailbox_folder("/m/ann", one), mailbox_folder("/m/ann", other)
        except ValueError:
            return
        self.assertEqual(paths[0] == paths[1], canonical(one) == canonical(other))

    @given(folders)
    def test_none_leads_elsewhere(self, folder: str) -> None:
        try:
            path = mailbox_folder("/m/ann", folder)
        except ValueError:
            return
        self.assertTrue(path == "/m/ann" or path.startswith("/m/ann/."))
        self.assertIn(os.path.dirname(os.path.normpath(path)), ("/m", "/m/ann"))
        self.assertNotIn("\0", path)


class OlderNamesTests(SynchronousTestCase):
    """Folders that versions before modified UTF-7 made."""

    def test_they_are_used_where_they_lie(self) -> None:
        account = os.path.abspath(self.mktemp())
        for folder, directory in OLDER.items():
            os.makedirs(os.path.join(account, directory))
            self.assertEqual(mailbox_folder(account, folder), f"{account}/{directory}")
            self.assertIn(directory, find_folders(account).directories.values())

    def test_a_folder_that_was_made_since_comes_first(self) -> None:
        account = os.path.abspath(self.mktemp())
        for directory in (".Entwürfe", ".Entw&APw-rfe"):
            os.makedirs(os.path.join(account, directory))
        self.assertEqual(mailbox_folder(account, "Entwürfe"), f"{account}/.Entw&APw-rfe")


class MakeFolderTests(SynchronousTestCase):
    def test_every_level_is_for_its_owner_alone(self) -> None:
        self.addCleanup(os.umask, os.umask(0))
        top = os.path.abspath(self.mktemp())
        make_folder(f"{top}/a/b")
        for path in (top, f"{top}/a", f"{top}/a/b"):
            self.assertEqual(stat.S_IMODE(os.stat(path).st_mode), 0o700)

    def test_what_is_there_stays(self) -> None:
        top = self.mktemp()
        os.makedirs(f"{top}/a")
        os.chmod(top, 0o755)
        make_folder(f"{top}/a")
        make_folder(f"{top}/b")
        self.assertEqual(sorted(os.listdir(top)), ["a", "b"])
        self.assertEqual(stat.S_IMODE(os.stat(top).st_mode), 0o755)

    def test_a_file_in_the_way(self) -> None:
        path = self.mktemp()
        with open(path, "wb"):
            pass
        with self.assertRaises(NotADirectoryError):
            make_folder(f"{path}/a/b")
