"""`mailhost dkim`, with a host and without one."""

from __future__ import annotations

import json
import os
import re
from typing import Any

from mailhost.dkim.keys import make_ed25519_key
from mailhost.signing import key_work
from mailhost.store.lock import try_lock
from tests.cli.bench import CommandCase, fake_host
from tests.dkim.messages import RSA

KEY = {
    "domain": "example.com",
    "selector": "s1",
    "algorithm": "ed25519",
    "state": "active",
    "made": 1_700_000_000,
    "since": 1_700_000_000,
    "dns": "missing",
    "name": "s1._domainkey.example.com",
    "record": "v=DKIM1; k=ed25519; p=AAAA",
}


class WithHost(CommandCase):
    def setUp(self) -> None:
        super().setUp()
        self.settings()
        self.control = os.path.join(self.data, "control.sock")

    def asked(self, *arguments: str) -> tuple[str, Any]:
        """The output of a command, and what it asked of the host."""
        with fake_host(self.control, lambda _: {"ok": True, "result": [KEY]}) as requests:
            output = self.run_ok("dkim", *arguments)
        (request,) = requests
        return output, (request["command"], request["arguments"])

    def test_each_command_asks_the_host(self) -> None:
        path = os.path.join(self.folder, "key.pem")
        with open(path, "wb") as file:
            file.write(RSA.pem())
        pem = RSA.pem().decode()
        name = "example.com"
        for arguments, asked in (
            (("list",), ("dkim.list", {"domain": "", "check": False})),
            (("list", name, "--check"), ("dkim.list", {"domain": name, "check": True})),
            (("make", name), ("dkim.make", {"domain": name})),
            (("rotate", name), ("dkim.rotate", {"domain": name})),
            (
                ("retire", name, "s1"),
                ("dkim.retire", {"domain": name, "selector": "s1", "force": False}),
            ),
            (
                ("import", name, "s1", path),
                ("dkim.import", {"domain": name, "selector": "s1", "pem": pem}),
            ),
        ):
            output, request = self.asked(*arguments)
            self.assertEqual(request, asked)
            self.assertRegex(output, r"example\.com +s1 +ed25519 +active +2023-11-1. +missing")

    def test_records_of_one_domain_as_a_zone_file_has_them(self) -> None:
        output, _ = self.asked("list", "example.com")
        line = 's1._domainkey.example.com. IN TXT "v=DKIM1; k=ed25519; p=AAAA"'
        self.assertIn(line, output)
        self.assertNotIn("IN TXT", self.asked("list")[0])

    def test_json(self) -> None:
        self.assertEqual(json.loads(self.asked("list", "--json")[0]), [KEY])


class WithoutHost(CommandCase):
    """The keys are made in the files themselves."""

    def setUp(self) -> None:
        super().setUp()
        self.patch(key_work, "make_rsa_key", lambda bits: RSA)
        self.settings()

    def states(self) -> dict[str, str]:
        """The state of each key, by selectors without their dates."""
        keys = json.loads(self.run_ok("dkim", "list", "example.org", "--json"))
        return {re.sub(r"[0-9]{8}-", "", key["selector"]): key["state"] for key in keys}

    def selector(self, kind: str) -> str:
        keys = json.loads(self.run_ok("dkim", "list", "example.org", "--json"))
        return str(next(key["selector"] for key in keys if key["algorithm"] == kind))

    def write(self, contents: bytes) -> str:
        path = os.path.join(self.folder, "key.pem")
        with open(path, "wb") as file:
            file.write(contents)
        return path

    def test_no_keys(self) -> None:
        self.assertIn("there are no keys", self.run_ok("dkim", "list"))
        self.assertIn("no host is running", self.run_fails("dkim", "list", "--check"))
        self.assertIn("has no keys", self.run_fails("dkim", "rotate", "example.org"))

    def test_the_first_keys_of_a_new_host_sign_at_once(self) -> None:
        self.assertIn("IN TXT", self.run_ok("dkim", "make", "example.org"))
        self.assertEqual(self.states(), {"rsa": "active", "ed25519": "active"})

    def test_those_of_a_host_that_has_run_before_wait_for_dns(self) -> None:
        os.mkdir(os.path.join(self.data, "mail"))
        self.run_ok("dkim", "make", "example.org")
        self.assertEqual(self.states(), {"rsa": "coming", "ed25519": "coming"})

    def test_rotate_and_retire(self) -> None:
        self.run_ok("dkim", "make", "example.org")
        self.run_ok("dkim", "rotate", "example.org")
        coming = {"rsa-2": "coming", "ed25519-2": "coming"}
        self.assertEqual(self.states(), {"rsa": "active", "ed25519": "active"} | coming)
        self.assertIn("coming keys already", self.run_fails("dkim", "rotate", "example.org"))
        rsa = self.selector("rsa").removesuffix("-2")
        self.run_ok("dkim", "retire", "example.org", rsa)
        self.assertEqual(self.states()["rsa"], "retired")
        self.assertIn("has no key", self.run_fails("dkim", "retire", "example.org", rsa))
        self.run_ok("dkim", "retire", "example.org", f"{rsa}-2")
        self.assertNotIn("rsa-2", self.states())
        last = self.selector("ed25519").removesuffix("-2")
        self.assertIn("--force", self.run_fails("dkim", "retire", "example.org", last))
        self.run_ok("dkim", "retire", "example.org", last, "--force")
        self.assertEqual(self.states()["ed25519"], "retired")

    def test_import(self) -> None:
        path = self.write(RSA.pem())
        self.run_ok("dkim", "import", "example.org", "old", path)
        self.assertEqual(self.states(), {"old": "active"})
        self.run_ok("dkim", "make", "example.org")
        self.assertEqual(self.states(), {"old": "active", "ed25519": "coming"})
        path = self.write(make_ed25519_key().pem())
        self.run_ok("dkim", "import", "example.org", "elder", path)
        self.assertEqual(self.states(), {"old": "active", "elder": "coming"})

    def test_what_cannot_be_imported(self) -> None:
        path = self.write(RSA.pem())
        self.run_ok("dkim", "import", "example.org", "old", path)
        again = self.run_fails("dkim", "import", "example.org", "old", path)
        self.assertIn("has a key old already", again)
        self.assertIn("no selector", self.run_fails("dkim", "import", "example.org", "a b", path))
        path = self.write(b"-----BEGIN")
        bad = self.run_fails("dkim", "import", "example.org", "new", path)
        self.assertIn("no private key in PEM", bad)

    def test_while_a_host_starts(self) -> None:
        lock = try_lock(os.path.join(self.data, "lock"))
        assert lock is not None
        self.addCleanup(lock.release)
        self.assertIn("is starting", self.run_fails("dkim", "make", "example.org"))

    def test_without_a_data_folder(self) -> None:
        self.settings(set_up=False)
        os.rename(self.data, f"{self.data}.away")
        self.assertIn("there is no data folder", self.run_fails("dkim", "make", "example.org"))
