"""`mailhost hash-password`."""

from __future__ import annotations

from tests.cli.bench import CommandCase


class HashTests(CommandCase):
    """`mailhost hash-password`."""

    def test_the_hash_of_standard_input(self) -> None:
        first = self.run_ok("hash-password", stdin="hunter2\n")
        second = self.run_ok("hash-password", stdin="hunter2\n")
        self.assertEqual(len(first.splitlines()), 1)
        self.assertNotIn("hunter2", first)
        self.assertNotEqual(first, second)

    def test_no_password(self) -> None:
        self.assertIn("empty", self.run_fails("hash-password", stdin="\n"))

    def test_a_password_is_never_an_argument(self) -> None:
        for arguments in (["hash-password"], ["account", "passwd", "a@b.example"]):
            self.assertEqual(self.call(*arguments, "hunter2").exit_code, 2)
