"""`make` never takes the packages of one version of Python for another."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

from twisted.trial.unittest import SkipTest, SynchronousTestCase

ROOT = Path(__file__).parents[1]


class MakeTests(SynchronousTestCase):
    """In a copy, with a python3 that only says its version."""

    def setUp(self) -> None:
        if shutil.which("make") is None:
            raise SkipTest("there is no make")
        self.folder = Path(self.mktemp()).resolve()
        self.folder.mkdir()
        for name in ("Makefile", "setup.cfg", "pyproject.toml"):
            shutil.copy(ROOT / name, self.folder)
        self.python = self.folder / "python3"
        self.set_version("3.12.1")

    def set_version(self, version: str) -> None:
        """Change the version of python3."""
        self.python.write_text(f"#!/bin/sh\necho {version}\n")
        self.python.chmod(0o755)

    def planned(self, *arguments: str) -> str:
        """The commands of `make test`."""
        path = f"{self.folder}:{os.environ['PATH']}"
        done = subprocess.run(
            ["make", "--dry-run", "test", *arguments],
            cwd=self.folder,
            env={"PATH": path},  # nothing of a make that runs these tests
            capture_output=True,
            text=True,
            check=True,
        )
        return done.stdout

    def installed(self, folder: str) -> None:
        """The files that an environment of 3.12.1 leaves."""
        environment = self.folder / folder
        environment.mkdir()
        (environment / ".python-3.12.1").touch()
        (environment / ".installed").touch()

    def test_an_environment_is_made_once(self) -> None:
        self.assertIn("python3 -m venv --clear .venv\n", self.planned())
        self.installed(".venv")
        self.assertNotIn("venv --clear", self.planned())

    def test_another_version_by_the_same_name_gets_a_new_one(self) -> None:
        self.installed(".venv")
        self.set_version("3.13.0")
        self.assertIn("python3 -m venv --clear .venv\n", self.planned())

    def test_another_python_gets_one_of_its_own(self) -> None:
        self.installed(".venv")
        planned = self.planned(f"PYTHON={self.python}")
        self.assertIn(f"{self.python} -m venv --clear .venv-3.12.1\n", planned)
        self.assertIn(".venv-3.12.1/bin/python -m tests.trial", planned)
        self.installed(".venv-3.12.1")
        self.assertNotIn("venv --clear", self.planned(f"PYTHON={self.python}"))
