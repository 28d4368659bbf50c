"""docs/troubleshooting.md has a section for each fault that the doctor knows, and for no other."""

from __future__ import annotations

import importlib
import pkgutil
import re
from collections.abc import Iterator
from pathlib import Path

from twisted.trial.unittest import SkipTest, SynchronousTestCase

import mailhost.doctor
from mailhost.doctor.finding import Fault

PAGE = Path(__file__).parents[2] / "docs" / "troubleshooting.md"


def known_faults() -> Iterator[Fault]:
    """All faults that modules of the doctor have as constants."""
    for found in pkgutil.walk_packages(mailhost.doctor.__path__, "mailhost.doctor."):
        module = importlib.import_module(found.name)
        yield from (value for value in vars(module).values() if isinstance(value, Fault))


class TroubleshootingTests(SynchronousTestCase):
    def setUp(self) -> None:
        if not PAGE.is_file():
            raise SkipTest("the source tree is not here")
        self.text = PAGE.read_text()
        self.faults = set(known_faults())

    def test_each_fault_has_its_section(self) -> None:
        headings = re.findall(r"^### doctor/(\S+)$", self.text, re.MULTILINE)
        self.assertEqual(sorted(fault.name for fault in self.faults), sorted(headings))

    def test_links_lead_to_sections(self) -> None:
        names = {fault.name for fault in self.faults}
        for text, target in re.findall(r"\[([a-z0-9-]+)\]\(#doctor([a-z0-9-]+)\)", self.text):
            self.assertEqual(text, target)
            self.assertIn(text, names)

    def test_each_symptom_has_one_row(self) -> None:
        table = self.text.partition("## Symptoms")[2].partition("\n## ")[0]
        symptoms = [line.split("|")[1].strip() for line in table.splitlines() if line[:1] == "|"]
        self.assertEqual(len(symptoms), len(set(symptoms)))

    def test_each_reason_is_a_sentence(self) -> None:
        for fault in self.faults:
            self.assertRegex(fault.name, r"^[a-z0-9]+(-[a-z0-9]+)*$")
            self.assertRegex(fault.why, r"^[A-Z0-9].*\.$")
