"""[web], and the listeners that it adds."""

from __future__ import annotations

from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from mailhost.config.model import DEFAULT_LISTEN, Settings


def settings(**more: Any) -> Settings:
    return Settings.model_validate({"version": 1, "hostname": "a.example", "data": "/d", **more})


class WebTests(SynchronousTestCase):
    def test_the_table_adds_two_default_listeners(self) -> None:
        self.assertEqual(settings().listen, DEFAULT_LISTEN)
        with_web = settings(web={})
        self.assertTrue(with_web.listens_by_default)
        self.assertEqual(with_web.listen[: len(DEFAULT_LISTEN)], DEFAULT_LISTEN)
        added = with_web.listen[len(DEFAULT_LISTEN) :]
        self.assertEqual(
            [(each.protocol.value, each.endpoint) for each in added],
            [("http", "tcp6:80:interface=\\:\\:"), ("https", "tcp6:443:interface=\\:\\:")],
        )

    def test_listeners_of_the_file_are_all(self) -> None:
        given = [{"protocol": "http", "endpoint": "tcp:8080"}]
        self.assertEqual(len(settings(web={}, listen=given).listen), 1)

    def test_the_web_alone_receives_no_mail(self) -> None:
        given = [{"protocol": "https", "endpoint": "tcp:8443"}]
        self.assertFalse(settings(listen=given).receives)
