"""Tests of settings with filters."""

from __future__ import annotations

import os
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from mailhost.config.load import BadSettings, load
from mailhost.config.model import Settings

HEAD = 'version = 1\nhostname = "mx.example.org"\ndata = "data"\n'


class FilterCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.folder = Path(os.path.abspath(self.mktemp()))
        self.folder.mkdir()

    def load(self, *filters: str, more: str = "") -> Settings:
        """The settings with these filters."""
        path = self.folder / "mailhost.toml"
        path.write_text(HEAD + more + "".join(f"[[filter]]\n{each}\n" for each in filters))
        return load(str(path)).settings

    def problems(self, *filters: str, more: str = "") -> list[str]:
        """The faults of these filters."""
        with self.assertRaises(BadSettings) as raised:
            self.load(*filters, more=more)
        return [str(problem) for problem in raised.exception.problems]

    def wrong(self, filter: str, *text: str, more: str = "") -> None:
        """This filter has one problem, told in these words."""
        [problem] = self.problems(filter, more=more)
        for each in text:
            self.assertIn(each, problem)
