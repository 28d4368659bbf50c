"""`mailhost check-config`."""

from __future__ import annotations

import os
from dataclasses import replace

from twisted.trial.unittest import SkipTest

from mailhost.cli.context import load_settings
from mailhost.cli.key_files import key_files
from mailhost.cli.key_findings import key_findings
from mailhost.dkim.keys import make_ed25519_key
from mailhost.interfaces.signing import KeyState
from mailhost.signing.key_work import pair_of
from tests.cli.bench import CommandCase


class CheckTests(CommandCase):
    """`mailhost check-config`."""

    def test_right(self) -> None:
        self.settings()
        self.assertIn("is right", self.run_ok("check-config"))

    def test_every_fault_with_its_key(self) -> None:
        self.settings('admn = "x"\n[limits]\nrecipients = "many"\n')
        error = self.run_fails("check-config")
        self.assertIn("admn: is unknown; did you mean admin?", error)
        self.assertIn("limits.recipients: write a whole number", error)

    def test_warnings(self) -> None:
        self.settings("login.delay = 0\n")
        output = self.run_ok("check-config")
        self.assertIn("is right", output)
        self.assertIn("warning: admin: is missing", output)
        self.assertIn("warning: login.delay: is 0", output)

    def test_a_data_folder_that_is_not_there(self) -> None:
        self.settings(set_up=False)
        self.assertIn(f"data: no folder {self.data} was found", self.run_ok("check-config"))
        self.settings()
        self.assertNotIn("data: ", self.run_ok("check-config"))

    def test_files_with_dkim_keys(self) -> None:
        self.settings()
        pair = pair_of(make_ed25519_key(), "a.example", "s1", KeyState.ACTIVE, 0)
        files = key_files(self.data)
        files.save("a.example", [pair])
        path = files.path("a.example")
        self.assertNotIn("dkim: ", self.run_ok("check-config"))
        os.chmod(path, 0o640)
        self.assertIn(f"run: chmod 600 {path}", self.run_ok("check-config"))
        os.chmod(path, 0o600)
        files.save("a.example", [replace(pair, pem="-----BEGIN PRIVATE KEY-----")])
        self.assertIn(f"the private key s1 in {path} is damaged", self.run_ok("check-config"))
        for octets in (b"{", b'{"keys": [{}]}', b"\xff"):
            with open(path, "wb") as file:
                file.write(octets)
            output = self.run_ok("check-config")
            self.assertIn(f"dkim: {path} is damaged; restore it from a backup", output)
        os.unlink(path)
        os.mkdir(path)
        self.assertIn("dkim: the keys of a.example cannot be read", self.run_ok("check-config"))

    def test_keys_that_the_user_of_the_host_cannot_read(self) -> None:
        if os.geteuid() != 0:
            raise SkipTest("only root can try to read files as another user")
        self.settings('user = "nobody"\n')
        files = key_files(self.data)
        files.save("a.example", [])
        os.chmod(self.folder, 0o711)
        os.chmod(self.data, 0o711)
        path = files.path("a.example")
        found = list(key_findings(load_settings(self.config).settings))
        self.assertEqual(1, len(found))
        self.assertIn(f"the user nobody cannot read {path}", found[0])

    def test_which_file(self) -> None:
        other = os.path.join(self.folder, "other.toml")
        self.settings()
        os.rename(self.config, other)
        self.assertIn(other, self.run_ok("check-config", "--config", other))
        self.assertIn("there is no such file", self.run_fails("check-config"))
