"""The `mailhost dkim` commands in the running host."""

from __future__ import annotations

import os
from types import SimpleNamespace
from typing import Any, cast

from twisted.internet.defer import Deferred

from mailhost.application.key_commands import key_commands
from mailhost.net.control.server import CommandRefused
from mailhost.signing.key_work import KeyWork
from tests.dkim.messages import RSA
from tests.fakes import now
from tests.queue.fakes import here
from tests.signing.test_keeper import START, KeeperCase


class KeyCommands(KeeperCase):
    """On an upgraded host with the domain a.org, whose DNS has nothing yet."""

    def setUp(self) -> None:
        super().setUp()
        head = SimpleNamespace(
            foundation=SimpleNamespace(key_ring=self.ring, in_thread=here),
            services=SimpleNamespace(signing_rules=self.rules),
            keys=self.keeper,
            key_work=KeyWork(self.files, lambda: START + self.clock.seconds()),
        )
        self.commands = key_commands(cast(Any, head))

    def shown(self, command: str, **arguments: Any) -> dict[str, tuple[str, str]]:
        """The state of each key, and what DNS shows of it."""
        entries = now(self.commands[f"dkim.{command}"](**arguments))
        return {each["selector"]: (each["state"], each["dns"]) for each in entries}

    def refused(self, command: str, **arguments: Any) -> str:
        asked = Deferred.fromCoroutine(self.commands[f"dkim.{command}"](**arguments))
        return str(self.failureResultOf(asked, CommandRefused).value)

    def test_list(self) -> None:
        coming = ("coming", "unknown")
        both = {"20231114-rsa": coming, "20231114-ed25519": coming}
        self.assertEqual(self.shown("list", domain="a.org"), both)
        self.assertEqual(len(now(self.commands["dkim.list"]())), 4)
        self.assertEqual(self.shown("list", domain="far.org"), {})

    def test_list_of_a_damaged_file(self) -> None:
        with open(os.path.join(self.data, "dkim", "a.org", "keys.json"), "w") as file:
            file.write("{")
        now(self.ring.read_again("a.org"))
        self.assertIn("is damaged; restore it", self.refused("list", domain="a.org"))

    def test_a_check_uses_what_dns_shows(self) -> None:
        self.servers.publish(*self.keys())
        self.servers.catch_up()
        states = self.shown("list", domain="a.org", check=True)
        self.assertEqual(set(states.values()), {("active", "shown")})
        self.assertEqual(self.signing(), set(states))

    def test_an_imported_key_that_dns_shows_signs_at_once(self) -> None:
        self.servers.first["old._domainkey.a.org"] = RSA.record().encode()
        self.servers.catch_up()
        pem = RSA.pem().decode()
        states = self.shown("import", domain="a.org", selector="old", pem=pem)
        self.assertEqual(states["old"], ("active", "shown"))
        self.assertNotIn("20231114-rsa", states)
        self.assertEqual(self.signing(), {"old"})

    def test_rotate_and_retire(self) -> None:
        self.assertIn("coming keys", self.refused("rotate", domain="a.org"))
        self.servers.publish(*self.keys())
        self.servers.catch_up()
        now(self.keeper.check("a.org"))
        self.assertEqual(len(self.shown("rotate", domain="a.org")), 4)
        states = self.shown("retire", domain="a.org", selector="20231114-rsa")
        self.assertEqual(states["20231114-rsa"][0], "retired")
        self.assertEqual(self.signing(), {"20231114-ed25519"})
        last = "20231114-ed25519"
        self.assertIn("--force", self.refused("retire", domain="a.org", selector=last))
        self.shown("retire", domain="a.org", selector=last, force=True)
        self.assertEqual(self.signing(), set())

    def test_what_is_retired_gets_a_successor(self) -> None:
        states = self.shown("retire", domain="a.org", selector="20231114-rsa")
        self.assertEqual(states["20231114-rsa"][0], "coming", "it has never signed")

    def test_a_domain_that_is_not_here_yet(self) -> None:
        self.assertEqual(len(self.shown("make", domain="new.org")), 2)
        self.assertIn("no keys", self.refused("rotate", domain="far.org"))

    def test_what_is_no_key(self) -> None:
        self.assertIn("PEM", self.refused("import", domain="a.org", selector="s", pem="x"))
