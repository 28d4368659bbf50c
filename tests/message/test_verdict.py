"""The names of verdicts, for filters that were written for version 0.1."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from mailhost.interfaces import verdict
from mailhost.message import verdict as former


class ExportTests(SynchronousTestCase):
    def test_all_names_are_exported(self) -> None:
        for name in former.__all__:
            self.assertIs(getattr(former, name), getattr(verdict, name))
