"""The octets of messages, as they are sent."""

from __future__ import annotations

import os
from pathlib import Path

from mailhost.store.folders.opening import CompressedMail
from mailhost.store.folders.reading import SMALL, contents
from tests.store.folders.accounts import AccountCase

HEAD = b"Subject: x\n\n"


class ContentsTests(AccountCase):
    def test_line_ends_become_crlf_whatever_the_size(self) -> None:
        for number, size in enumerate((len(HEAD), SMALL - 1, SMALL, SMALL + 1, 3 * SMALL), 1):
            octets = HEAD + b"x" * (size - len(HEAD) - 1) + b"\n"
            self.inbox.put("new", f"{1_700_000_000 + number}.M1P1.x", octets[:size])
            uids = list(self.view().uids)
            found = contents(self.work, "", uids)
            wanted = octets[:size].replace(b"\n", b"\r\n")
            self.assertEqual(wanted, found[uids[-1]].read())

    def test_what_the_name_calls_whole_is_sent_as_it_is(self) -> None:
        octets = b"Subject: x\r\n\r\nbare\nfeed\0"
        self.inbox.put("new", f"1700000001.M1P1.x,S={len(octets)},W={len(octets)}", octets)
        (uid,) = self.view().uids
        self.assertEqual(octets, contents(self.work, "", [uid])[uid].read())

    def test_a_name_that_has_another_size(self) -> None:
        octets = b"Subject: x\r\n\r\ntext\r\n"
        for number, size in enumerate((1, len(octets) - 1, len(octets) + 1, SMALL, SMALL + 1), 1):
            self.inbox.put("new", f"170000000{number}.M1P1.x,S={size},W={size}", octets)
        uids = list(self.view().uids)
        found = contents(self.work, "", uids)
        self.assertEqual([octets] * 5, [found[uid].read() for uid in uids])

    def test_what_is_no_file_is_no_message(self) -> None:
        for number in range(4):
            self.inbox.put("new", f"170000000{number}.M1P1.x,S=12,W=12", HEAD)
        first, *uids = self.view().uids
        paths = sorted(Path(self.root, "cur").iterdir())[1:]
        for path in paths:
            path.unlink()
        os.mkfifo(paths[0])
        paths[1].mkdir()
        paths[2].symlink_to("/etc/hostname")
        self.assertEqual({first}, set(contents(self.work, "", [first, *uids])))

    def test_a_file_that_was_renamed_or_removed_just_now(self) -> None:
        for number in (1, 2, 3):
            self.inbox.put("new", f"170000000{number}.M1P1.x", HEAD)
        uids = list(self.view().uids)
        first, second, _ = sorted(self.inbox.names("cur"))
        self.inbox.rename(first, first.partition(":")[0] + ":2,F")
        self.inbox.remove(second)
        self.assertEqual({uids[0], uids[2]}, set(contents(self.work, "", uids)))

    def test_compressed_mail_is_refused(self) -> None:
        self.inbox.put("new", "1700000001.M1P1.x", b"\x1f\x8b and so on")
        uids = list(self.view().uids)
        with self.assertRaises(CompressedMail):
            contents(self.work, "", uids)
