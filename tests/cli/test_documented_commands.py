"""The commands that the documentation names exist, with their options."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import click
from twisted.trial.unittest import SynchronousTestCase

from mailhost.cli.main import mailhost

ROOT = Path(__file__).parents[2]
PAGES = (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")))
_COMMAND = re.compile(r"`(mailhost [^`]+)`|^ {4,}(?:\$ )?(mailhost .+?) *\\?$", re.MULTILINE)
_END = ("|", ">", "&&", ";")


def named(page: Path) -> Iterator[list[str]]:
    """Yield the words of each command that a page names."""
    for match in _COMMAND.finditer(page.read_text(encoding="utf-8")):
        words = shlex.split(match[1] or match[2], comments=True)
        end = next((at for at, word in enumerate(words) if word in _END), len(words))
        yield words[1:end]


def fault(words: list[str]) -> str:
    """Return what is wrong with the words of a command, empty if nothing is."""
    command: click.Command = mailhost
    if words[:1] == ["doctor"] and "--send" in words:
        words = ["doctor", "send", *(word for word in words[1:] if word != "--send")]
    rest = list(words)
    while isinstance(command, click.Group) and rest and not rest[0].startswith("-"):
        found = command.get_command(click.Context(command), rest[0])
        if found is None and command.name == "doctor":
            found = command.commands["check"]  # the word is its TARGET
        if found is None:
            return f"no command {rest[0]!r}"
        command = found
        rest = rest[1:]
    if command.name == "doctor" and isinstance(command, click.Group):
        command = command.commands["check"]
    known = {option for each in command.params for option in each.opts}
    options = {word.partition("=")[0] for word in rest if word.startswith("--")}
    return ", ".join(options - known - {"--help", "--version"})


class DocumentedCommandTests(SynchronousTestCase):
    def test_each_exists(self) -> None:
        count = 0
        for page in PAGES:
            for words in named(page):
                count += 1
                self.assertEqual("", fault(words), f"{page.name}: mailhost {shlex.join(words)}")
        self.assertGreater(count, 100)

    def test_what_is_wrong_is_found(self) -> None:
        self.assertEqual("no command 'password'", fault(["password"]))
        self.assertEqual("no command 'a@b.example'", fault(["account", "password", "a@b.example"]))
        self.assertEqual("--nothing", fault(["doctor", "example.com", "--nothing"]))
        self.assertEqual("", fault(["doctor", "--send", "a@b.example", "--user", "c@d.example"]))
