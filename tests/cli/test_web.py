"""`mailhost web`."""

from __future__ import annotations

from tests.cli.bench import CommandCase


class WebTests(CommandCase):
    def setUp(self) -> None:
        super().setUp()
        self.settings('[domain."example.org"]\naliases = ["books.example"]\n[web]\n')

    def test_the_addresses_of_each_domain(self) -> None:
        output = self.run_ok("web")
        for address in (
            "https://mta-sts.example.org/.well-known/mta-sts.txt",
            "https://autoconfig.books.example/mail/config-v1.1.xml",
            "https://autodiscover.example.org/autodiscover/autodiscover.xml",
            "https://mail.example.com/apple/books.example.mobileconfig",
        ):
            self.assertIn(address, output)
        self.assertIn("mode testing", output)

    def test_another_port(self) -> None:
        listener = '[[listen]]\nprotocol = "https"\nendpoint = "tcp:127.0.0.1:2443"\n'
        self.settings(f'[domain."example.org"]\n{listener}')
        self.assertIn("https://autoconfig.example.org:2443/mail/", self.run_ok("web"))

    def test_a_host_without_the_listener(self) -> None:
        self.settings('[domain."example.org"]\n')
        self.assertIn("add the table [web]", self.call("web").stderr)

    def test_reverse_proxies(self) -> None:
        for arguments, expected in (
            (("--behind-proxy",), "        mta-sts.books.example\n"),
            (("--behind-proxy", "nginx"), "proxy_pass http://127.0.0.1:8080;"),
            (("--behind-proxy", "caddy"), "http://autoconfig.example.org,\n"),
        ):
            output = self.run_ok("web", *arguments)
            self.assertIn(expected, output)
            self.assertIn("# The sites of books.example, example.org need", output)
        self.assertIn("nginx", self.call("web", "--behind-proxy", "apache").stderr)
