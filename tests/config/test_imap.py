"""IMAP capabilities that are switched off by the settings."""

from __future__ import annotations

from tests.config.test_load import HEAD, LoadCase
from tests.fakes import address

LISTEN = '[[listen]]\nprotocol = "{}"\nendpoint = "tcp:143"\n'


class DisabledTests(LoadCase):
    def test_for_a_listener(self) -> None:
        text = HEAD + LISTEN.format("imap") + 'disable = ["qresync", "COMPRESS=DEFLATE"]'
        (listen,) = self.load(text).settings.listen
        self.assertEqual(("QRESYNC", "COMPRESS=DEFLATE"), listen.disable)

    def test_for_an_account(self) -> None:
        text = HEAD + '[imap]\ndisable = { "ann@example.com" = ["NOTIFY"] }\n'
        settings = self.load(text).settings
        self.assertEqual({address("ann@example.com"): ("NOTIFY",)}, settings.imap.disable)

    def test_names_that_are_none(self) -> None:
        text = HEAD + LISTEN.format("imap") + 'disable = ["QRSYNC"]'
        (problem,) = self.problems(text).values()
        self.assertIn("did you mean 'QRESYNC'?", problem)

    def test_it_is_for_imap(self) -> None:
        text = HEAD + LISTEN.format("pop3") + 'disable = ["QRESYNC"]'
        self.assertIn("is for IMAP", self.problems(text)["listen[1].disable"])
