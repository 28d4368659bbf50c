"""`mailhost mailbox` on the files of an account, with and without a host."""

from __future__ import annotations

import json
import os
import sqlite3
from typing import Any

from mailhost.net.control.client import control_path
from tests.cli.bench import CommandCase, fake_host
from tests.store.exchange.source import dovecot_maildir

ANN = "ann@example.com"


class MailboxCase(CommandCase):
    """Ann's mail lies in `maildir`."""

    def setUp(self) -> None:
        super().setUp()
        self.settings()
        self.run_ok("domain", "add", "example.com")
        self.run_ok("account", "add", ANN, stdin="hunter2\n")
        self.maildir = os.path.join(self.data, "mail", "example.com", "ann")

    def put(self, name: str, text: bytes, folder: str = "cur") -> None:
        """Put a message there, as another program would."""
        path = os.path.join(self.maildir, folder, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as file:
            file.write(text)

    def mailbox(self, command: str, *arguments: str) -> str:
        return self.run_ok("mailbox", command, ANN, *arguments)

    def folders(self) -> dict[str, dict[str, Any]]:
        return {row["folder"]: row for row in json.loads(self.mailbox("list", "--json"))}


class FolderTests(MailboxCase):
    def test_every_account_has_its_folders(self) -> None:
        folders = self.folders()
        self.assertEqual(list(folders), ["INBOX", "Archive", "Drafts", "Junk", "Sent", "Trash"])
        self.assertEqual(folders["Sent"]["special_use"], "\\Sent")
        self.assertRegex(self.mailbox("list"), r"Sent +0 +0 +\\Sent +yes")

    def test_they_are_made_renamed_and_removed(self) -> None:
        self.mailbox("create", "Läden/2026", "--subscribe")
        self.mailbox("create", "Old", "--special-use", "archive")
        folders = self.folders()
        self.assertTrue(folders["Läden/2026"]["subscribed"])
        self.assertIsNone(folders["Läden"]["messages"])
        self.assertEqual(folders["Old"]["special_use"], "\\Archive")
        self.mailbox("rename", "Läden/2026", "Shops")
        self.put("1.2.x:2,", b"A: b\r\n\r\n", ".Shops/cur")
        self.assertIn("has 1 message;", self.run_fails("mailbox", "remove", ANN, "Shops"))
        self.mailbox("remove", "Shops", "--force")
        self.assertNotIn("Shops", self.folders())

    def test_refusals(self) -> None:
        for arguments in (
            ("create", ANN, "Sent"),
            ("create", ANN, "a.b"),
            ("create", ANN, "x", "--special-use", "All"),
            ("rename", ANN, "no", "yes"),
            ("remove", ANN, "INBOX"),
            ("status", ANN, "no"),
            ("list", "bob@example.com"),
            ("undelete", ANN, "--into", "x"),
            ("undelete", ANN, "--after", "noon"),
        ):
            self.run_fails("mailbox", *arguments)

    def test_an_inbox_with_mail_is_not_removed_either(self) -> None:
        self.put("1.2.x:2,", b"A: b\r\n\r\n")
        error = self.run_fails("mailbox", "remove", ANN, "INBOX")
        self.assertIn("INBOX cannot be removed", error)

    def test_the_mail_of_an_account_that_was_removed(self) -> None:
        self.mailbox("list")
        self.run_ok("account", "remove", ANN)
        self.assertIn("INBOX", self.folders())

    def test_a_running_host_is_notified(self) -> None:
        with fake_host(control_path(self.data), lambda _: {"ok": True, "result": None}) as asked:
            self.mailbox("create", "x")
        arguments = {"account": ANN, "folders": [""]}
        self.assertEqual(asked, [{"command": "mailbox.changed", "arguments": arguments}])


class MessageTests(MailboxCase):
    def setUp(self) -> None:
        super().setUp()
        self.put("1.1.x,S=8,W=8:2,S", b"A: b\r\n\r\n", "cur")
        self.put("2.1.x,S=8,W=8", b"A: c\r\n\r\n", "new")

    def test_status(self) -> None:
        (row,) = json.loads(self.mailbox("status", "INBOX", "--json"))
        counts = [row[key] for key in ("messages", "unseen", "deleted", "size", "uid_next")]
        self.assertEqual(counts, [2, 1, 0, 16, 3])
        self.assertRegex(self.mailbox("status"), r"INBOX +2 +1 +0 +16 B +3 ")

    def test_check_and_rebuild(self) -> None:
        self.assertIn("is in order", self.mailbox("check"))
        self.put("1.1.x,S=8,W=8:2,S", b"A: b", "cur")
        self.assertIn("1 difference", self.run_fails("mailbox", "check", ANN))
        before = self.mailbox("status", "INBOX", "--json")
        self.assertIn("with 2 messages", self.mailbox("rebuild"))
        after = self.mailbox("status", "INBOX", "--json")
        (before, after) = (json.loads(text)[0] for text in (before, after))
        self.assertEqual(before["uid_validity"], after["uid_validity"])

    def test_a_cache_that_cannot_be_used_is_a_warning(self) -> None:
        path = os.path.join(self.maildir, "mailhost.db")
        os.mkdir(path)
        result = self.call("mailbox", "list", ANN)
        self.assertEqual(result.exit_code, 0, result.output)
        self.assertIn(f"{path} is not used for now", result.stderr)
        error = self.call("mailbox", "rebuild", ANN).exception  # one line in `main`
        self.assertIsInstance(error, sqlite3.OperationalError)
        self.assertIn(f"{path} is not used", str(error))

    def test_undelete(self) -> None:
        self.put("1.1.x,S=8,W=8:2,S", b"Subject: x\r\n\r\n", "mailhost-expunged/1700000000,.Old")
        self.assertIn("no such message", self.mailbox("undelete", "--after", "2024-01-01"))
        self.assertRegex(self.mailbox("undelete"), r"2023-11-1\d \d\d:\d\d +Old +14 B +x")
        (row,) = json.loads(self.mailbox("undelete", "--json"))
        self.assertEqual(row["removed"], 1_700_000_000)
        self.assertIn("1 message restored to Old", self.mailbox("undelete", "--restore"))
        self.assertEqual(self.folders()["Old"]["messages"], 1)
        self.assertIn("no such message", self.mailbox("undelete"))


class TransferTests(MailboxCase):
    def setUp(self) -> None:
        super().setUp()
        self.source = os.path.join(self.folder, "Maildir")
        dovecot_maildir(self.source)

    def rows(self, command: str, *arguments: str) -> dict[str, dict[str, Any]]:
        rows = json.loads(self.mailbox(command, *arguments, "--json"))
        return {row["folder"]: row for row in rows}

    def test_a_maildir_in_and_out(self) -> None:
        rows = self.rows("import", self.source)
        self.assertEqual((rows["INBOX"]["imported"], rows["INBOX"]["kept_uids"]), (3, True))
        self.assertRegex(self.mailbox("import", self.source), r"INBOX +0 +3 +-")
        self.assertEqual(self.folders()["Sent Messages"]["special_use"], "\\Sent")
        target = os.path.join(self.folder, "new", "out")
        self.assertEqual(self.rows("export", target)["INBOX"]["exported"], 3)
        self.assertEqual(self.rows("export", target)["INBOX"]["known"], 3)
        (row,) = self.rows("status", "INBOX").values()
        self.run_ok("account", "add", "bob@example.com", stdin="hunter2\n")
        self.run_ok("mailbox", "import", "bob@example.com", target)
        (other,) = json.loads(
            self.run_ok("mailbox", "status", "bob@example.com", "INBOX", "--json")
        )
        for key in ("messages", "uid_next", "uid_validity", "mailbox_id", "unseen"):
            self.assertEqual(row[key], other[key])

    def test_mbox_files_out_and_in(self) -> None:
        self.mailbox("import", self.source)
        target = os.path.join(self.folder, "out")
        self.mailbox("export", target, "--mbox")
        rows = self.rows("import", target, "--into", "Old")
        self.assertEqual(rows["Old"]["imported"], 3)
        self.assertEqual(rows["Old/Sent Messages"]["imported"], 1)
        path = os.path.join(target, "INBOX.mbox")
        self.assertEqual(self.rows("import", path, "--into", "x")["x"]["imported"], 3)

    def test_one_folder_below_another(self) -> None:
        rows = self.rows("import", self.source, "--into", "Old")
        self.assertEqual(sorted(rows), ["Old", "Old/Empty", "Old/Sent Messages"])
        self.assertTrue(self.folders()["Old/Sent Messages"]["subscribed"])

    def test_refusals(self) -> None:
        path = os.path.join(self.folder, "text")
        with open(path, "wb") as file:
            file.write(b"no mail")
        for arguments in (
            ("import", ANN, path),
            ("import", ANN, os.path.join(self.folder, "missing")),
            ("export", ANN, os.path.join(self.folder, "out"), "--folder", "missing"),
            ("export", ANN, os.path.join(self.maildir, "out")),
            ("export", ANN, self.source),
        ):
            self.run_fails("mailbox", *arguments)

    def test_a_message_that_cannot_be_read(self) -> None:
        with open(os.path.join(self.source, "cur", "9.x:2,"), "wb") as file:
            file.write(b"BZh91AY")
        self.assertIn("9.x:2,: it is packed", self.run_fails("mailbox", "import", ANN, self.source))
        self.assertEqual(self.folders()["INBOX"]["messages"], 3)
