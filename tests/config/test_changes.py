"""The differences between two files that a reload reports."""

from __future__ import annotations

from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from mailhost.config.changes import changed_secrets, changes, for_running
from mailhost.config.load import Loaded
from mailhost.config.model import Settings
from mailhost.config.secrets import Secrets
from mailhost.config.types import Secret

LEAST = {"version": 1, "hostname": "a.example", "data": "/data"}


def settings(**keys: Any) -> Settings:
    return Settings.model_validate(LEAST | keys)


class ChangesTests(SynchronousTestCase):
    """Key by key, old and new."""

    def test_nothing_changed(self) -> None:
        self.assertEqual(changes(settings(), settings(version=1)), [])

    def test_single_values(self) -> None:
        old = settings(limits={"recipients": 10})
        new = settings(hostname="b.example", limits={"recipients": 20}, admin="x@b.example")
        found = [(change.key, change.old, change.new) for change in changes(old, new)]
        self.assertEqual(
            found,
            [
                ("hostname", "a.example", "b.example"),
                ("admin", "nothing", "x@b.example"),
                ("limits.recipients", "10", "20"),
            ],
        )

    def test_tables_and_lists(self) -> None:
        route = {"via": "one.example:25"}
        old = settings(relay={"route": [route]}, domain={"example.com": {"catch_all": "ann"}})
        new = settings(
            relay={"route": [route | {"via": "two.example:25"}, {"via": "three.example"}]},
            domain={"example.com": {"catch_all": "bob"}, "example.org": {}},
        )
        found = {change.key: change for change in changes(old, new)}
        self.assertEqual(
            list(found),
            [
                "relay.route[1].via",
                "relay.route[2]",
                'domain."example.com".catch_all',
                'domain."example.org"',
            ],
        )
        self.assertEqual(str(found["relay.route[2]"].new), "{via = three.example}")

    def test_what_waits_for_the_next_start(self) -> None:
        old = settings()
        new = settings(data="/other", user="mail", demo={"accounts": ["a@b.example"]}, admin="a@b")
        later = {change.key: change.later for change in changes(old, new)}
        self.assertEqual(later, {"data": True, "user": True, "demo": True, "admin": False})
        self.assertIn("at the next start", str(changes(old, new)[0]))

    def test_secrets_are_not_shown(self) -> None:
        source = Secret(file="/secrets/isp")
        same = settings(relay={"route": [{"via": "a.example", "password": source}]})
        old = Loaded(same, Secrets({source: "hunter2"}), "")
        new = Loaded(same, Secrets({source: "hunter3"}), "")
        (change,) = changed_secrets(old, new)
        self.assertEqual(change.key, "relay.route[1].password")
        self.assertNotIn("hunter", str(change))
        self.assertEqual(changed_secrets(old, old), [])
        moved = settings(
            relay={"route": [{"via": "a.example", "password": Secret(env="ISP_PASSWORD")}]}
        )
        self.assertIn("variable ISP_PASSWORD", str(changes(same, moved)[0]))


class ForRunningTests(SynchronousTestCase):
    def test_what_only_a_start_changes_stays(self) -> None:
        demo = {"accounts": ["ann@demo.example"]}
        before = Loaded(settings(user="mail"), Secrets({}), "/settings")
        read = settings(hostname="b.example", data="/other", user="other", demo=demo)
        found = for_running(Loaded(read, Secrets({}), "/settings"), before)
        self.assertEqual(settings(hostname="b.example", user="mail"), found.settings)
