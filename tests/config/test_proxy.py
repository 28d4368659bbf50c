"""The settings of a proxy's listener: what it needs, and where else they have no place."""

from __future__ import annotations

import os

from mailhost.config.model import Identity, Listen, RouteTLS
from tests.config.test_load import HEAD, LoadCase

LISTEN = '[[listen]]\nprotocol = "proxy"\nendpoint = "tcp:25"\n'
UPSTREAM = 'upstream = "tcp:10.0.0.5:25"\n'


class ProxyTests(LoadCase):
    """`[[listen]]` with protocol = "proxy"."""

    def listen(self, *lines: str) -> Listen:
        """The listener with these settings."""
        return self.load(HEAD + LISTEN + "\n".join(lines)).settings.listen[0]

    def faults(self, *lines: str) -> dict[str, str]:
        """The faults of the listener."""
        problems = self.problems(HEAD + LISTEN + "\n".join(lines))
        return {key.removeprefix("listen[1]."): text for key, text in problems.items()}

    def test_what_is_not_said(self) -> None:
        listen = self.listen(UPSTREAM)
        self.assertEqual(listen.upstream, ("tcp:10.0.0.5:25",))
        self.assertIs(listen.upstream_tls, RouteTLS.OPPORTUNISTIC)
        self.assertIs(listen.identity, Identity.NONE)
        self.assertEqual((listen.upstream_name, listen.trace), ("", True))

    def test_all_that_can_be_said(self) -> None:
        listen = self.listen(
            'upstream = ["tls:mail.example.com:465", "unix:/run/mail.sock"]',
            'upstream_tls = "require"',
            'upstream_name = "Mail.Example.com"',
            'identity = "xclient"',
            "trace = false",
        )
        self.assertEqual(listen.upstream, ("tls:mail.example.com:465", "unix:/run/mail.sock"))
        self.assertIs(listen.upstream_tls, RouteTLS.REQUIRE)
        self.assertEqual(listen.upstream_name, "mail.example.com")
        self.assertIs(listen.identity, Identity.XCLIENT)
        self.assertFalse(listen.trace)

    def test_tls_from_the_first_octet(self) -> None:
        proxys = LISTEN.replace('"proxy"', '"proxys"').replace("tcp:25", "tcp:465")
        [listen] = self.load(HEAD + proxys + UPSTREAM).settings.listen
        self.assertTrue(listen.protocol.implicit_tls)
        self.assertTrue(listen.protocol.proxied)

    def test_paths_are_below_the_settings_file(self) -> None:
        [upstream] = self.listen('upstream = "unix:mail.sock"').upstream
        self.assertEqual(upstream, f"unix:path={os.path.join(self.folder, 'mail.sock')}")

    def test_a_proxy_needs_a_server(self) -> None:
        self.assertIn("is missing", self.faults()["upstream"])
        self.assertIn("is missing", self.faults("upstream = []")["upstream"])

    def test_servers_that_are_none(self) -> None:
        for value, text in {
            '"10.0.0.5:25"': "tcp:10.0.0.5:25",
            '"tcp:10.0.0.5"': "tcp:10.0.0.5:25",
            '"tcp:a:25:timeout=soon"': "timeout",
            "25": "tcp:10.0.0.5:25",
            '[["tcp:a:25"]]': "tcp:10.0.0.5:25",
        }.items():
            self.assertIn(text, self.faults(f"upstream = {value}")["upstream[1]"], value)

    def test_each_wrong_server_is_told(self) -> None:
        faults = self.faults('upstream = ["tcp:a:25", "tcp:b", "tcp:c:x"]')
        self.assertEqual(set(faults), {"upstream[2]", "upstream[3]"})

    def test_wrong_values(self) -> None:
        cases = {
            "upstream_tls": ('upstream_tls = "always"', "'never', 'opportunistic' or 'require'"),
            "upstream_name": ('upstream_name = "[10.0.0.5]"', "host name"),
            "identity": ('identity = "xforwards"', "'xforward'"),
            "trace": ('trace = "no"', "true or false"),
        }
        for key, (line, text) in cases.items():
            faults = self.faults(UPSTREAM, line)
            self.assertEqual(list(faults), [key])
            self.assertIn(text, faults[key])

    def test_a_verified_certificate_needs_a_name(self) -> None:
        require = 'upstream_tls = "require"'
        for upstream in ("unix:/run/mail.sock", "tcp:mail_server:25"):
            line = f'upstream = ["tcp:a:25", "{upstream}"]'
            self.assertIn("upstream_name", self.faults(line, require)["upstream[2]"])
            self.listen(line, require, 'upstream_name = "mail.example.com"')
            self.listen(line)
        for name in ("10.0.0.5", "\\\\:\\\\:1", "mail.example.com", "bücher.example"):
            self.listen(f'upstream = "tcp:{name}:25"', require)
        for name in ("10.0.0.5", "::1", "bücher.example"):
            self.listen(UPSTREAM, require, f'upstream_name = "{name}"')

    def test_the_proxy_line_does_not_go_before_tls(self) -> None:
        line = 'upstream = ["tcp:a:25", "tls:a:465"]'
        self.assertIn("tcp endpoint", self.faults(line, 'identity = "haproxy"')["upstream[2]"])
        self.listen(line, 'identity = "xclient"')

    def test_other_listeners_have_none_of_it(self) -> None:
        smtp = LISTEN.replace('"proxy"', '"smtp"')
        for line in (
            UPSTREAM,
            'upstream_tls = "never"',
            'upstream_name = "a"',
            'identity = "none"',
            "trace = true",
        ):
            problems = self.problems(HEAD + smtp + line)
            self.assertEqual(list(problems), [f"listen[1].{line.split(' ')[0]}"])
            self.assertIn("is for proxies", str(problems))

    def test_all_faults_are_told_together(self) -> None:
        other = '[[listen]]\nprotocol = "lmtp"\nendpoint = "tcp:24"\ntrace = false\n'
        faults = self.faults('upstream = "tls:a:465"', 'identity = "haproxy"', other)
        self.assertEqual(set(faults), {"upstream[1]", "listen[2].trace"})
