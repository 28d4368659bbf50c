"""Values that no host should have: some keep it from starting, of others it warns."""

from __future__ import annotations

import os

from mailhost.config.load import load
from tests.config.test_load import HEAD, LoadCase, write_pair

ADMIN = 'admin = "ann@elsewhere.example"\n'
HERE = '[[listen]]\nprotocol = "smtp"\nendpoint = "tcp:127.0.0.1:2525"\n'


class PlausibleCase(LoadCase):
    """Faults and warnings, by key."""

    def warnings(self, text: str) -> dict[str, str]:
        found = load(self.write("mailhost.toml", text), {}).warnings
        return {problem.key: problem.text for problem in found}

    def named(self, name: str, more: str = "") -> str:
        return HEAD.replace("mail.example.com", name) + ADMIN + more


class ReportTests(PlausibleCase):
    """Reports to other domains."""

    def test_without_a_filter_there_is_nothing_to_report(self) -> None:
        text = self.named("mx.example.com", HERE + "[dmarc]\nsend_reports = true\n")
        self.assertEqual(list(self.warnings(text)), ["dmarc.send_reports"])
        text += '[[filter]]\nkind = "authenticity"\n'
        self.assertEqual(list(self.warnings(text)), [])

    def test_reports_about_tls_must_be_signed(self) -> None:
        text = self.named("mx.example.com", HERE + "[tls_reports]\n[dkim]\nsign = false\n")
        self.assertEqual(list(self.warnings(text)), [])
        text = text.replace("[tls_reports]", "[tls_reports]\nsend = true")
        self.assertEqual(list(self.warnings(text)), ["tls_reports.send"])


class HostnameTests(PlausibleCase):
    """A name that other hosts can look up."""

    NAMES = ("localhost", "mail", "localhost.localdomain", "[192.0.2.1]", "192.0.2.1")

    def test_names_that_other_hosts_cannot_look_up(self) -> None:
        for name in self.NAMES:
            problems = self.problems(self.named(name))
            self.assertEqual(list(problems), ["hostname"], name)
            self.assertIn('"mail.example.com"', problems["hostname"])

    def test_a_host_that_only_this_machine_reaches_is_warned(self) -> None:
        unix = '[[listen]]\nprotocol = "lmtp"\nendpoint = "unix:lmtp.sock"\n'
        v6 = '[[listen]]\nprotocol = "smtp"\nendpoint = "tcp:[::1]:2525"\n'
        for name in self.NAMES:
            self.assertEqual(list(self.warnings(self.named(name, HERE + unix + v6))), ["hostname"])
        outside = HERE + HERE.replace("127.0.0.1", "192.0.2.1")
        self.assertEqual(list(self.problems(self.named("mail", outside))), ["hostname"])

    def test_names_that_are_right(self) -> None:
        for name in ("mail.example.com", "mx.test", "1.example", "b\u00fccher.example"):
            self.assertEqual(self.warnings(self.named(name)), {})


class NetworkTests(PlausibleCase):
    """Networks of everybody."""

    def test_an_open_relay_does_not_start(self) -> None:
        for networks, key in {
            '"0.0.0.0/0"': "[1]",
            '"10.0.0.0/8", "::/0"': "[2]",
            '"2000::/3"': "[1]",
            '"0.0.0.0/1", "128.0.0.0/1"': "",
        }.items():
            problems = self.problems(HEAD + f"relay.networks = [{networks}]\n")
            self.assertEqual(list(problems), [f"relay.networks{key}"])
            self.assertIn("through this host", problems[f"relay.networks{key}"])

    def test_every_other_list_is_warned_of(self) -> None:
        filters = """
            [[filter]]
            kind = "greylist"
            networks = ["10.0.0.0/8", "0.0.0.0/0"]
            [[filter]]
            kind = "dnslist"
            zones = ["bl.example"]
            answers = ["0.0.0.0/0"]
            """
        found = self.warnings(HEAD + ADMIN + filters)
        self.assertEqual(list(found), ["filter[1].networks[2]", "filter[2].answers[1]"])

    def test_a_list_that_refuses_everybody(self) -> None:
        everybody = '[[filter]]\nkind = "list"\nentries = ["10.0.0.1", "0.0.0.0/0", "::/0"]\n'
        found = self.warnings(HEAD + ADMIN + everybody)
        self.assertEqual(list(found), ["filter[1].entries[2]", "filter[1].entries[3]"])
        self.assertIn('all mail gets action = "reject"', found["filter[1].entries[2]"])
        for more in ('listeners = ["smtp"]', 'action = "tag"\ntag = "x"', 'look_at = "hello"'):
            self.assertEqual(self.warnings(HEAD + ADMIN + everybody + more), {})

    def test_networks_of_a_provider_are_not_reported(self) -> None:
        text = HEAD + ADMIN + 'relay.networks = ["10.0.0.0/8", "2001:db8::/32", "fd00::/8"]\n'
        self.assertEqual(self.warnings(text), {})


class ListenerTests(PlausibleCase):
    """Ports that clients know for another protocol, and a proxy before itself."""

    def listen(self, protocol: str, endpoint: str, more: str = "") -> str:
        return f'[[listen]]\nprotocol = "{protocol}"\nendpoint = "{endpoint}"\n{more}'

    def test_a_port_of_another_protocol(self) -> None:
        for protocol, port, meant in (
            ("submission", 465, "submissions"),
            ("submissions", 587, "submission"),
            ("pop3", 995, "pop3s"),
            ("pop3s", 110, "pop3"),
            ("smtp", 465, "submissions"),
        ):
            found = self.warnings(HEAD + ADMIN + self.listen(protocol, f"tcp:{port}"))
            self.assertEqual(list(found), ["listen[1].protocol"], protocol)
            self.assertIn(f'clients expect protocol = "{meant}" at port {port}', found.popitem()[1])
        write_pair(self.folder, "own")
        with_tls = self.listen("submission", "ssl:465:privateKey=own.key:certKey=own.pem")
        self.assertEqual(self.warnings(HEAD + ADMIN + with_tls), {})
        for protocol, port in (("smtp", 587), ("submissions", 2465), ("lmtp", 25)):
            found = self.warnings(HEAD + ADMIN + self.listen(protocol, f"tcp:{port}"))
            self.assertEqual(found, {})

    def test_the_files_of_an_endpoint_with_tls(self) -> None:
        write_pair(self.folder, "own")
        self.write("empty.pem", "")
        for endpoint, explanation in {
            "ssl:2465": 'ssl needs privateKey; write "tcp:2465" and protocol = "submissions"',
            "ssl:2465:privateKey=none.pem": "there is no such file",
            "ssl:2465:privateKey=own.key:certKey=none.pem": "there is no such file",
            "ssl:2465:privateKey=empty.pem": "holds no certificate in PEM",
            "tls:none:2465": "none",
        }.items():
            problems = self.problems(HEAD + ADMIN + self.listen("smtp", endpoint))
            self.assertEqual(list(problems), ["listen[1].endpoint"])
            self.assertIn(explanation, problems["listen[1].endpoint"])
        self.warnings(
            HEAD + ADMIN + self.listen("smtp", "ssl:2465:privateKey=own.key:certKey=own.pem")
        )

    def test_a_proxy_before_itself(self) -> None:
        for endpoint, upstream in (
            ("tcp:127.0.0.1:2525", "tcp:127.0.0.1:2525"),
            ("tcp:2525", "tcp:localhost:2525"),
            ("tcp:[::]:2525", "tcp:[::1]:2525"),
        ):
            more = f'upstream = ["tcp:192.0.2.1:25", "{upstream}"]\n'
            problems = self.problems(HEAD + self.listen("proxy", endpoint, more))
            self.assertEqual(list(problems), ["listen[1].upstream[2]"])
            self.assertIn("is listen[1] itself", problems["listen[1].upstream[2]"])
        more = 'upstream = "tcp:127.0.0.1:25"\n'
        self.assertEqual(self.warnings(HEAD + self.listen("proxy", "tcp:192.0.2.1:25", more)), {})


class DataTests(PlausibleCase):
    """A folder of its own."""

    def test_the_systems_folders(self) -> None:
        for folder in ("/", "/etc", "/var/lib/", "/tmp"):
            text = HEAD.replace('"data"', f'"{folder}"') + ADMIN
            self.assertIn("/var/lib/mailhost", self.problems(text)["data"])

    def test_a_link_to_one(self) -> None:
        os.symlink("/", os.path.join(self.folder, "data"))
        self.assertIn("/ belongs to the system", self.problems(HEAD + ADMIN)["data"])


class DurationTests(PlausibleCase):
    """Zero, and times that do not go together."""

    def test_zero(self) -> None:
        for key in (
            "login.failures_within",
            "login.delay",
            "limits.stop_timeout",
            "queue.warn_after",
            "relay.idle_timeout",
        ):
            found = self.warnings(HEAD + ADMIN + f"{key} = 0\n")
            self.assertEqual(list(found), [key])
            self.assertIn("is 0, so ", found[key])

    def test_times_of_the_queue(self) -> None:
        found = self.warnings(HEAD + ADMIN + 'queue.expire_after = "5 minutes"\n')
        self.assertIn("before it is tried again", found["queue.expire_after"])
        found = self.warnings(HEAD + ADMIN + 'queue.expire_after = "3 hours"\n')
        self.assertIn("no warning is sent", found["queue.warn_after"])


class AdminTests(PlausibleCase):
    """The reader of mail for postmaster and abuse."""

    def test_none(self) -> None:
        self.assertIn("postmaster", self.warnings(HEAD)["admin"])
        self.assertEqual(self.warnings(HEAD + ADMIN), {})

    def test_one_that_is_a_role_itself(self) -> None:
        text = 'admin = "postmaster@example.com"\n'
        self.assertEqual(self.warnings(HEAD + text), {})  # of the directory only it knows
        found = self.warnings(HEAD + text + '[domain."example.com".account.ann]\n')
        self.assertIn("no account or alias postmaster@example.com", found["admin"])
        found = self.warnings(HEAD + text + '[domain."example.com".account.postmaster]\n')
        self.assertEqual(found, {})

    def test_a_proxy_needs_none(self) -> None:
        proxy = '[[listen]]\nprotocol = "proxy"\nendpoint = "tcp:0"\nupstream = "tcp:10.0.0.5:25"\n'
        pop3 = '[[listen]]\nprotocol = "pop3"\nendpoint = "tcp:0"\n'
        self.assertEqual(self.warnings(HEAD + proxy + pop3), {})
