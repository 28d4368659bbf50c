"""An explanation while no host runs, by the settings file and the data folder."""

from __future__ import annotations

import os
from typing import Any

from twisted.internet import reactor as made
from twisted.internet.defer import Deferred
from twisted.trial.unittest import TestCase

from mailhost.application.not_running import become_host_user, explain_not_running
from mailhost.config.load import load
from mailhost.directory.place import database_path
from mailhost.directory.sqlite import DirectoryDatabase
from mailhost.explain.explanation import CannotExplain

reactor: Any = made
SETTINGS = """
version = 1
hostname = "mx.example.com"
data = "data"
[domain."example.com".account.ann]
quota = "1 MB"
[[filter]]
kind = "greylist"
[[filter]]
kind = "rate"
limit = 1
"""


class NotRunningTests(TestCase):
    def setUp(self) -> None:
        self.folder = os.path.abspath(self.mktemp())
        os.makedirs(os.path.join(self.folder, "data"), mode=0o700)
        path = os.path.join(self.folder, "mailhost.toml")
        with open(path, "w", encoding="utf-8") as file:
            file.write(SETTINGS)
        os.chmod(path, 0o600)
        self.loaded = load(path, {})

    def database(self) -> None:
        DirectoryDatabase(database_path(self.loaded.settings.data), create=True).close()

    async def explained(self, **question: Any) -> Any:
        wanted = {"sender": "sue@far.example", "recipient": "Ann+x@example.com"} | question
        return await explain_not_running(reactor, self.loaded, **wanted)

    def test_the_settings_answer(self) -> Deferred[None]:
        async def run() -> None:
            self.database()
            become_host_user(self.loaded)
            before = sorted(os.listdir(self.loaded.settings.data))
            for _ in range(2):  # nothing is counted or remembered
                found = await self.explained()
                answers = {each["name"]: each["answer"] for each in found["filters"]}
                self.assertEqual({"greylist": "defer", "rate": "pass"}, answers)
                self.assertIn("try again in 300 seconds", found["session"][-1]["reply"])
            self.assertEqual("ann@example.com", found["way"]["mailboxes"][0]["account"])
            self.assertTrue(found["way"]["mailboxes"][0]["fits"])
            after = [name for name in os.listdir(self.loaded.settings.data) if "-" not in name]
            self.assertEqual([name for name in before if "-" not in name], sorted(after))

        return Deferred.fromCoroutine(run())

    def test_a_question_that_cannot_be_answered(self) -> Deferred[None]:
        async def run() -> None:
            self.database()
            with self.assertRaises(CannotExplain):
                await self.explained(listener="pop3")

        return Deferred.fromCoroutine(run())

    def test_without_a_directory(self) -> None:
        with self.assertRaisesRegex(CannotExplain, "has no directory.sqlite"):
            become_host_user(self.loaded)
