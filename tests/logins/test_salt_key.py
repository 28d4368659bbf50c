"""The key of made-up SCRAM salts: it outlives the process, and nobody else reads it."""

from __future__ import annotations

import os
import stat

from twisted.trial.unittest import SynchronousTestCase

from mailhost.logins.salt_key import KEY_SIZE, lasting_key


class SaltKeys(SynchronousTestCase):
    def setUp(self) -> None:
        self.folder = self.mktemp()
        os.mkdir(self.folder)
        self.path = os.path.join(self.folder, "scram-key")

    def write(self, contents: bytes) -> None:
        with open(self.path, "wb") as file:
            file.write(contents)

    def test_made_once_for_its_owner_alone(self) -> None:
        key = lasting_key(self.path)
        self.assertEqual(len(key), KEY_SIZE)
        self.assertEqual(stat.S_IMODE(os.stat(self.path).st_mode), 0o600)
        self.assertEqual(lasting_key(self.path), key)
        self.assertEqual(os.listdir(self.folder), ["scram-key"])

    def test_a_damaged_one_is_made_again(self) -> None:
        for contents in (b"", b"x" * (KEY_SIZE - 1), b"x" * (KEY_SIZE + 1)):
            self.write(contents)
            self.assertEqual(len(lasting_key(self.path)), KEY_SIZE)
            self.assertEqual(lasting_key(self.path), lasting_key(self.path))

    def test_a_file_that_a_killed_process_left_is_replaced(self) -> None:
        with open(f"{self.path}.new", "wb"):
            pass
        self.assertEqual(len(lasting_key(self.path)), KEY_SIZE)

    def test_links_are_not_followed(self) -> None:
        other = os.path.join(self.folder, "other")
        os.symlink(other, self.path)
        self.assertRaises(OSError, lasting_key, self.path)
        os.unlink(self.path)
        os.symlink(other, f"{self.path}.new")
        lasting_key(self.path)
        self.assertFalse(os.path.exists(other))
        self.assertFalse(os.path.islink(self.path))
