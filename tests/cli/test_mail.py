"""`mailhost mail`, against servers that say what the test wants."""

from __future__ import annotations

import base64
import os

from tests.cli.bench import CommandCase, fake_server

MESSAGE = (
    "Subject: Hello\r\nFrom: bob@example.net\r\nContent-Type: text/plain; charset=utf-8\r\n"
    "Content-Transfer-Encoding: 8bit\r\n\r\nGrüße \x1b[31m\r\n" + "x" * 5000 + "\r\n"
)


class SMTP:
    """Takes one message, but nothing for nobody@."""

    def __init__(self) -> None:
        self.content = False

    def __call__(self, line: str) -> str | None:
        if self.content:
            self.content = line != "."
            return None if self.content else "250 2.0.0 taken"
        verb = line[:4].upper()
        if verb == "DATA":
            self.content = True
        if "nobody@" in line:
            return "550 5.1.1 no such user"
        expected = base64.b64encode("\0ann@example.com\0pässword".encode()).decode()
        if verb == "AUTH" and line != f"AUTH PLAIN {expected}":
            return "535 5.7.8 wrong"
        replies = {
            "EHLO": "250-here\r\n250 AUTH PLAIN",
            "DATA": "354 go",
            "AUTH": "235 2.7.0 in",
        } | {"QUIT": "221 bye"}
        return replies.get(verb, "250 2.0.0 OK")


class SendTests(CommandCase):
    """A message through the submission listener."""

    def send(self, *recipients: str, password: str = "pässword", fails: bool = False) -> str:
        arguments = ["mail", "send", "--from", "ann@example.com", "--subject", "Grüße"]
        for recipient in recipients:
            arguments += ["--to", recipient]
        secret = os.path.join(self.folder, "password")
        with open(secret, "w", encoding="utf-8") as file:
            file.write(password + "\n")
        arguments += ["--password-file", secret]
        with fake_server("220 here", SMTP()) as (port, self.told):
            self.settings(
                '[[listen]]\nprotocol = "submission"\n'
                f'endpoint = "tcp:{port}:interface=127.0.0.1"\n'
            )
            run = self.run_fails if fails else self.run_ok
            return run(*arguments, stdin="a line\n.\n")

    def test_it_is_sent(self) -> None:
        output = self.send("bob@example.net", "carl@example.org")
        self.assertIn("bob@example.net, carl@example.org", output)
        self.assertIn("a line", self.told)
        self.assertIn("..", self.told)
        self.assertIn("To: bob@example.net, carl@example.org", self.told)

    def test_what_the_host_refuses(self) -> None:
        self.assertIn("535 5.7.8 wrong", self.send("bob@example.net", password="x", fails=True))
        self.assertIn("550 5.1.1", self.send("nobody@example.net", fails=True))
        self.assertIn(
            "other recipients", self.send("nobody@example.net", "bob@example.net", fails=True)
        )

    def test_the_demo_needs_no_password_from_anybody(self) -> None:
        os.mkdir(self.data)
        with open(os.path.join(self.data, "demo-password"), "w", encoding="utf-8") as file:
            file.write("pässword\n")
        with fake_server("220 here", SMTP()) as (port, _):
            self.settings(
                '[[listen]]\nprotocol = "submission"\n'
                f'endpoint = "tcp:{port}:interface=127.0.0.1"\n'
                '[demo]\naccounts = ["ann@example.com"]\n'
            )
            arguments = ["--from", "ann@example.com", "--to", "bob@example.net", "--body", "x"]
            self.run_ok("mail", "send", *arguments)

    def test_no_host_running(self) -> None:
        self.settings('[[listen]]\nprotocol = "submission"\nendpoint = "tcp:1"\n')
        arguments = ["--from", "a@b.example", "--to", "c@d.example", "--body", "x"]
        error = self.run_fails("mail", "send", *arguments, stdin="password\n")
        self.assertIn("no host is running", error)

    def test_standard_input_is_either_body_or_password(self) -> None:
        self.settings()
        arguments = ["--from", "a@b.example", "--to", "c@d.example"]
        self.assertIn("both", self.run_fails("mail", "send", *arguments, stdin="password\n"))


def pop3(line: str) -> str:
    """A maildrop with one message."""
    if line.startswith("PASS") and line != "PASS hunter2":
        return "-ERR [AUTH] wrong"
    if line.startswith("RETR"):
        return f"+OK\r\n{MESSAGE}."
    return {"CAPA": "+OK\r\nUSER\r\n.", "STAT": "+OK 1 100"}.get(line, "+OK")


class ReadTests(CommandCase):
    """The inbox, printed."""

    def read(self, password: str, fails: bool = False) -> str:
        with fake_server("+OK here", pop3) as (port, self.told):
            self.settings(
                f'[[listen]]\nprotocol = "pop3"\nendpoint = "tcp:{port}:interface=127.0.0.1"\n'
            )
            run = self.run_fails if fails else self.run_ok
            return run("mail", "read", "bob@example.net", stdin=password + "\n")

    def test_it_is_printed_and_kept(self) -> None:
        output = self.read("hunter2")
        self.assertIn("Subject: Hello", output)
        self.assertIn("Grüße", output)
        self.assertIn("x" * 5000, output)
        self.assertNotIn("\x1b", output)
        self.assertEqual([line for line in self.told if line.startswith("DELE")], [])
        self.assertEqual(self.told[-1], "QUIT")

    def test_a_wrong_password(self) -> None:
        self.assertIn("[AUTH] wrong", self.read("x", fails=True))
