"""`mailhost doctor`."""

from __future__ import annotations

import json
import os

from twisted.internet.defer import Deferred, gatherResults

from mailhost.cli import doctor, doctor_check, doctor_send
from tests.cli.bench import CommandCase, fake_host
from tests.cli.served_domain import SERVED, ServedDomainCase


class ReplyTests(CommandCase):
    """`mailhost doctor reply`."""

    def test_the_meaning_and_the_remedy(self) -> None:
        output = self.run_ok("doctor", "reply", "550 5.1.1 <bob@example.net>: User unknown")
        self.assertIn("550: The mailbox does not exist", output)
        self.assertIn("5.1.1: The mailbox does not exist.", output)
        self.assertIn("responsible: the author of the message", output)
        self.assertIn("refused again", output)

    def test_lines_fit_the_terminal(self) -> None:
        self.patch(doctor, "terminal_width", lambda: 80)
        words = "550-5.7.26 This mail has been blocked because the sender is unauthenticated."
        lines = self.run_ok("doctor", "reply", words).splitlines()
        self.assertGreater(len(lines), 5)
        self.assertLessEqual(max(map(len, lines)), 80)

    def test_words_without_quotes(self) -> None:
        output = self.run_ok("doctor", "reply", "421", "4.7.0", "[TSS04] deferred")
        self.assertIn("reply of:    Yahoo", output)
        self.assertIn("https://senders.yahooinc.com", output)

    def test_from_standard_input_as_json(self) -> None:
        output = self.run_ok("doctor", "reply", "--json", stdin="452 4.2.2 full\n")
        found = json.loads(output)
        self.assertEqual((found["code"], found["enhanced"]), (452, "4.2.2"))
        self.assertEqual(found["actor"], "the recipient")

    def test_nothing_to_explain(self) -> None:
        self.assertIn("no reply to explain", self.run_fails("doctor", "reply", stdin="\n"))

    def test_no_control_characters_reach_the_terminal(self) -> None:
        output = self.run_ok("doctor", "reply", "550 \x1b[31m no such user")
        self.assertNotIn("\x1b", output)


class TargetTests(CommandCase):
    """A TARGET that cannot be examined."""

    def test_wrong_texts(self) -> None:
        for text in ("a b", "ann@", "example.org:0"):
            result = self.call("doctor", text)
            self.assertEqual(3, result.exit_code, result.output)
            self.assertIn(
                "a TARGET is a domain, a host, host:port, or a mail address", result.stderr
            )

    def test_no_settings(self) -> None:
        result = self.call("doctor", "--config", "/nowhere.toml", "example.org")
        self.assertEqual(3, result.exit_code, result.output)

    def test_as_json(self) -> None:
        for words in (("a b",), ("example.org", "--config", "/nowhere.toml"), ("--bad", "--user")):
            result = self.call("doctor", *words, "--json")
            self.assertEqual(3, result.exit_code, result.output)
            found = json.loads(result.stdout)
            self.assertEqual((3, []), (found["exit_code"], found["findings"]))
            self.assertTrue(found["error"])
            self.assertEqual("", result.stderr)


class WithoutResultTests(CommandCase):
    """The exit code of `mailhost doctor` where 1 and 2 would say something about the mail."""

    def test_wrong_usage(self) -> None:
        for words in (("--bad",), ("check", "--bad"), ("a", "b"), ("--send",), ("send", "--bad")):
            result = self.call("doctor", *words)
            self.assertEqual(3, result.exit_code, result.output)
            self.assertIn("Usage: mailhost doctor", result.stderr)

    def test_options_of_a_target_without_one(self) -> None:
        for words in (("--user", "ann"), ("--to", "ann@example.com"), ("--abuse",)):
            result = self.call("doctor", *words)
            self.assertEqual(3, result.exit_code, result.output)
            self.assertIn("are for a TARGET: name a domain", " ".join(result.stderr.split()))

    def test_help_is_no_wrong_usage(self) -> None:
        for words in (("--help",), ("check", "--help"), ("send", "--help")):
            self.assertIn("Usage:", self.run_ok("doctor", *words))

    def test_a_command_that_fails(self) -> None:
        self.settings()
        for fault, text in (
            (PermissionError(13, "Permission denied", "/x"), "/x: Permission denied; ask as root"),
            (ZeroDivisionError("by zero"), "internal fault, ZeroDivisionError: by zero"),
            (KeyboardInterrupt(), "aborted"),
        ):

            def fail(*_: object, fault: BaseException = fault) -> None:
                raise fault

            self.patch(doctor_check, "examined", fail)
            self.patch(doctor_send, "examined", fail)
            for words in ((), ("--send", "you@example.net")):
                result = self.call("doctor", *words)
                self.assertEqual(3, result.exit_code, result.output)
                self.assertIn(f"Error: {text}", result.stderr)
                result = self.call("doctor", *words, "--json")
                self.assertIn(text, json.loads(result.stdout)["error"])


class OwnDomainTests(ServedDomainCase):
    """A domain of this host."""

    async def _examine(self) -> None:
        self.server.records = {**SERVED, "_dmarc.books.example": []}
        domain, host = await gatherResults(
            [self.call("doctor", "books.example", "--json"), self.call("doctor", "--json")]
        )
        self.assertEqual(1, domain[2], domain)
        findings = json.loads(domain[0])["findings"]
        [wrong] = [each for each in findings if each["verdict"] != "ok"]
        self.assertEqual("doctor/dns-dmarc", wrong["name"])
        self.assertEqual("Domain books.example", wrong["topic"])
        record = '_dmarc.books.example. 3600 IN TXT "v=DMARC1; p=none"'
        self.assertEqual([record], wrong["copy"])
        about = [each for each in json.loads(host[0])["findings"] if "Domains" in each["topic"]]
        self.assertEqual(["doctor/dns-dmarc"], [each["name"] for each in about])

    def test_one_fault(self) -> Deferred[None]:
        return Deferred.fromCoroutine(self._examine())


class LookedTests(CommandCase):
    """`mailhost doctor looked`."""

    def setUp(self) -> None:
        super().setUp()
        self.settings()

    def test_the_host_is_asked(self) -> None:
        control = os.path.join(self.data, "control.sock")
        with fake_host(control, lambda _: {"ok": True, "result": None}) as requests:
            output = self.run_ok("doctor", "looked", "::ffff:10.0.0.1")
        self.assertIn("10.0.0.1", output)
        wanted = {"command": "clients.looked", "arguments": {"address": "10.0.0.1"}}
        self.assertEqual(requests, [wanted])

    def test_no_address(self) -> None:
        self.assertIn("'app' is no IP address", self.run_fails("doctor", "looked", "app"))

    def test_no_host_runs(self) -> None:
        self.assertIn("no host is running", self.run_fails("doctor", "looked", "10.0.0.1"))


class SendTests(CommandCase):
    """`mailhost doctor --send`, as far as it goes without a host."""

    def test_an_option_names_the_command(self) -> None:
        for arguments in (
            ("doctor", "--send", "you"),
            ("doctor", "--json", "--send", "you"),
            ("doctor", "--send=you"),
        ):
            self.assertIn("'you'", self.call(*arguments).output, arguments)

    def test_settings_that_cannot_be_read(self) -> None:
        for words in (("you",), ("you@example.net", "--user", "ann")):
            result = self.call("doctor", "--send", *words)
            self.assertEqual(3, result.exit_code, result.output)
        result = self.call("doctor", "--send", "you@example.net", "--config", "/nowhere")
        self.assertEqual(result.exit_code, 3, result.output)


class TargetOptionsTests(CommandCase):
    """`mailhost doctor TARGET` with options that cannot be used."""

    def refused(self, *arguments: str, stdin: str = "") -> str:
        self.settings()
        result = self.call("doctor", *arguments, stdin=stdin)
        self.assertEqual(3, result.exit_code, result.output)
        return result.stderr

    def test_a_password_without_a_user(self) -> None:
        said = self.refused("mx.example", "--password-file", "secret")
        self.assertIn("--password-file needs --user", said)

    def test_a_file_that_is_missing(self) -> None:
        said = self.refused("mx.example", "--user", "ann", "--password-file", "/nowhere/secret")
        self.assertIn("/nowhere/secret: No such file", said)

    def test_an_empty_password(self) -> None:
        self.assertIn("empty", self.refused("mx.example", "--user", "ann", stdin="\n"))
