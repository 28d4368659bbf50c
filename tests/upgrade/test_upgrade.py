"""The data of an earlier version: this version starts on it, delivers waiting mail, and keeps all
other mail. The archives are made by `tests.upgrade.make`.
"""

from __future__ import annotations

import json
import poplib
import tarfile
from pathlib import Path

from twisted.trial.unittest import TestCase

from tests.end_to_end.fake_upstream import FakeUpstream
from tests.end_to_end.running import RunningHost, free_port, short_folder
from tests.upgrade.make import FAR, PASSWORD, PROTOCOLS, SMTP, send, submit

ADDRESS = "127.0.0.1"


class UpgradeFrom010(TestCase):
    archive = "0.1.0.tar.gz"

    def setUp(self) -> None:
        folder = short_folder(self)
        with tarfile.open(Path(__file__).parent / self.archive) as archive:
            # `extractall` has no parameter for it before Python 3.11.4
            archive.extraction_filter = lambda member, path: member
            archive.extractall(folder)
        self.far = FakeUpstream(ADDRESS, free_port(ADDRESS))
        self.addCleanup(self.far.stop)
        self.smtp, far = free_port(ADDRESS), self.far.port
        settings = (folder / "settings.toml").read_text()
        settings = settings.replace(f":{SMTP}:", f":{self.smtp}:").replace(f":{FAR}", f":{far}")
        self.host = RunningHost(folder, settings, protocols=PROTOCOLS)
        self.addCleanup(self.host.stop)

    def test_everything_that_was_there_is_there(self) -> None:
        before = self.maildrop_files()
        checked = self.host.command("check-config")
        self.assertEqual(0, checked.returncode, checked.stdout + checked.stderr)
        self.host.start()
        self.waiting_mail_leaves()
        self.quarantined_mail_is_released()
        self.mail_keeps_its_unique_ids(before)
        self.the_directory_is_kept()
        self.the_greylist_is_kept()
        self.keys_wait_for_dns()

    def maildrop_files(self) -> list[str]:
        """The names of ann's files, without their flags."""
        return [path.name.partition(":")[0] for path in self.host.inbox("ann@example.com")]

    def waiting_mail_leaves(self) -> None:
        # the message may be younger than the first retry, and the queue may not be read yet
        self.host.until(
            lambda: self.host.command("queue", "retry", "--all").stdout.startswith("1 "),
            "the waiting message is not in the queue",
        )
        self.host.until(lambda: len(self.far.taken) == 1, "the waiting message never left")
        self.assertIn(b"Subject: waits in the queue", self.far.taken[0])
        self.assertIn(b"RCPT TO:<dave@elsewhere.example>", self.far.said)

    def queued(self) -> list[dict[str, str]]:
        """The entries of the queue."""
        entries: list[dict[str, str]] = json.loads(
            self.host.command("queue", "list", "--json").stdout
        )
        return entries

    def quarantined_mail_is_released(self) -> None:
        self.host.until(lambda: len(self.queued()) == 1, "the message that was sent is still there")
        (entry,) = self.queued()
        self.assertEqual("quarantined", entry["state"])
        since = self.host.mark()
        released = self.host.command("queue", "release", entry["id"])
        self.assertEqual(0, released.returncode, released.stderr)
        self.host.wait_for("delivered <ann@example.com>", since)

    def mail_keeps_its_unique_ids(self, before: list[str]) -> None:
        client = poplib.POP3(self.host.address, self.host.ports["pop3"], timeout=30)
        client.user("ann@example.com")
        client.pass_(PASSWORD)
        listed = [line.decode().split()[1] for line in client.uidl()[1]]
        texts = [b"\n".join(client.retr(number + 1)[1]) for number in range(len(listed))]
        client.quit()
        self.assertEqual(4, len(listed))  # with the released one
        kept = [name.split(",")[0] for name in before]
        self.assertEqual(sorted(kept), sorted(listed)[:3])
        for subject in (b"to the team", b"read already", b"greylisted", b"held"):
            self.assertEqual(1, sum(b"Subject: " + subject in text for text in texts), subject)

    def the_directory_is_kept(self) -> None:
        accounts = json.loads(self.host.command("account", "list", "--json").stdout)
        shown = {(row["account"], row["quota"], row["login"]) for row in accounts}
        self.assertIn(("carol@example.net", 10_000_000, True), shown)
        self.assertEqual(len(accounts), len({row["id"] for row in accounts}))
        self.assertEqual({len(row["id"]) for row in accounts}, {32})
        submit(self.host, "carol@example.net", "team@example.edu", "after the upgrade")
        for account, count in (("ann@example.com", 5), ("carol@example.net", 2)):
            self.assertEqual(count, len(self.host.inbox(account)), account)

    def keys_wait_for_dns(self) -> None:
        """The keys of this version sign nothing before an operator has published them."""
        keys = json.loads(self.host.command("dkim", "list", "--json").stdout)
        states = {(key["domain"], key["state"]) for key in keys}
        domains = ("example.com", "example.net", "example.edu", self.host.hostname)
        self.assertEqual(states, {(name, "coming") for name in domains})
        (stored, *_) = [path.read_bytes() for path in self.host.inbox("carol@example.net")]
        self.assertNotIn(b"DKIM-Signature", stored)

    def the_greylist_is_kept(self) -> None:
        """The known client is let in at once."""
        reply = send(self.smtp, "sue@far.example", "bob@example.com", "known")
        self.assertTrue(reply.startswith("250"), reply)
        self.assertEqual(1, len(self.host.inbox("bob@example.com")))
