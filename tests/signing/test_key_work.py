"""Keys are made durably, once, and sign at once only where the host began with signing."""

from __future__ import annotations

import os
import stat
from dataclasses import replace

from twisted.trial.unittest import SynchronousTestCase

from mailhost.durable.blocking import BlockingCommitter
from mailhost.durable.system import OperatingSystem
from mailhost.signing.key_files import KeyFiles, KeysUnreadable
from mailhost.signing.key_work import KeyWork
from mailhost.signing.rules import DomainRules

NOW = 1_700_000_000  # 2023-11-14
BOTH = DomainRules(("rsa", "ed25519"), 1024)
TESTS = replace(BOTH, not_in_dns=True)


class KeyWorkCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.data = self.mktemp()
        self.files = KeyFiles(self.data, BlockingCommitter(OperatingSystem()).commit)
        self.time = NOW
        self.work = KeyWork(self.files, lambda: self.time)

    def states(self, domain: str = "a.example") -> dict[str, str]:
        """The state of each key on the disk by its selector."""
        keys = self.files.read(domain) or ()
        return {each.public.selector: each.public.state.value for each in keys}


class Made(KeyWorkCase):
    def test_a_new_host_signs_at_once(self) -> None:
        self.files.prepare(new_host=True)
        made = self.work.tend("a.example", BOTH, {}).pairs
        self.assertEqual(self.states(), {"20231114-rsa": "active", "20231114-ed25519": "active"})
        self.assertEqual(self.files.read("a.example"), made)
        self.assertEqual([each.private().kind for each in made], ["rsa", "ed25519"])
        self.assertEqual(
            [each.private().record() for each in made], [e.public.record for e in made]
        )

    def test_an_upgraded_host_waits_for_dns(self) -> None:
        self.files.prepare(new_host=False)
        self.files.prepare(new_host=True)  # a later start changes nothing
        self.work.tend("a.example", BOTH, {})
        self.assertEqual(set(self.states().values()), {"coming"})
        self.work.tend("b.example", TESTS, {})
        self.assertEqual(set(self.states("b.example").values()), {"active"})

    def test_a_data_folder_from_before_waits_for_dns(self) -> None:
        self.work.tend("a.example", BOTH, {})
        self.assertEqual(set(self.states().values()), {"coming"})

    def test_only_what_is_missing(self) -> None:
        self.files.prepare(new_host=True)
        self.work.tend("a.example", DomainRules(("rsa",), 1024, "mail"), {})
        before = self.files.read("a.example")
        self.work.tend("a.example", BOTH, {})
        self.assertEqual(
            self.states(), {"20231114-ed25519": "coming", "mail-20231114-rsa": "active"}
        )
        assert before is not None
        self.assertIn(before[0], self.files.read("a.example") or ())
        after = self.files.read("a.example")
        self.assertEqual(self.work.tend("a.example", BOTH, {}).pairs, after)

    def test_nobody_else_can_read_them(self) -> None:
        self.files.prepare(new_host=True)
        self.work.tend("a.example", BOTH, {})
        for folder, _, names in os.walk(os.path.join(self.data, "dkim")):
            self.assertEqual(stat.S_IMODE(os.stat(folder).st_mode), 0o700, folder)
            for name in names:
                mode = os.stat(os.path.join(folder, name)).st_mode
                self.assertEqual(stat.S_IMODE(mode), 0o600, name)
        self.assertNotIn("PRIVATE", repr(self.files.read("a.example")))


class Damaged(KeyWorkCase):
    def test_what_a_crash_left_is_no_hindrance(self) -> None:
        folder = os.path.join(self.data, "dkim", "a.example")
        os.makedirs(folder, mode=0o700)
        with open(os.path.join(folder, "keys.json.new"), "w") as file:
            file.write("{")
        self.assertIsNone(self.files.read("a.example"))
        self.work.tend("a.example", TESTS, {})
        self.assertEqual(len(self.states()), 2)
        self.assertEqual(os.listdir(folder), ["keys.json"])

    def test_a_damaged_file_is_never_replaced(self) -> None:
        self.work.tend("a.example", TESTS, {})
        path = os.path.join(self.data, "dkim", "a.example", "keys.json")
        with open(path, "rb") as file:
            good = file.read()
        for text in (
            b"",
            b"{",
            b'{"keys": [{}]}',
            b"[]",
            b'{"keys": 3}',
            good.replace(b"a", b"\xff"),
            b"\0" * len(good),
            good.replace(str(NOW).encode(), b"1e999"),
        ):
            with open(path, "wb") as file:
                file.write(text)
            self.assertRaises(KeysUnreadable, self.files.read, "a.example")
            self.assertRaises(KeysUnreadable, self.work.tend, "a.example", TESTS, {})
            with open(path, "rb") as file:
                self.assertEqual(file.read(), text)
