"""Faults below a running host: disks, mailboxes, the directory, the queue, the host."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import re
import resource
import shutil
import socket
import sqlite3
import subprocess
import threading
import time
from pathlib import Path

from twisted.trial.unittest import SkipTest

from tests.end_to_end.running import PATIENCE, RunningHost, free_port, remove_folder
from tests.end_to_end.shared import DOMAINS, MAIL, Raw, SharedHost, new_folder
from tests.soak.imap_client import PASSWORD, ImapClient

SETTINGS = """
[relay]
networks = ["127.0.0.1"]
[[relay.route]]
to = "*"
via = "127.0.0.1:9"
[queue]
first_retry = "0.5 seconds"
longest_retry = "0.5 seconds"
[limits]
connections_per_client = 300
stop_timeout = "1 second"
"""
SAM = "sam@example.org"
FEW_DESCRIPTORS = ("sh", "-c", 'ulimit -S -n 64; exec "$0" "$@"')


class FaultyHost(SharedHost):
    """A host that survives its faults: classes share it. The inboxes are empty before each test."""

    settings = SETTINGS
    protocols = ("smtp", "lmtp")

    def prepare(self, host: RunningHost) -> None:
        host.add_accounts("a long enough password", "sam@example.org")
        host.wrapper = FEW_DESCRIPTORS

    def setUp(self) -> None:
        super().setUp()
        for address in ("ann@example.com", "bob@example.com", "bob@example.net"):
            for path in self.host.inbox(address):
                path.unlink()

    def padded_mail(self, subject: str, recipient: str, padding: int) -> bytes:
        """One message of more than `padding` octets; return the last reply."""
        client = self.raw()
        for reply in client.envelope(recipient):
            self.refused(reply, "250")
        client.say("DATA\r\n")
        client.send(b"X-Padding: x\r\n" + b" padding\r\n" * (padding // 10))
        return client.say(MAIL % subject.encode())

    def subjects(self, address: str) -> list[str]:
        """The subjects in an inbox, sorted; every message in it is whole."""
        found = []
        for path in self.host.inbox(address):
            content = path.read_bytes()
            self.assertTrue(content.endswith(b"\r\nHello\r\n"), f"{path} is cut short")
            found.append(content.rpartition(b"Subject: ")[2].split(b"\r\n")[0].decode())
        return sorted(found)

    def break_mailbox(self) -> Path:
        """Put a file in the place of bob's mailbox until the test ends; return its path."""
        broken = self.host.data / "mail" / "example.com" / "bob"
        if broken.exists():
            shutil.rmtree(broken)
        broken.parent.mkdir(parents=True, exist_ok=True)
        broken.write_text("a file in place of a folder")
        self.addCleanup(self.mend_mailbox, broken)
        return broken

    def mend_mailbox(self, broken: Path) -> None:
        """Remove the file, where the test has not."""
        if broken.is_file():
            broken.unlink()

    def empty_queue(self) -> None:
        """Stop the host, and remove what waits."""
        self.host.stop()
        for path in (self.host.data / "queue").iterdir():
            path.unlink()

    def queued(self) -> list[dict[str, object]]:
        """The waiting messages, as the running host lists them."""
        done = self.host.command("queue", "list", "--json")
        self.assertEqual(0, done.returncode, done.stderr + done.stdout)
        found = json.loads(done.stdout)
        return list(found["entries"] if isinstance(found, dict) else found)


class LeftBehind(FaultyHost):
    def test_what_it_left_half_written_long_ago_is_removed_at_the_start(self) -> None:
        self.refused(self.send_mail("kept", "ann@example.com"), "250")
        self.host.kill()
        tmp = self.host.data / "mail" / "example.com" / "ann" / "tmp"
        old, young = tmp / "1.old", tmp / "2.young"
        for path in (old, young):
            path.write_bytes(b"From: ha")
        os.utime(old, (0, 0))
        self.host.start()
        self.host.until(lambda: not old.exists(), "it stays for good")
        self.assertTrue(young.exists())
        self.assertEqual(["kept"], self.subjects("ann@example.com"))


class FullDisk(FaultyHost):
    """A host of its own, whose data folder is a disk of 3 MB."""

    def setUp(self) -> None:
        folder = new_folder()
        self.addCleanup(remove_folder, folder)
        settings = self.settings + "[login]\nplaintext_on_loopback = true\n" + DOMAINS
        self.host = RunningHost(folder, settings, protocols=(*self.protocols, "imap"))
        self.host.data.mkdir()
        mounted = subprocess.run(
            ["mount", "-t", "tmpfs", "-o", "size=3m,mode=700", "tmpfs", str(self.host.data)],
            capture_output=True,
            check=False,
        )
        if mounted.returncode:
            raise SkipTest("only root can mount the small disk that this test fills")
        self.addCleanup(subprocess.run, ["umount", str(self.host.data)], check=False)
        self.host.add_accounts(PASSWORD, SAM)
        self.addCleanup(self.host.stop)
        self.host.start()

    def imap(self) -> ImapClient:
        client = ImapClient(self.host.ports["imap"], SAM)
        self.addCleanup(client.close)
        return client

    def check_imap(self, client: ImapClient) -> None:
        """Changes that need space are refused for now and leave no files; messages can be read,
        flagged and removed."""
        for last in (client.append("INBOX", b"x" * 10_000)[-1], client.ask("CREATE New")[-1]):
            self.assertIn(b" NO [OVERQUOTA] The disk of the server is full", last)
        self.assertNotIn(b"New", b"".join(client.ok('LIST "" *')))
        client.ok("SELECT INBOX")
        client.ask("COPY 3 Archive")  # a link takes no space
        client.ok("STORE 2 +FLAGS.SILENT (\\Deleted)")
        client.ok("EXPUNGE")
        found = b"".join(client.ok("FETCH 1:* (ENVELOPE BODY.PEEK[])"))
        self.assertEqual(["Subject: 1", "Subject: 3"], re.findall(r"Subject: \d", found.decode()))

    def test_452_nothing_lost_and_back_to_work(self) -> None:
        client = self.imap()
        for number in (1, 2, 3):
            self.assertIn(b" OK ", client.append("INBOX", MAIL % b"%d" % number)[-1])
        ballast = self.host.data / "ballast"
        ballast.write_bytes(b"b" * 500_000)  # at the end, room for mail and its trace
        reply, taken = b"250", 0
        while reply.startswith(b"250") and taken < 100:
            reply = self.padded_mail(f"{taken:03}", "ann@example.com", 200_000)
            taken += reply.startswith(b"250")
        self.refused(reply, "452 4.3.1")
        self.host.wait_for("452 4.3.1")
        with ballast.open("ab", buffering=0) as file, self.assertRaises(OSError):
            for _ in range(10_000):
                file.write(b"b" * 4096)
        for padding in (0, 300_000):  # kept in memory, and in a file while it arrives
            since = self.host.mark()
            self.refused(self.padded_mail("x", "bob@example.com", padding), "452 4.3.1")
            self.host.wait_for("No space left", since)
        lmtp = self.raw("lmtp", hello="LHLO")
        lmtp.envelope("ann@example.com", "bob@example.net")
        lmtp.say("DATA\r\n")
        self.refused(lmtp.say(MAIL % b"x"), "452 4.3.1")
        self.refused(lmtp.reply(), "452 4.3.1")
        self.check_imap(client)
        self.assertEqual(
            [f"{number:03}" for number in range(taken)], self.subjects("ann@example.com")
        )
        self.assertEqual([], self.subjects("bob@example.com"))
        left = [path for path in (self.host.data / "mail").rglob("tmp/*") if path.is_file()]
        self.assertEqual([], left)
        ballast.unlink()
        self.refused(self.send_mail("room again", "bob@example.com"), "250")
        self.assertEqual(["room again"], self.subjects("bob@example.com"))
        client.ok("CREATE New")
        self.assertIn(b" OK ", client.append("New", b"x" * 10_000)[-1])
        self.assertNotIn("Traceback", "\n".join(self.host.lines))


class BrokenMailbox(FaultyHost):
    def setUp(self) -> None:
        super().setUp()
        self.broken = self.break_mailbox()

    def test_451_for_that_recipient_alone(self) -> None:
        since = self.host.mark()
        self.refused(self.send_mail("alone", "bob@example.com"), "451 4.")
        self.host.wait_for("refused message", since)
        client = self.raw("lmtp", hello="LHLO")
        client.envelope("ann@example.com", "bob@example.com", "bob@example.net")
        client.say("DATA\r\n")
        self.refused(client.say(MAIL % b"by lmtp"), "250")
        self.refused(client.reply(), "451 4.")
        self.refused(client.reply(), "250")
        self.assertEqual(["by lmtp"], self.subjects("ann@example.com"))

    def test_by_smtp_the_good_one_gets_it_and_the_other_waits(self) -> None:
        self.refused(self.send_mail("mixed", "ann@example.com", "bob@example.com"), "250")
        self.assertEqual(["mixed"], self.subjects("ann@example.com"))
        self.assertEqual(1, len(self.queued()))
        self.broken.unlink()
        self.host.until(lambda: bool(self.host.inbox("bob@example.com")), "it never came")
        self.assertEqual(["mixed"], self.subjects("bob@example.com"))
        self.assertEqual(["mixed"], self.subjects("ann@example.com"))
        self.host.until(lambda: not self.queued(), "it stays in the queue")


class BrokenDirectory(FaultyHost):
    def setUp(self) -> None:
        super().setUp()
        self.path = self.host.data / "directory.sqlite"
        self.kept = self.path.read_bytes()
        self.addCleanup(self.put_back)

    def put_back(self) -> None:
        """Replace the directory by what it was, and wait until the host reads it."""
        again = self.path.with_name("again")
        again.write_bytes(self.kept)
        self.path.with_name(self.path.name + "-wal").unlink(missing_ok=True)
        again.rename(self.path)
        self.host.until(self.is_read, "it is not read again")

    def is_read(self) -> bool:
        """True if each of some connections, which may be of several processes, knows who is
        unknown."""
        clients = [self.raw() for _ in range(8)]
        for client in clients:
            client.envelope()
        replies = [client.say("RCPT TO:<eve@example.org>\r\n") for client in clients]
        for client in clients:
            client.close()
        return all(reply.startswith(b"550") for reply in replies)

    def served(self, unknown: str) -> None:
        """Those who are known get their mail; of others it says what it must."""
        client = self.raw()
        good = client.envelope("sam@example.org", "ann@example.com")
        for reply in good:
            self.refused(reply, "250")
        self.refused(client.say("RCPT TO:<eve@example.org>\r\n"), unknown)
        client.say("DATA\r\n")
        self.refused(client.say(MAIL % b"known"), "250")

    def test_replaced_by_garbage(self) -> None:
        self.served("550 5.1.1")
        since = self.host.mark()
        garbage = self.path.with_name("garbage")
        garbage.write_bytes(b"this is no database" * 1000)
        garbage.rename(self.path)
        self.served("451 4.3.0")
        self.host.wait_for("directory.sqlite", since)
        self.put_back()
        self.host.wait_for("it can be read again", since)
        self.served("550 5.1.1")

    def test_overwritten_in_place(self) -> None:
        with self.path.open("r+b") as file:
            file.write(b"this is no database" * 500)
        self.path.with_name(self.path.name + "-wal").write_bytes(b"")
        client = self.raw()
        (reply,) = client.envelope("sam@example.org")
        self.refused(reply, "250")
        self.refused(client.say("RCPT TO:<eve@example.org>\r\n"), "451 4.3.0", "550 5.1.1")

    def test_gone(self) -> None:
        self.path.unlink()
        self.served("451 4.3.0")

    def test_a_writer_holds_it(self) -> None:
        """A change under way elsewhere keeps nobody from reading."""
        with sqlite3.connect(self.path, isolation_level=None) as other:
            other.execute("BEGIN EXCLUSIVE")
            self.served("550 5.1.1")
            other.execute("ROLLBACK")
        other.close()

    def test_locked(self) -> None:
        since = self.host.mark()
        with self.path.with_name(self.path.name + "-shm").open("r+b") as shared:
            fcntl.lockf(shared, fcntl.LOCK_EX | fcntl.LOCK_NB, 8, 120)  # SQLite's own lock bytes
            self.served("451 4.3.0")
            self.host.wait_for("directory", since)
        self.host.wait_for("it can be read again", since)
        self.host.until(self.is_read, "it is not read again by all processes")
        self.served("550 5.1.1")


class Strained(FaultyHost):
    def test_no_more_file_descriptors(self) -> None:
        early = self.raw()
        before = resource.prlimit(self.host.pid, resource.RLIMIT_NOFILE)
        self.addCleanup(resource.prlimit, self.host.pid, resource.RLIMIT_NOFILE, before)
        limit = len(os.listdir(f"/proc/{self.host.pid}/fd")) + 12
        resource.prlimit(self.host.pid, resource.RLIMIT_NOFILE, (limit, before[1]))
        crowd = [socket.create_connection((self.host.address, self.host.ports["smtp"]))]
        crowd += [socket.create_connection(crowd[0].getpeername()) for _ in range(50)]
        time.sleep(0.3)
        early.envelope("ann@example.com")
        early.say("DATA\r\n")
        early.send(b"X-Padding: x\r\n" + b" padding\r\n" * 50_000)
        reply = early.say(MAIL % b"strained")
        self.refused(reply, "250", "451 4.3.0", "452 4.3.1")
        kept = reply.startswith(b"250")
        for each in crowd:
            each.close()
        self.host.until(lambda: self.answers(), "nobody is served any more")
        self.refused(self.send_mail("later", "ann@example.com"), "250")
        self.assertEqual(
            ["later", "strained"] if kept else ["later"], self.subjects("ann@example.com")
        )

    def test_a_soft_limit_of_descriptors_is_raised(self) -> None:
        """It is started with FEW_DESCRIPTORS."""
        for client in [self.raw() for _ in range(100)]:
            self.refused(client.say("NOOP\r\n"), "250")

    def answers(self) -> bool:
        client = Raw((self.host.address, self.host.ports["smtp"]), seconds=5)
        try:
            return client.reply().startswith(b"220")
        except OSError:
            return False
        finally:
            client.close()

    def test_folders_that_somebody_deleted_come_back(self) -> None:
        self.refused(self.send_mail("first", "ann@example.com"), "250")
        for name in ("mail", "incoming", "queue"):
            shutil.rmtree(self.host.data / name)
        self.refused(self.send_mail("small", "ann@example.com"), "250")
        self.refused(self.padded_mail("large", "ann@example.com", 500_000), "250")
        self.assertEqual(["large", "small"], self.subjects("ann@example.com"))

    def test_a_stop_waits_for_nobody_too_long(self) -> None:
        client = self.raw()
        client.envelope("ann@example.com")
        client.say("DATA\r\n")
        deaf = self.raw()
        deaf.socket.settimeout(1)
        with contextlib.suppress(OSError):
            deaf.send(b"RCPT TO:<ann@example.com>\r\n" * 500_000)
        began = time.monotonic()
        self.host.stop()
        self.assertLess(time.monotonic() - began, 5)

    def test_the_same_recipient_twice_by_lmtp_gets_two_replies(self) -> None:
        client = self.raw("lmtp", hello="LHLO")
        client.envelope("ann@example.com", "ann@example.com", "ANN+tag@example.com")
        client.say("DATA\r\n")
        self.refused(client.say(MAIL % b"once"), "250")
        self.refused(client.reply(), "250")
        self.refused(client.reply(), "250")
        self.refused(client.say("NOOP\r\n"), "250 2.0.0 OK", "250")


class Starting(FaultyHost):
    def test_a_corrupt_queue_entry_is_parked_and_the_rest_goes_on(self) -> None:
        broken = self.break_mailbox()
        self.addCleanup(self.empty_queue)
        for subject in ("first", "second", "third"):
            self.refused(self.send_mail(subject, "ann@example.com", "bob@example.com"), "250")
        self.assertEqual(3, len(self.queued()))
        self.host.stop()
        queue = self.host.data / "queue"
        entries = sorted(queue.glob("*.msg"))
        self.assertEqual(3, len(entries))
        damaged = entries[1]
        whole = damaged.read_bytes()
        damaged.write_bytes(whole[: len(whole) // 2])
        (queue / "junk.msg").write_bytes(os.urandom(5000))
        (queue / "empty.msg").write_bytes(b"")
        broken.unlink()
        since = self.host.mark()
        self.host.start()
        self.host.wait_for(damaged.stem, since)
        self.host.until(lambda: len(self.host.inbox("bob@example.com")) == 2, "the rest waits")
        self.assertEqual(2, len(self.subjects("bob@example.com")))
        self.assertTrue(damaged.exists())
        self.assertTrue((queue / "junk.msg").exists())
        shown = self.host.command("queue", "show", damaged.stem)
        self.assertEqual(0, shown.returncode, shown.stdout + shown.stderr)

    def test_a_second_host_on_the_same_data_does_not_start(self) -> None:
        kept = self.host.config.read_text()
        for protocol in ("smtp", "lmtp"):
            port = self.host.ports[protocol]
            kept = kept.replace(f"tcp:{port}", f"tcp:{free_port(self.host.address)}")
        second = RunningHost(self.host.folder / "second", "")
        second.config.write_text(kept.replace('data = "data"', f'data = "{self.host.data}"'))
        done = second.launch()
        self.assertNotEqual(0, done.returncode)
        said = [line for line in (done.stdout + done.stderr).splitlines() if "mailhost:" in line]
        self.assertEqual(1, len(said), done.stdout + done.stderr)
        self.assertIn("another", said[0])
        self.assertNotIn("Traceback", done.stdout + done.stderr)
        self.refused(self.send_mail("still here", "ann@example.com"), "250")
        self.assertEqual(0, self.host.command("queue", "list").returncode)

    def test_a_lock_of_a_process_whose_number_is_taken_again(self) -> None:
        """In a container the next process often has the number of the one that was killed."""
        self.host.kill()
        stale = self.host.data / "control.sock.lock"
        stale.unlink(missing_ok=True)
        stale.symlink_to(str(os.getpid()))
        self.host.start()
        self.refused(self.send_mail("again", "ann@example.com"), "250")

    def test_a_killed_host_leaves_nothing_that_stops_the_next(self) -> None:
        for _ in range(2):
            self.refused(self.send_mail("again", "ann@example.com"), "250")
            self.host.kill()
            self.host.start()
        self.assertEqual(["again", "again"], self.subjects("ann@example.com"))


class Killed(FaultyHost):
    def test_all_that_was_answered_is_there(self) -> None:
        self.addCleanup(self.empty_queue)
        answered: set[str] = set()
        enough = threading.Event()

        def deliver(number: int) -> None:
            try:
                client = Raw((self.host.address, self.host.ports["smtp"]), hello="EHLO")
                for turn in range(50):
                    subject = f"{number}.{turn}"
                    client.envelope("ann@example.com", "bob@example.net", f"{subject}@far.example")
                    client.say("DATA\r\n")
                    client.send(b"X: y\r\n" + b" pad\r\n" * (number * 30))
                    if not client.say(MAIL % subject.encode()).startswith(b"250"):
                        return
                    answered.add(subject)
                    if len(answered) > 150:
                        enough.set()
            except OSError:
                return

        threads = [threading.Thread(target=deliver, args=(number,)) for number in range(200)]
        for thread in threads:
            thread.start()
        self.assertTrue(enough.wait(PATIENCE))
        self.host.kill()
        for thread in threads:
            thread.join(PATIENCE)
        self.host.start()
        for inbox in ("ann@example.com", "bob@example.net"):
            found = self.subjects(inbox)  # each of them whole
            self.assertEqual(set(), answered - set(found))
            self.assertEqual(len(found), len(set(found)))
        # a host that has just started may still be reading its queue
        self.host.until(
            lambda: not answered - self.waiting(),
            "a message that was answered does not wait for its next hop",
        )
        self.refused(self.send_mail("after", "ann@example.com"), "250")

    def waiting(self) -> set[str]:
        """The local parts of all addresses for which mail waits."""
        return {
            str(path["address"]).partition("@")[0]
            for entry in self.queued()
            for path in entry["recipients"]  # type: ignore[attr-defined]  # JSON
        }
