"""Circles of aliases and targets that nobody has: found in a view, and before one is added."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping

from twisted.trial.unittest import SynchronousTestCase

from mailhost.directory.alias_faults import alias_faults
from tests.cli.bench import CommandCase
from tests.fakes import domain, view_of

A = "a.example"


class FindTests(SynchronousTestCase):
    """The faults of some aliases of one domain, as a table."""

    def faults(self, aliases: Mapping[str, str], catch_all: str = "") -> list[str]:
        other = domain("b.example", "eve", {"out": "back@a.example"})
        return list(alias_faults(view_of(domain(A, "ann bert", aliases, catch_all), other)))

    def test_what_is_right(self) -> None:
        for aliases in (
            {"team": "ann bert carl@far.example ann+lists postmaster"},
            {"all": "team", "team": "ann", "some": "team all"},
            {"left": "below", "right": "below", "diamond": "left right", "below": "ann"},
            {"back": "eve@b.example"},
        ):
            self.assertEqual(self.faults({"back": "ann"} | aliases), [])

    def test_circles_are_reported_once_with_each_alias(self) -> None:
        cases = {
            "self@a.example -> self@a.example": {"self": "self"},
            "one@a.example -> two@a.example -> one@a.example": {"one": "two ann", "two": "one"},
            "tag@a.example -> tag@a.example": {"tag": "tag+x"},
            "y@a.example -> z@a.example -> y@a.example": {"x": "y", "y": "z", "z": "y bert"},
            "back@a.example -> out@b.example -> back@a.example": {"back": "out@b.example"},
        }
        for way, aliases in cases.items():
            faults = self.faults({"back": "ann"} | aliases)
            self.assertEqual(len(faults), 1, faults)
            self.assertIn("leads back to itself: " + way.partition(" -> ")[0], faults[0])
            self.assertIn(way.rpartition(" -> ")[2], faults[0])

    def test_a_circle_of_the_catch_all(self) -> None:
        faults = self.faults({"x": "nobody", "back": "ann"}, catch_all="x")
        self.assertEqual(len(faults), 1, faults)
        self.assertIn("leads back to itself", faults[0])

    def test_an_address_for_reports_is_a_target(self) -> None:
        view = view_of(domain(A, "ann", {"rua": "dmarc", "other": "dmarcs"}))
        (fault,) = alias_faults(view, {(A, "dmarc")})
        self.assertTrue(fault.startswith("other@a.example: there is no account or alias"), fault)

    def test_targets_that_do_not_exist(self) -> None:
        faults = self.faults({"team": "ann bart", "other": "qqq@b.example", "back": "ann"})
        self.assertEqual(
            faults,
            [
                "team@a.example: there is no account or alias bart@a.example; "
                "did you mean bert@a.example?",
                "other@a.example: there is no account or alias qqq@b.example",
            ],
        )
        self.assertEqual(self.faults({"team": "bart", "back": "ann"}, catch_all="ann"), [])

    def test_a_catch_all_that_does_not_exist(self) -> None:
        (fault,) = self.faults({"back": "ann"}, catch_all="anne")
        self.assertIn("the catch-all of a.example: there is no account or alias anne@", fault)

    def test_a_star_is_no_catch_all(self) -> None:
        (fault,) = self.faults({"*": "ann", "back": "ann"})
        self.assertIn("*@a.example: means only the local part *, and is no catch-all", fault)

    def test_a_long_chain(self) -> None:
        links = {f"l{number}": f"l{number + 1}" for number in range(5000)}
        self.assertEqual(len(self.faults(links | {"l5000": "l0", "back": "ann"})), 1)
        self.assertEqual(self.faults(links | {"l5000": "ann", "back": "ann"}), [])


class CommandTests(CommandCase):
    """`alias add`, `domain catch-all`, `account add` and `check-config`."""

    def setUp(self) -> None:
        super().setUp()
        self.settings(
            'admin = "ann@elsewhere.example"\n[domain."file.example"]\n'
            'account.eve = {}\nalias.out = ["team@example.com"]\n'
        )
        self.run_ok("domain", "add", "example.com")
        self.run_ok("account", "add", "ann@example.com", stdin="hunter2\n")

    def test_a_target_that_does_not_exist_is_not_added(self) -> None:
        error = self.run_fails("alias", "add", "team@example.com", "anm@example.com")
        self.assertIn("did you mean ann@example.com?", error)
        error = self.run_fails("alias", "add", "team@example.com", "evi@file.example")
        self.assertIn("did you mean eve@file.example?", error)
        self.assertNotIn("team", self.run_ok("alias", "list").replace("team@example.com\n", ""))
        self.run_ok("alias", "add", "team@example.com", "new@example.com", "--force")

    def test_a_star_is_no_catch_all(self) -> None:
        error = self.run_fails("alias", "add", "*@example.com", "ann@example.com")
        self.assertIn("mailhost domain catch-all example.com ann@example.com", error)
        self.run_ok("alias", "add", "*@example.com", "ann@example.com", "--force")

    def test_a_circle_is_not_added(self) -> None:
        error = self.run_fails("alias", "add", "team@example.com", "out@file.example")
        self.assertIn("team@example.com leads back to itself: ", error)
        self.run_fails("alias", "add", "x@example.com", "ann@example.com", "x@example.com")
        self.run_ok("alias", "add", "team@example.com", "out@file.example", "--force")
        output = self.run_ok("check-config")
        self.assertEqual(output.count("leads back to itself"), 1)
        self.assertIn("1 warning", self.run_fails("check-config", "--strict"))

    def test_a_catch_all_that_does_not_exist_is_not_set(self) -> None:
        error = self.run_fails("domain", "catch-all", "example.com", "anm@example.com")
        self.assertIn("did you mean ann@example.com?", error)
        self.run_ok("domain", "catch-all", "example.com", "anm@example.com", "--force")
        self.assertIn("the catch-all of example.com", self.run_ok("check-config"))

    def test_faults_of_the_file_and_the_directory_together(self) -> None:
        output = self.run_ok("check-config")
        self.assertIn("2 domains (1 in the file, 1 in the directory)", output)
        self.assertIn("out@file.example: there is no account or alias team@example.com", output)
        self.settings('admin = "anm@example.com"\n')
        output = self.run_ok("check-config")
        self.assertIn("admin: there is no account or alias anm@example.com; did you", output)
        self.assertIn("1 domain (0 in the file", output)

    def test_no_domain_anywhere(self) -> None:
        self.run_ok("domain", "remove", "example.com", "--force")
        self.settings('admin = "ann@elsewhere.example"\n')
        self.assertIn("warning: there is no domain", self.run_ok("check-config"))
        self.settings('[demo]\naccounts = ["ann@example.com"]\n')
        self.assertNotIn("there is no domain", self.run_ok("check-config"))

    def test_looking_makes_no_data_folder(self) -> None:
        shutil.rmtree(self.data)
        self.assertIn("(1 in the file, 0 in the directory)", self.run_ok("check-config"))
        self.assertFalse(os.path.exists(self.data))

    def test_faults_are_found_before_a_password_is_asked_for(self) -> None:
        """A command that must fail does so before it reads a password: here there is none."""
        for arguments, text in {
            ("account", "add", "ann@example.com"): "is there already",
            ("account", "add", "new@nowhere.example"): "there is no domain nowhere.example",
            ("account", "passwd", "new@example.com"): "there is no account new@example.com",
        }.items():
            self.assertIn(text, self.run_fails(*arguments))
