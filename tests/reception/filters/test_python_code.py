"""Filters from files and from Twisted plugins."""

from __future__ import annotations

import sys
import types
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer

from mailhost.interfaces.filters import IFilter, ISessionFilter
from mailhost.interfaces.verdict import PASS, Mail, Stage, Verdict
from mailhost.reception.filters import python_code
from mailhost.reception.filters.python_code import BadCode, from_file, from_plugin
from tests.reception.filters.mails import message

GOOD = """
from zope.interface import implementer
from mailhost.interfaces.filters import IFilter
from mailhost.interfaces.verdict import Stage, reject

@implementer(IFilter)
class No:
    stages = (Stage.MESSAGE,)
    def __init__(self, word="no"):
        self.word = word
    def look(self, mail):
        return reject(self.word)

make_filter = No
"""


class FileTests(SynchronousTestCase):
    """Filters from Python files."""

    def write(self, code: str, name: str = "own.py") -> str:
        """Return the path of a file with this code."""
        folder = Path(self.mktemp())
        folder.mkdir()
        (folder / name).write_text(code)
        return str(folder / name)

    def test_a_file_makes_a_filter_of_its_options(self) -> None:
        made = IFilter(from_file(self.write(GOOD), {"word": "never"}))
        verdict = made.look(message("Subject: x\n\n"))
        assert isinstance(verdict, Verdict) and verdict.status is not None
        self.assertEqual(verdict.status.text, "never")

    def bad(self, code: str, text: str, name: str = "own.py", **options: object) -> None:
        with self.assertRaises(BadCode) as raised:
            from_file(self.write(code, name), options)
        self.assertIn(text, str(raised.exception))

    def test_faults_have_the_line_of_the_code(self) -> None:
        self.bad("x = 1\nraise KeyError('k')\n", "own.py, line 2: KeyError: 'k'")
        self.bad("def (\n", "SyntaxError")
        self.bad("x = 1\n", "lacks make_filter")
        self.bad("make_filter = dict\n", "IFilter")
        self.bad("raise SystemExit(3)\n", "own.py, line 1: SystemExit: 3")
        self.bad("raise KeyboardInterrupt\n", "own.py, line 1: KeyboardInterrupt")
        self.bad("import asyncio\nraise asyncio.CancelledError\n", "own.py, line 2: CancelledError")
        for stages in ("Stage.MESSAGE", "('message',)", "None"):
            code = GOOD.replace("(Stage.MESSAGE,)", stages)
            self.bad(code, "own.py: stages must be a sequence of Stage, such as (Stage.MESSAGE,)")
        self.bad(GOOD, "unexpected keyword argument 'wrod'", wrod="x")
        self.bad(GOOD, "name has to end in .py", name="own.txt")

    def test_a_missing_file(self) -> None:
        self.assertRaises(OSError, from_file, "/nowhere/own.py", {})


@implementer(IFilter)
class Passing:
    """A filter that passes all mail."""

    stages = (Stage.MESSAGE,)

    def look(self, mail: Mail) -> Verdict:
        return PASS


class PluginTests(SynchronousTestCase):
    """Filters from Twisted plugins."""

    def setUp(self) -> None:
        plugin = types.SimpleNamespace(name="passing", make_filter=Passing)
        self.patch(python_code, "getPlugins", lambda interface, package: [plugin])

    def test_by_its_name(self) -> None:
        made = from_plugin("passing", {})
        self.assertTrue(IFilter.providedBy(made))
        self.assertFalse(ISessionFilter.providedBy(made))

    def test_an_unknown_name(self) -> None:
        with self.assertRaises(BadCode) as raised:
            from_plugin("pasing", {})
        self.assertIn("known: passing", str(raised.exception))


class RealPluginTests(SynchronousTestCase):
    """A plugin of an installed package."""

    def test_found_in_a_package_of_plugins(self) -> None:
        folder = Path(self.mktemp())
        package = folder / "somebodys_plugins"
        package.mkdir(parents=True)
        (package / "__init__.py").write_text(
            "from twisted.plugin import pluginPackagePaths\n"
            "__path__.extend(pluginPackagePaths(__name__))\n__all__ = []\n"
        )
        (package / "passing.py").write_text(
            "from zope.interface import implementer\n"
            "from mailhost.interfaces import IFilterPlugin\n"
            "from tests.reception.filters.test_python_code import Passing\n\n"
            "@implementer(IFilterPlugin)\nclass Plugin:\n    name = 'real'\n"
            "    def make_filter(self, **options):\n        return Passing(**options)\n\n"
            "plugin = Plugin()\n"
        )
        sys.path.insert(0, str(folder))
        self.addCleanup(sys.path.remove, str(folder))
        import somebodys_plugins  # type: ignore[import-not-found]

        self.addCleanup(sys.modules.pop, "somebodys_plugins")
        self.assertTrue(IFilter.providedBy(from_plugin("real", {}, somebodys_plugins)))
        self.flushWarnings()  # twisted.python.modules warns about a new path
