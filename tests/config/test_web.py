"""[web], and the listeners that it adds."""

from __future__ import annotations

from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from mailhost.config.model import DEFAULT_LISTEN, Settings
from tests.config.test_load import write_pair
from tests.config.test_plausible import HERE, PlausibleCase


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


class WarningTests(PlausibleCase):
    def test_a_table_without_listeners(self) -> None:
        text = self.named("mx.example.com", HERE + "[web]\n")
        self.assertIn("no [[listen]] has protocol", self.warnings(text)["web"])
        http = '[[listen]]\nprotocol = "http"\nendpoint = "tcp:127.0.0.1:8080"\n'
        self.assertEqual(self.warnings(text + http), {})

    def test_proxies_everywhere(self) -> None:
        text = self.named("mx.example.com", '[web]\ntrusted_proxies = ["0.0.0.0/0"]\n')
        self.assertIn("every address", self.warnings(text)["web.trusted_proxies[1]"])

    def test_enforce_needs_a_certificate_of_an_authority(self) -> None:
        tables = {
            "mta_sts.mode": "[mta_sts]",
            'mta_sts.domain."a.example".mode': '[mta_sts.domain."a.example"]',
            'domain."a.example".mta_sts.mode': '[domain."a.example".mta_sts]',
        }
        for key, table in tables.items():
            text = self.named("mx.example.com", f'{table}\nmode = "enforce"\n')
            self.assertEqual(list(self.warnings(text)), [key])
            write_pair(self.folder, "mail")
            pair = '[[tls.certificate]]\nchain = "mail.pem"\nkey = "mail.key"\n'
            self.assertEqual(self.warnings(text + pair), {})
