"""Several processes on the same ports. With the head stopped for a moment a worker takes the
connection, so each test knows who serves it."""

from __future__ import annotations

import itertools
import json
import os
import signal
import smtplib
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from mailhost.dkim.signature import Signature, read_signatures
from mailhost.logins.stored_secret import hash_password
from mailhost.net.control.client import CommandFailed, ControlClient, control_path
from tests.child_processes import children, is_writer
from tests.end_to_end.metrics_page import TOTALS, MetricsOf, added, send_all
from tests.end_to_end.running import PATIENCE, RunningHost
from tests.end_to_end.shared import MAIL, Raw, SharedHost

PASSWORD = "correct horse battery"
SENDER = "ann@example.test"  # its keys are never looked up in DNS
SETTINGS = """
workers = 2
[limits]
connections_per_client = 3
stop_timeout = 3
[login]
plaintext_on_loopback = true
failures = 2
delay = 0
[relay]
networks = ["127.0.0.0/8"]
[[relay.route]]
via = "127.0.0.1:9"
[doctor]
stop = true
[metrics]
endpoint = "tcp:0:interface=127.0.0.1"
[domain."example.com".account.ann]
password = { file = "ann" }
quota = "500 kB"
[domain."example.com".account.bob]
quota = "500 kB"
[domain."example.test".account.ann]
password = { file = "ann" }
"""
SOURCES = (f"127.0.0.{number}" for number in range(10, 250))


class Workers(SharedHost):
    """A host with one worker beside the head. The clients of each test have an address of their
    own, as connections and failed logins are counted by address; ann's inbox is empty."""

    settings = SETTINGS
    domains = ""
    protocols = ("smtp", "submission")

    def prepare(self, host: RunningHost) -> None:
        secret = host.folder / "ann"
        secret.touch(mode=0o600)
        secret.write_text(hash_password(PASSWORD))

    def setUp(self) -> None:
        super().setUp()
        self.host.until(self.complete, "a worker or the writer is missing")
        for path in self.host.inbox("ann@example.com"):
            path.unlink()
        self.source = next(SOURCES)

    def complete(self) -> bool:
        """True when there are a worker that serves, and the writer."""
        serving = [each for each in self.workers() if each in self.serving(0)]
        return len(serving) == len(self.workers()) == len(self.writers()) == 1

    @contextmanager
    def head_asleep(self) -> Iterator[None]:
        """Meanwhile only workers accept."""
        self.host.signal(signal.SIGSTOP)
        try:
            yield
        finally:
            self.host.signal(signal.SIGCONT)

    def open(self, protocol: str = "smtp", hello: str = "EHLO") -> Raw:
        """A connection to whichever process takes it."""
        where = (self.host.address, self.host.ports[protocol])
        raw = Raw(where, hello=hello, source=self.source)
        self.addCleanup(raw.socket.close)
        return raw

    def connect(self, protocol: str = "smtp") -> Raw:
        """A connection to a worker, after its EHLO."""
        with self.head_asleep():
            return self.open(protocol)

    def client(self) -> smtplib.SMTP:
        """A client that wants to log in, at whichever process takes it."""
        port, source = self.host.ports["submission"], (self.source, 0)
        client = smtplib.SMTP(self.host.address, port, None, PATIENCE, source)
        self.addCleanup(client.close)
        return client

    def begin(self, raw: Raw, to: str) -> None:
        """Everything up to the content."""
        for command in ("MAIL FROM:<sue@far.example>", f"RCPT TO:<{to}>"):
            self.assertEqual(b"250", raw.say(f"{command}\r\n")[:3])
        self.assertEqual(b"354", raw.say("DATA\r\n")[:3])

    def workers(self) -> list[int]:
        """The worker processes there are."""
        return [pid for pid in children(self.host.pid) if not is_writer(pid)]

    def writers(self) -> list[int]:
        """The writer, if it is there."""
        return [pid for pid in children(self.host.pid) if is_writer(pid)]

    def test_a_writer_that_dies_is_replaced_and_fails_no_mail(self) -> None:
        since = self.host.mark()
        (first,) = self.writers()
        raw = self.connect()
        os.kill(first, signal.SIGSTOP)
        self.begin(raw, "ann@example.com")
        raw.send(MAIL % b"begun before")
        time.sleep(0.2)  # it is asked by then; if not, no harm is done
        os.kill(first, signal.SIGKILL)
        self.assertEqual(b"250", raw.reply()[:3])
        self.host.until(lambda: self.writers() not in ([], [first]))
        self.begin(raw, "ann@example.com")
        self.assertEqual(b"250", raw.say(MAIL % b"begun after")[:3])
        self.assertEqual(2, len(self.host.inbox("ann@example.com")))
        self.host.wait_for("the writer: died", since)

    def test_a_worker_takes_mail_and_the_head_logs_it(self) -> None:
        since, before = self.host.mark(), self.status()["totals"]
        with self.head_asleep():
            raw = self.open()
            raw.say("MAIL FROM:<sue@far.example>\r\n")
            raw.send("RCPT TO:<ann@example.com>\r\nDATA\r\n")
        # the count of octets is the head's: with a quota it must wake up first
        self.assertEqual([b"250", b"354"], [raw.reply()[:3] for _ in range(2)])
        self.assertEqual(b"250", raw.say(MAIL % b"hello")[:3])
        raw.socket.close()
        self.assertEqual(1, len(self.host.inbox("ann@example.com")))
        self.host.wait_for("delivered <ann@example.com>", since)
        self.check_counts_are_summed(before)

    def check_counts_are_summed(self, before: dict[str, int]) -> None:
        """A message at the worker is counted in the head, and stays counted without the worker.

        Counts of the test before may come late, within a second, so none is compared exactly.
        """
        self.host.until(lambda: self.status()["totals"]["received"] > before["received"])
        metrics = MetricsOf(self.host)
        counted, counters = self.status()["totals"], metrics.counters()
        (worker,) = self.workers()
        since = self.host.mark()
        os.kill(worker, signal.SIGKILL)
        self.host.wait_for(f"process {worker} died", since)
        with smtplib.SMTP(self.host.address, self.host.ports["smtp"], timeout=PATIENCE) as client:
            client.sendmail("sue@far.example", "ann@example.com", "Subject: two\r\n\r\nhello\r\n")
            self.host.until(lambda: self.status()["totals"]["received"] > counted["received"])
            status = self.status()
        self.assertLess(counted["delivered"], status["totals"]["delivered"])
        self.assertLess(0, sum(each["connections"] for each in status["processes"]))
        self.assertEqual(self.host.pid, status["processes"][0]["pid"])
        kinds = {(each["event"], each["protocol"]) for each in status["events"]}
        self.assertIn(("received", "smtp"), kinds)
        since_then = metrics.counters()
        self.assertEqual([], [key for key in counters if since_then[key] < counters[key]])

    def status(self) -> dict[str, Any]:
        """The output of `mailhost status --json`."""
        status: dict[str, Any] = json.loads(self.host.command("status", "--json").stdout)
        return status

    def test_the_totals_in_the_metrics_are_those_of_one_process(self) -> None:
        """Another test compares a host of one process with the same numbers."""
        metrics = MetricsOf(self.host)
        time.sleep(1.1)  # by then the counts of earlier tests at the worker have come
        before, ways = metrics.counters(), itertools.cycle((self.connect, self.open))
        send_all(lambda: next(ways)())
        self.host.until(lambda: added(before, metrics.counters()).items() >= TOTALS.items())
        values = metrics.values()
        for process in ("head", "writer"):
            labels = frozenset({("process", process)})
            self.assertLess(0, values["mailhost_process_cpu_seconds_total", labels])
        self.assertEqual(1, values["mailhost_workers_wanted", frozenset()])
        self.assertLess(0, values["mailhost_writer_batch_seconds_count", frozenset()])

    def test_the_health_of_a_host_whose_worker_hangs(self) -> None:
        metrics = MetricsOf(self.host)
        self.assertEqual((200, "ok\n"), metrics.get("/healthz"))
        self.assertEqual((200, ""), metrics.get("/healthz", "HEAD"))
        (worker,) = self.workers()
        os.kill(worker, signal.SIGSTOP)
        try:
            code, reason = metrics.get("/healthz")
        finally:
            os.kill(worker, signal.SIGCONT)
        self.assertEqual(503, code)
        self.assertRegex(reason, "^worker [0-9]+ does not answer\n$")
        self.host.until(lambda: metrics.get("/healthz")[0] == 200)

    def test_a_traceback_in_the_log_counts_as_a_fault(self) -> None:
        before = self.status()["totals"]["faults"]
        with self.assertRaises(CommandFailed):
            ControlClient(control_path(str(self.host.data))).call("status", no_such_argument=1)
        self.assertEqual(before + 1, self.status()["totals"]["faults"])

    def test_a_quota_is_one_for_all_processes(self) -> None:
        large = b"Subject: large\r\n\r\n" + b"x" * 60_000 + b"\r\n.\r\n"
        answers = []
        for number in range(10):
            raw = self.connect() if number % 2 else self.open()
            self.begin(raw, "bob@example.com")
            answers.append(raw.say(large)[:9])
            raw.socket.close()
        self.assertEqual(8, answers.count(b"250 2.0.0"))
        self.assertEqual(2, answers.count(b"452 4.2.2"))
        for raw in (self.connect(), self.open()):  # now it is known to be too large
            raw.say("MAIL FROM:<sue@far.example> SIZE=60000\r\n")
            self.assertEqual(b"452 4.2.2", raw.say("RCPT TO:<bob@example.com>\r\n")[:9])

    def test_mail_for_elsewhere_is_the_heads_at_once(self) -> None:
        since, raw = self.host.mark(), self.connect()
        self.begin(raw, "bob@far.example")
        self.assertEqual(b"250", raw.say(MAIL % b"hello")[:3])
        self.host.wait_for("delayed <bob@far.example>", since)
        self.assertIn("bob@far.example", self.host.command("queue", "list").stdout)

    def test_connections_are_counted_together(self) -> None:
        for _ in range(3):
            self.connect()
        shown = {each["protocol"]: each["sessions"] for each in self.status()["listeners"]}
        self.assertLessEqual(3, shown["smtp"])
        with self.head_asleep():
            self.assertEqual(b"421 4.7.0", self.open(hello="").reply()[:9])
        self.assertEqual(b"421 4.7.0", self.open(hello="").reply()[:9])

    def test_failed_logins_are_counted_together(self) -> None:
        wrong = "AUTH PLAIN AGFubkBleGFtcGxlLmNvbQB3cm9uZw==\r\n"
        worker = self.connect("submission")
        self.assertEqual(b"535", worker.say(wrong)[:3])
        with self.assertRaises(smtplib.SMTPAuthenticationError):
            self.client().login("ann@example.com", "wrong")
        self.assertEqual(b"421 4.7.0", worker.say(wrong)[:9])

    def test_a_login_at_a_worker(self) -> None:
        with self.head_asleep():
            client = self.client()
        client.login("ann@example.com", PASSWORD)
        client.sendmail("ann@example.com", "ann@example.com", "Subject: me\r\n\r\nhello\r\n")
        self.assertEqual(1, len(self.host.inbox("ann@example.com")))

    def test_a_worker_signs_by_new_keys_without_a_reload(self) -> None:
        with self.head_asleep():
            client = self.client()
        client.login(SENDER, PASSWORD)
        for command in ("make", "rotate"):
            done = self.host.command("dkim", command, "example.test")
            self.assertEqual(0, done.returncode, done.stderr)
            active = {key["selector"] for key in self.keys() if key["state"] == "active"}
            self.assertEqual(2, len(active))
            # the worker is notified of them, and signs by the former ones until then
            self.host.until(lambda: self.selectors_of_mail(client) == active)  # noqa: B023

    def selectors_of_mail(self, client: smtplib.SMTP) -> set[str]:
        """The selectors in the signatures of a message that is sent now."""
        client.sendmail(SENDER, "ann@example.com", f"From: {SENDER}\r\n\r\nhello\r\n")
        (path,) = self.host.inbox("ann@example.com")
        found = read_signatures(path.read_bytes())
        path.unlink()
        return {each.selector for each in found if isinstance(each, Signature)}

    def keys(self) -> list[dict[str, str]]:
        keys: list[dict[str, str]] = json.loads(
            self.host.command("dkim", "list", "example.test", "--json").stdout
        )
        return keys

    def test_one_that_is_killed_is_replaced(self) -> None:
        (worker,) = self.workers()
        since = self.host.mark()
        os.kill(worker, signal.SIGKILL)
        self.host.wait_for(f"process {worker} died", since)
        self.host.wait_for("serves too", since)
        self.begin(self.connect(), "ann@example.com")

    def test_a_reload_keeps_a_workers_connections_and_new_ones_get_the_new_settings(self) -> None:
        old = self.connect()
        self.begin(old, "ann@example.com")
        since, former = self.host.mark(), self.host.hostname
        self.addCleanup(self.reload, former)
        self.host.hostname = "new.example.org"
        self.host.write_settings(SETTINGS.replace("workers = 2", "workers = 3"))
        self.assertIn("reloaded", self.host.reload())
        self.host.wait_for("serves too", since)
        self.assertEqual(b"250", old.say(MAIL % b"hello")[:3])
        self.assertEqual(b"250", old.say("NOOP\r\n")[:3])
        self.assertEqual(b"221", old.say("QUIT\r\n")[:3])
        with self.head_asleep():
            self.assertIn(b"new.example.org", self.open(hello="").reply())

    def reload(self, hostname: str) -> None:
        """Return to the former settings."""
        self.host.hostname = hostname
        self.host.write_settings(SETTINGS)
        self.assertIn("reloaded", self.host.reload())

    def restart(self, hostname: str) -> None:
        """Let the next test start with the former settings."""
        self.host.stop()
        self.host.hostname = hostname
        self.host.write_settings(SETTINGS)

    def test_a_stop_lets_a_workers_transaction_end(self) -> None:
        raw = self.connect()
        self.begin(raw, "ann@example.com")
        idle = self.connect()
        self.host.signal(signal.SIGTERM)
        self.assertEqual(b"421", idle.reply()[:3])
        self.assertEqual(b"250", raw.say(MAIL % b"hello")[:3])
        self.assertEqual(b"421", raw.reply()[:3])
        self.assertEqual(-signal.SIGTERM, self.host.stop())
        self.assertEqual(1, len(self.host.inbox("ann@example.com")))

    def test_reloads_and_signals_reach_all_of_many(self) -> None:
        """Processes are started only where the settings want more of them."""
        since, before = self.host.mark(), set(self.workers())
        self.addCleanup(self.restart, self.host.hostname)
        more = SETTINGS.replace("workers = 2", "workers = 4")
        self.host.write_settings(more)
        self.assertIn("reloaded", self.host.reload())
        self.host.until(lambda: len(self.serving(since)) == 3 - len(before))
        workers = set(self.workers())
        self.assertLessEqual(before, workers)
        for name in ("one.example.org", "two.example.org"):
            self.host.hostname = name
            self.host.write_settings(more)
            # unlike SIGHUP, the command ends when all workers have the new settings
            self.assertEqual(0, self.host.command("reload").returncode)
            with self.head_asleep():
                greetings = {self.greeting() for _ in range(12)}
            self.assertEqual({name}, greetings)
        self.assertEqual(workers, set(self.workers()))
        self.assertEqual(-signal.SIGTERM, self.host.stop())
        for pid in workers:
            self.assertRaises(ProcessLookupError, os.kill, pid, 0)
            self.assertFalse([line for line in self.host.lines if f"{pid} died" in line])

    def greeting(self) -> str:
        """The name that a process greets with."""
        raw = Raw((self.host.address, self.host.ports["smtp"]), source=next(SOURCES))
        name = raw.reply().split()[1].decode()
        raw.say("QUIT\r\n")
        self.assertEqual(b"", raw.line())  # the process does not count this connection any more
        raw.socket.close()
        return name

    def serving(self, since: int) -> set[int]:
        """The processes that said that they serve."""
        said = [line for line in self.host.lines[since:] if "serves too" in line]
        return {int(line.split("process ")[1].split()[0]) for line in said}

    def test_strangers_at_a_listed_address_cannot_relay_until_a_person_looked(self) -> None:
        since = self.host.mark()
        raw = self.connect()
        for number in range(5):
            raw.say(f"EHLO mx.far{number}.net\r\n")
            raw.say(f"MAIL FROM:<sue@far{number}.net>\r\n")
            self.assertEqual(b"250", raw.say("RCPT TO:<ann@example.com>\r\n")[:3])
            raw.say("DATA\r\n")
            self.assertEqual(b"250", raw.say(MAIL % b"hello")[:3])
        self.host.wait_for("strangers seem to connect from this one address", since)
        clients = (self.connect(), self.open())
        for client in clients:
            client.say("MAIL FROM:<sue@far.example>\r\n")
            relaying = "RCPT TO:<you@elsewhere.example>\r\n"
            self.assertEqual(b"451 4.7.1", client.say(relaying)[:9])
            self.assertEqual(b"250", client.say("RCPT TO:<ann@example.com>\r\n")[:3])
        looked = self.host.command("doctor", "looked", self.source)
        self.assertEqual((0, ""), (looked.returncode, looked.stderr))
        for client in clients:
            self.host.until(lambda client=client: client.say(relaying)[:3] == b"250")  # type: ignore[misc]

    def test_a_service_manager_may_signal_all_processes_at_once(self) -> None:
        raw = self.connect()
        self.begin(raw, "ann@example.com")
        for pid in (*self.workers(), self.host.pid):
            os.kill(pid, signal.SIGTERM)
        self.assertEqual(b"250", raw.say(MAIL % b"hello")[:3])
        self.assertEqual(-signal.SIGTERM, self.host.stop())
        self.assertEqual(1, len(self.host.inbox("ann@example.com")))

    def test_a_worker_that_is_asked_to_stop_is_replaced(self) -> None:
        raw = self.connect()
        self.begin(raw, "ann@example.com")
        (worker,) = self.workers()
        since = self.host.mark()
        os.kill(worker, signal.SIGTERM)
        self.assertEqual(b"250", raw.say(MAIL % b"hello")[:3])
        self.assertEqual(b"421", raw.reply()[:3])
        self.host.wait_for("serves too", since)
        self.assertNotIn(worker, self.workers())

    def test_a_worker_that_hangs_keeps_no_stop_waiting(self) -> None:
        (worker,) = self.workers()
        os.kill(worker, signal.SIGSTOP)
        begun = time.monotonic()
        self.assertEqual(-signal.SIGTERM, self.host.stop())
        self.assertLess(time.monotonic() - begun, 30)
        self.assertRaises(ProcessLookupError, os.kill, worker, 0)

    def test_without_the_head_worker_and_writer_end_and_leave_the_ports(self) -> None:
        """The writer even in the middle of its work."""
        raw = self.connect()
        (writer,) = self.writers()
        os.kill(writer, signal.SIGSTOP)  # it would not notice the end of its input
        self.host.kill()
        since = self.host.mark()
        self.assertEqual(b"", raw.reply())
        self.host.until(lambda: not (Path(f"/proc/{writer}").exists() and is_writer(writer)))
        self.host.start()
        self.host.wait_for("serves too", since)
