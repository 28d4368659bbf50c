"""The files in etc/: they load, and mailhost.toml shows every setting with its true default."""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from twisted.trial.unittest import SkipTest, SynchronousTestCase

from mailhost.config.explain import all_keys
from mailhost.config.load import load
from mailhost.config.model import Demo, Route, Settings
from mailhost.config.section import Section

ETC = Path(__file__).parents[2] / "etc"
NAMED = (
    "reports",
    "addresses",
    "domain",
    "account",
    "app_passwords",
    "alias",
    "replace",
    "sign_as",
    "spf_of",
    "add",
    "senders",
    "recipients",
    "options",
    "disable",
)


class ExampleCase(SynchronousTestCase):
    """Skipped where only the package is installed."""

    def setUp(self) -> None:
        if not ETC.is_dir():
            raise SkipTest("the source tree is not here")


def uncommented(text: str) -> dict[str, Any]:
    """The file with its examples: lines whose # is followed by a key or a bracket."""
    return tomllib.loads(re.sub(r"(?m)^#(?=[a-z\[]|$)", "", text))


def keys_in(table: Any, above: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """Every path of a parsed file, with NAME where users choose the key."""
    if isinstance(table, list):
        for item in table:
            yield from keys_in(item, above)
    elif isinstance(table, dict):
        for key, value in table.items():
            named = above and above[-1] in NAMED
            yield from keys_in(value, (*above, "NAME" if named else key))
    if above:
        yield above


class EveryDefaultTests(ExampleCase):
    """etc/mailhost.toml."""

    def test_it_loads_and_says_the_defaults(self) -> None:
        found = load(str(ETC / "mailhost.toml")).settings
        least = Settings(version=1, hostname=found.hostname, data=found.data)
        self.assertEqual(found, least)

    def test_every_key_is_in_it(self) -> None:
        shown = set(keys_in(uncommented((ETC / "mailhost.toml").read_text())))
        self.assertEqual(set(all_keys(Settings)) - shown, set())

    def test_the_examples_are_right(self) -> None:
        Settings.model_validate(uncommented((ETC / "mailhost.toml").read_text()))

    def test_examples_show_true_defaults_too(self) -> None:
        raw = uncommented((ETC / "mailhost.toml").read_text())
        self.defaults(Route, raw["relay"]["route"][0])
        self.defaults(Demo, raw["demo"])
        self.assertEqual(raw["domain"]["example.com"]["aliases"], [])

    def defaults(self, section: type[Section], table: dict[str, Any]) -> None:
        for name, field in section.model_fields.items():
            if not field.is_required() and field.default is not None:
                self.assertEqual(table[field.alias or name], field.default, name)


class DemoTests(ExampleCase):
    """etc/demo.toml: loopback and unprivileged ports, as the README promises."""

    def test_the_demo(self) -> None:
        demo = load(str(ETC / "demo.toml")).settings
        self.assertEqual(
            {listen.protocol.value: listen.endpoint for listen in demo.listen},
            {
                "smtp": "tcp:2525:interface=127.0.0.1",
                "submission": "tcp:2587:interface=127.0.0.1",
                "submissions": "tcp:2465:interface=127.0.0.1",
                "lmtp": "tcp:2424:interface=127.0.0.1",
                "imap": "tcp:2143:interface=127.0.0.1",
                "imaps": "tcp:2993:interface=127.0.0.1",
                "pop3": "tcp:2110:interface=127.0.0.1",
                "pop3s": "tcp:2995:interface=127.0.0.1",
                "http": "tcp:2080:interface=127.0.0.1",
                "https": "tcp:2443:interface=127.0.0.1",
            },
        )
        self.assertEqual(demo.data, os.path.normpath(ETC.parent / "var"))
        assert demo.demo is not None
        accounts = list(map(str, demo.demo.accounts))
        self.assertEqual(accounts, ["alice@example.org", "bob@example.net"])


class UnitTests(ExampleCase):
    """The units of systemd agree with the program."""

    def test_the_service_runs_the_host_and_reloads_it(self) -> None:
        unit = (ETC / "mailhost.service").read_text()
        self.assertRegex(unit, r"ExecStart=\S+/mailhost run --config /etc/mailhost/")
        self.assertRegex(unit, r"ExecReload=\S+/mailhost reload --config /etc/mailhost/")
        self.assertIn("\nType=notify\n", unit)
        self.assertIn("\nRestart=always\n", unit)
        self.assertIn("CAP_NET_BIND_SERVICE", unit)
        self.assertIn("ProtectSystem=strict", unit)

    def test_the_sockets_are_those_that_its_comment_numbers(self) -> None:
        unit = (ETC / "mailhost.socket").read_text()
        ports = re.findall(r"(?m)^ListenStream=\[::\]:(\d+)$", unit)
        self.assertEqual(ports, ["25", "587", "465", "143", "993", "110", "995"])
        self.assertEqual(re.findall(r"domain=INET6:index=(\d)", unit), list("0123456"))
