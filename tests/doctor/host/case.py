"""Helpers that the tests of the checks of this host share."""

from __future__ import annotations

import os
from collections.abc import Awaitable, Iterable, Sequence
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from mailhost.config.load import Loaded, load
from mailhost.config.model import Settings
from mailhost.doctor.checks import Check
from mailhost.doctor.finding import Finding, Verdict
from tests.directory.fakes import set_up_data
from tests.fakes import now

TOP = 'version = 1\nhostname = "mail.example.test"\ndata = "data"\nadmin = "ann@example.test"\n'
DOMAIN = '[domain."example.test".account.ann]\n'
LISTEN = """
[[listen]]
protocol = "smtp"
endpoint = "tcp:127.0.0.1:2525"
[[listen]]
protocol = "imaps"
endpoint = "tcp:127.0.0.1:2993"
"""


def settings_of(**more: Any) -> Settings:
    """Settings of a host in DNS."""
    values = {"version": 1, "hostname": "mail.blue.net", "data": "/nowhere"}
    return Settings.model_validate({**values, **more})


def found_by(check: Check) -> Sequence[Finding]:
    """The findings of a check that ends at once."""

    def run() -> Awaitable[Sequence[Finding]]:
        return check.run()

    return now(run())


class HostCase(SynchronousTestCase):
    """A settings file and a data folder with an empty directory."""

    def setUp(self) -> None:
        self.folder = os.path.abspath(self.mktemp())
        os.makedirs(self.folder, mode=0o700)
        self.data = os.path.join(self.folder, "data")
        set_up_data(self.data)

    def load(
        self, more: str = "", domain: str = DOMAIN, top: str = TOP, listen: str = LISTEN
    ) -> Loaded:
        """The settings, with more tables."""
        path = os.path.join(self.folder, "mailhost.toml")
        with open(path, "w", encoding="utf-8") as file:
            file.write(top + more + listen + domain)
        return load(path)

    def assert_fine(self, found: Iterable[Finding]) -> None:
        """Nothing is wrong."""
        self.assertEqual([], [each for each in found if each.verdict is not Verdict.OK])

    def only(
        self, found: Iterable[Finding], name: str, verdict: Verdict = Verdict.FAILURE
    ) -> Finding:
        """The only finding that is not ok has this name."""
        bad = [each for each in found if each.verdict is not Verdict.OK]
        self.assertEqual([(f"doctor/{name}", verdict)], [(each.name, each.verdict) for each in bad])
        self.assertTrue(bad[0].remedy)
        return bad[0]
