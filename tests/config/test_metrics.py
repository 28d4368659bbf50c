"""`[metrics]`: off without the section, and its endpoint compared with the listeners."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from mailhost.config.metrics import Metrics
from mailhost.config.metrics_check import KEY, check_metrics, warn_of_metrics
from mailhost.config.model import Listen, Settings
from mailhost.config.protocol import ListenProtocol

SMTP = Listen(protocol=ListenProtocol.SMTP, endpoint="tcp6:25:interface=\\:\\:")


def settings(endpoint: str | None) -> Settings:
    return Settings(
        version=1,
        hostname="mx.example.com",
        data="/var/lib/mailhost",
        listen=(SMTP,),
        metrics=None if endpoint is None else Metrics(endpoint=endpoint),
    )


def faults(endpoint: str | None) -> list[str]:
    return [f"{each}" for each in check_metrics(settings(endpoint))]


def warned(endpoint: str | None) -> list[str]:
    return [f"{each}" for each in warn_of_metrics(settings(endpoint))]


class MetricsTests(SynchronousTestCase):
    def test_without_the_section_nothing_listens(self) -> None:
        self.assertIsNone(settings(None).metrics)
        self.assertEqual([], faults(None) + warned(None))

    def test_the_default_is_on_loopback(self) -> None:
        self.assertEqual("tcp:9425:interface=127.0.0.1", Metrics().endpoint)
        self.assertEqual([], faults(Metrics().endpoint) + warned(Metrics().endpoint))

    def test_endpoints_that_prometheus_cannot_read(self) -> None:
        for endpoint in ("unix:/run/metrics.sock", "haproxy:tcp:9425"):
            (text,) = faults(endpoint)
            self.assertIn(f"{KEY}: is read over plain TCP", text)
        self.assertEqual([], faults("systemd:domain=INET6:name=metrics"))

    def test_the_port_of_a_listener(self) -> None:
        (text,) = faults("tcp:25:interface=127.0.0.1")
        self.assertIn("clashes with listen[1], tcp6:25", text)

    def test_an_address_that_strangers_reach_gets_a_warning(self) -> None:
        for endpoint in ("tcp:9425", "tcp:[::]:9425", "tcp:8.8.8.8:9425", "tcp:[2600::1]:9425"):
            (text,) = warned(endpoint)
            self.assertIn("can be reached from other networks", text)
            self.assertIn("tcp:9425:interface=127.0.0.1", text)
        for endpoint in (
            "tcp:localhost:9425",
            "tcp:[::1]:9425",
            "tcp:10.0.0.5:9425",
            "tcp:[fd00::5]:9425",
            "systemd:domain=INET6:name=metrics",
        ):
            self.assertEqual([], warned(endpoint), endpoint)
