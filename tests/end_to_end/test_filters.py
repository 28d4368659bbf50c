"""The chain of filters in a running host: reloads, real clients, the command line."""

from __future__ import annotations

import json
import smtplib
from pathlib import Path
from typing import Any

from tests.child_processes import children, is_writer
from tests.end_to_end.running import short_folder, until
from tests.end_to_end.shared import SharedHost

WORKERS = "\nworkers = {}\n"
DOMAINS = """
[domain."example.com".account.ann]
[domain."example.com".account.bob]
[domain."example.com".alias]
team = ["ann"]
"""


class Filtering(SharedHost):
    """A host whose filters each test replaces, and whose inboxes are empty before each test."""

    settings = WORKERS.format(1)
    domains = DOMAINS

    def setUp(self) -> None:
        super().setUp()
        for address in ("ann@example.com", "bob@example.com"):
            for path in self.host.inbox(address):
                path.unlink()

    def filter(self, filters: str, workers: int = 1) -> None:
        """Replace the filters, and the number of processes that take mail."""
        self.host.write_settings(WORKERS.format(workers) + DOMAINS + filters)
        self.assertIn("reloaded", self.host.reload())
        self.host.until(
            lambda: self.workers_that_serve() == workers - 1, "a worker is missing, or stays"
        )

    def workers_that_serve(self) -> int:
        """How many there are; less than 0 while one of them does not serve yet."""
        workers = [each for each in children(self.host.pid) if not is_writer(each)]
        said = "\n".join(self.host.lines)
        return len(workers) if all(f"process {pid} serves" in said for pid in workers) else -1

    def send(self, *to: str, sender: str = "sue@far.example", subject: str = "x") -> str:
        """Send a message on a connection of its own; return the refusal, or nothing."""
        body = f"Subject: {subject}\r\nMessage-ID: <1@far.example>\r\n\r\nHello\r\n"
        with smtplib.SMTP(self.host.address, self.host.ports["smtp"], timeout=30) as client:
            try:
                client.sendmail(sender, to or ["ann@example.com"], body)
            except smtplib.SMTPRecipientsRefused as refused:
                ((code, text),) = refused.recipients.values()
                return f"{code} {text.decode()}"
            except smtplib.SMTPResponseException as refused:
                assert isinstance(refused.smtp_error, bytes)
                return f"{refused.smtp_code} {refused.smtp_error.decode()}"
        return ""

    def counts(self) -> dict[str, dict[str, int]]:
        """The counts of `mailhost filters` for each filter, those of former settings included."""
        done = self.host.command("filters", "--json")
        self.assertEqual(0, done.returncode, done.stderr)
        return {each["name"]: each["did"] for each in json.loads(done.stdout)}


class ChainTests(Filtering):
    """Filters of several kinds."""

    def test_lists_refuse_and_tag(self) -> None:
        (folder := short_folder(self)).joinpath("bad.txt").write_text("*@spam.example  # them\n")
        self.filter(
            '[[filter]]\nkind = "list"\nlook_at = "sender"\nentries = ["<>", "vip.example"]\n'
            'action = "tag"\ntag = "known"\n'
            '[[filter]]\nname = "bad"\nkind = "list"\nlook_at = "sender"\n'
            f'file = "{folder}/bad.txt"\n'
            '[[filter]]\nkind = "size"\nlimit = 10\nunless = ["known"]\n'
        )
        refusal = self.send(sender="a@spam.example")
        self.assertEqual(refusal, "550 5.7.1 Your sender is refused [bad]")
        self.assertTrue(self.send(sender="a@ham.example").startswith("552 5.3.4 "))
        self.assertEqual(self.send(sender="a@vip.example"), "")
        self.assertEqual(self.send(sender=""), "")

    def test_a_rate_holds_for_all_processes_together(self) -> None:
        self.filter('[[filter]]\nkind = "rate"\ncount_by = "sender"\nlimit = 5\n', workers=2)
        answers = [self.send() for _ in range(12)]
        self.assertEqual(answers.count(""), 5)
        self.assertEqual(
            set(answers), {"", "451 4.7.1 Too many messages; please try again later [rate]"}
        )
        self.assertEqual(self.send(sender="else@far.example"), "")

    def test_observing_lets_mail_pass_and_counts(self) -> None:
        host = self.host
        self.filter(
            '[[filter]]\nname = "watched"\nkind = "size"\nlimit = 10\nmode = "observe"\n'
            f'[[filter]]\nkind = "python"\nfile = "{invoices()}"\n'
        )
        since = host.mark()
        self.assertEqual(self.send(), "")
        host.wait_for("filter watched: would reject", since)
        refusal = self.send(subject="Your INVOICE")
        self.assertEqual(refusal, "550 5.7.1 Invoices go to accounting, please [python]")
        self.assertEqual(len(host.inbox("ann@example.com")), 1)
        did = {"watched": {"would reject": 2}, "python": {"reject": 1}}
        until(lambda: did.items() <= self.counts().items(), f"filters did {self.counts()}")

    def test_copies_events_and_rewriting(self) -> None:
        host = self.host
        self.filter(
            '[[filter]]\nkind = "rewrite"\n'
            'recipients = { "info@example.com" = "bob@example.com" }\n'
            '[[filter]]\nkind = "journal"\nmaildir = "journal"\n'
            '[[filter]]\nname = "second"\nkind = "journal"\nto = "ann@example.com"\n'
            '[[filter]]\nkind = "events"\nfile = "events.json"\n'
        )
        self.assertEqual(self.send("info@example.com"), "")
        (copy,) = (host.folder / "journal" / "new").iterdir()
        envelope = b"X-Envelope-From: <sue@far.example>\r\nX-Envelope-To: <bob@example.com>\r\n"
        self.assertTrue(copy.read_bytes().startswith(envelope))
        self.assertIn(
            b"Delivered-To: bob@example.com", host.inbox("bob@example.com")[0].read_bytes()
        )
        self.assertIn(envelope, host.inbox("ann@example.com")[0].read_bytes())
        event = self.event(host.folder / "events.json")
        self.assertEqual(event["recipients"], ["bob@example.com"])
        self.assertEqual(event["message_id"], "<1@far.example>")
        self.assertTrue(event["accepted"])

    def event(self, path: Path) -> dict[str, Any]:
        """The only event, once it is written."""
        self.host.until(lambda: path.exists() and path.read_text().endswith("\n"), "no event")
        found: dict[str, Any] = json.loads(path.read_text())
        return found

    def test_quarantine_is_kept_until_it_is_released(self) -> None:
        host = self.host
        self.filter('[[filter]]\nkind = "size"\nlimit = 10\naction = "quarantine"\n')
        since = host.mark()
        self.assertEqual(self.send("team@example.com"), "")
        host.wait_for("quarantined", since)
        self.assertEqual(host.inbox("ann@example.com"), [])
        (entry,) = json.loads(host.command("queue", "list", "--json").stdout)
        self.assertEqual(entry["state"], "quarantined")
        since = host.mark()
        self.assertEqual(host.command("queue", "release", entry["id"]).returncode, 0)
        host.wait_for("delivered <ann@example.com>", since)
        (message,) = host.inbox("ann@example.com")
        self.assertIn(b"\r\nReceived: from ", message.read_bytes())

    def test_a_reload_changes_the_chain(self) -> None:
        host = self.host
        self.filter('[[filter]]\nkind = "size"\nlimit = 10\n', workers=2)
        self.assertTrue(self.send().startswith("552"))
        settings = WORKERS.format(2) + DOMAINS
        host.write_settings(settings + '[[filter]]\nkind = "size"\nlimit = "1 MB"\n')
        self.assertIn("filter[1].limit: 10 is now 1000000", host.reload())
        self.assertEqual(self.send(), "")
        bad = host.folder / "bad.py"
        bad.write_text("import nowhere\n")
        host.write_settings(settings + f'[[filter]]\nkind = "python"\nfile = "{bad}"\n')
        self.assertIn("ModuleNotFoundError: No module named 'nowhere'", host.reload())
        self.assertEqual(self.send(), "")


def invoices() -> Path:
    """The example of a filter of one's own."""
    return Path(__file__).parents[2] / "etc" / "filters" / "no_invoices.py"
