"""The pages in docs/: their settings load, links lead somewhere, and lists name everything."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

from click.testing import CliRunner
from twisted.trial.unittest import SkipTest, SynchronousTestCase

from mailhost.cli.main import mailhost
from mailhost.interfaces import events

TREE = Path(__file__).parents[2]


class DocsTests(SynchronousTestCase):
    """Every block of TOML in docs/proxy.md."""

    def test_the_examples_are_right(self) -> None:
        text = TREE / "docs" / "proxy.md"
        if not text.is_file():
            raise SkipTest("the source tree is not here")
        folder = Path(self.mktemp())
        shutil.copytree(TREE / "etc" / "filters", folder / "filters")
        blocks = re.findall(r"```toml\n(.*?)```", text.read_text(), re.DOTALL)
        self.assertEqual(len(blocks), 5)
        for number, block in enumerate(blocks):
            path = folder / f"{number}.toml"
            block = block.replace('user     = "mailhost"\n', "")
            path.write_text(block.replace('"/var/lib/mailhost"', f'"{folder.resolve()}/data"'))
            done = CliRunner().invoke(mailhost, ["check-config", "--config", str(path)])
            self.assertEqual(0, done.exit_code, done.output)
            self.assertIn(" is right: ", done.output)

    def test_the_filter_of_ones_own_is_the_one_in_etc(self) -> None:
        text = TREE / "docs" / "proxy.md"
        if not text.is_file():
            raise SkipTest("the source tree is not here")
        (block,) = re.findall(r"```python\n(.*?)```", text.read_text(), re.DOTALL)
        self.assertIn(block, (TREE / "etc" / "filters" / "no_invoices.py").read_text())


class PagesTests(SynchronousTestCase):
    """README.md, ARCHITECTURE.md and docs/."""

    def setUp(self) -> None:
        self.docs = TREE / "docs"
        if not self.docs.is_dir():
            raise SkipTest("the source tree is not here")

    def test_links_lead_to_files(self) -> None:
        pages = [*TREE.glob("*.md"), *self.docs.glob("*.md")]
        for page in pages:
            for target in re.findall(r"\]\((?!https?:)([^)#]+)", page.read_text()):
                self.assertTrue((page.parent / target).exists(), f"{page}: {target}")

    def test_the_index_has_every_page(self) -> None:
        index = (self.docs / "README.md").read_text()
        for name in {page.name for page in self.docs.glob("*.md")} - {"README.md"}:
            self.assertIn(f"]({name})", index)

    def test_every_event_is_explained_to_the_operator(self) -> None:
        text = (self.docs / "operating.md").read_text()
        for each in events.Event.__subclasses__():
            self.assertIn(f"({each.__name__})", text)
