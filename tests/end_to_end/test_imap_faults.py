"""Unfriendly and clumsy IMAP clients, and odd files in Maildirs, at a host that others use too."""

from __future__ import annotations

import base64
import os
import shutil
import socket
import sqlite3
import threading
import time
from pathlib import Path

from tests.end_to_end.running import RunningHost
from tests.end_to_end.shared import SharedHost
from tests.soak.imap_client import PASSWORD, ConnectionBroken, ImapClient

ANN = "ann@example.org"
MANY = [f"u{number}@example.org" for number in range(16)]
MB = 1_000_000
MESSAGE = b"Subject: hello\r\n\r\nhello\r\n"
NESTED = b"Content-Type: multipart/mixed; boundary=b%d\r\n\r\n--b%d\r\n"
LONGEST = 2.0  # seconds that others may wait: the machine that runs the tests may be busy


class Others(threading.Thread):
    """A client of SMTP that says NOOP all the time; `slowest` is in seconds."""

    def __init__(self, port: int) -> None:
        super().__init__(daemon=True)
        self.slowest = 0.0
        self._address = ("127.0.0.1", port)
        self._ended = threading.Event()

    def run(self) -> None:
        while not self._ended.is_set():
            with socket.create_connection(self._address, 60) as client:
                client.recv(1000)
                for _ in range(10):
                    begun = time.monotonic()
                    client.sendall(b"NOOP\r\n")
                    client.recv(1000)
                    self.slowest = max(self.slowest, time.monotonic() - begun)
                    self._ended.wait(0.005)

    def __enter__(self) -> Others:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self.join(60)


class ImapFaults(SharedHost):
    settings = """
[limits]
connections_per_client = 1000
[login]
plaintext_on_loopback = true
"""
    protocols = ("smtp", "imap")

    def prepare(self, host: RunningHost) -> None:
        host.add_accounts(PASSWORD, ANN, *MANY)

    def client(self, small_window: bool = False) -> ImapClient:
        client = ImapClient(self.host.ports["imap"], ANN, small_window)
        self.addCleanup(client.close)
        return client

    @property
    def maildir(self) -> Path:
        return self.host.data / "mail" / "example.org" / "ann"

    def others(self) -> Others:
        return Others(self.host.ports["smtp"])

    def fill(self, folder: Path, number: int) -> None:
        """Put so many messages into a folder, as another program does."""
        size = len(MESSAGE)
        for each in range(number):
            name = f"{1_600_000_000 + each}.M{each}.host,S={size},W={size}:2,S"
            (folder / "cur" / name).write_bytes(MESSAGE)


class Attacks(ImapFaults):
    def test_patterns_with_many_wildcards(self) -> None:
        client = self.client()
        client.ask("CREATE " + "a" * 250)
        with self.others() as others:
            client.ok(b'LIST "" "' + b"*a" * 200 + b'*b"')
            client.ok(b'LIST "" (' + b" ".join([b"%a%a%a%b" * 40] * 99) + b")")
        self.assertLess(others.slowest, LONGEST)

    def test_sets_of_thousands_of_ranges(self) -> None:
        """With QRESYNC a client names the messages that it knows."""
        client = self.client()
        client.ok("CREATE many")
        client.ok("ENABLE QRESYNC")
        self.fill(self.maildir / ".many", 12_000)
        described = b"".join(client.ok("SELECT many"))
        validity = described.partition(b"UIDVALIDITY ")[2].split(b"]")[0]
        known = b",".join(b"%d" % uid for uid in range(1, 12_000, 2))
        client.ok(b"UID STORE " + known + b" +FLAGS.SILENT (\\Deleted)")
        client.ok("EXPUNGE")
        client.ok("UNSELECT")
        with self.others() as others:
            again = b"SELECT many (QRESYNC (" + validity + b" 1 "
            lines = client.ok(again + known + b"))")
            self.assertEqual(1, sum(b"VANISHED (EARLIER)" in line for line in lines))
            lines = client.ok(b"UNSELECT") and client.ok(again + b"1:12000))")
            self.assertEqual(6000, sum(b" FETCH (" in line for line in lines))
        self.assertLess(others.slowest, LONGEST)

    def test_clients_that_never_read(self) -> None:
        client = self.client()
        client.ok("CREATE unread")
        self.fill(self.maildir / ".unread", 10_000)
        client.ok("SELECT unread")
        greedy = [self.client(small_window=True) for _ in range(40)]
        for each in greedy:
            each.ok("EXAMINE unread")
        before = self.memory()
        for each in greedy:
            each.begin("FETCH 1:* (UID FLAGS INTERNALDATE RFC822.SIZE MODSEQ EMAILID SAVEDATE)")
        with self.others() as others:
            time.sleep(2)
        self.assertLess(self.memory() - before, 25 * MB)
        self.assertLess(others.slowest, LONGEST)
        client.ok("FETCH 1:* (FLAGS)")

    def test_messages_that_are_nested_deeply_or_have_a_large_header(self) -> None:
        client = self.client()
        client.ok("CREATE nested")
        levels = range(10_000)
        nested = b"".join(NESTED % (level, level) for level in levels)
        header = b"".join(b"X-H%d: %s\r\n" % (number, b"v" * 60) for number in range(140_000))
        with self.others() as others:
            for message in (
                nested + b"\r\nnoon\r\n",
                b"Subject: large\r\n" + header + b"\r\nnoon\r\n",
            ):
                self.assertIn(b" OK ", client.append("nested", message)[-1])
            client.ok("SELECT nested")
            for command in (
                "SEARCH TEXT zebra",
                "FETCH 1:* (ENVELOPE BODYSTRUCTURE PREVIEW)",
                "SORT (SUBJECT) UTF-8 BODY noon",
                "THREAD REFERENCES UTF-8 ALL",
            ):
                client.ok(command)
        self.assertLess(others.slowest, LONGEST)

    def test_large_parts_that_are_decoded(self) -> None:
        client = self.client()
        client.ok("CREATE large")
        body = (base64.b64encode(bytes(57)) + b"\r\n") * 200_000
        client.append("large", b"Content-Transfer-Encoding: base64\r\n\r\n" + body)
        greedy = [self.client(small_window=True) for _ in range(10)]
        for each in greedy:
            each.ok("EXAMINE large")
        before = self.memory()
        for each in greedy:
            each.begin("FETCH 1 (BINARY.PEEK[1])")
        with self.others() as others:
            time.sleep(3)
        self.assertLess(self.memory() - before, 25 * MB)
        self.assertLess(others.slowest, LONGEST)
        client.ok("EXAMINE large")
        (line, _) = client.ok("FETCH 1 (BINARY.SIZE[1] BINARY.PEEK[1]<100.7>)")
        self.assertIn(b"BINARY.SIZE[1] 11400000 BINARY[1]<100> ~{7}\r\n" + bytes(7) + b")", line)


class Replaced(ImapFaults):
    def test_a_folder_that_is_removed_and_made_again_is_another_one(self) -> None:
        """A message of the new folder is neither shown nor removed by its UID in the old one."""
        first, second = self.client(), self.client()
        for command in ("FETCH 1 BODY.PEEK[]", "STORE 1 +FLAGS (\\Deleted)", "EXPUNGE", "CLOSE",
                        "UID FETCH 1 BODY.PEEK[]", "UID COPY 1 INBOX",
                        "UID MOVE 1 INBOX"):  # fmt: skip
            second.ask("CREATE twice")
            second.append("twice", b"Subject: old\r\n\r\n", "(\\Deleted)")
            first.ok("SELECT twice")
            second.ok("DELETE twice")
            second.ok("CREATE twice")
            second.append("twice", b"Subject: new\r\n\r\n", "(\\Deleted)")
            lines = []
            try:
                lines = first.ask(command)
                first.ask("NOOP")
            except ConnectionBroken:
                pass
            self.assertNotIn(b"Subject: new", b"".join(lines), command)
            self.assertIn(b"twice (MESSAGES 1)", second.ok("STATUS twice (MESSAGES)")[0], command)
            first = self.client()

    def test_a_client_that_idles_in_a_folder_that_is_removed(self) -> None:
        first, second = self.client(), self.client()
        second.ok("CREATE removed")
        first.ok("SELECT removed")
        first.begin("IDLE")
        self.assertEqual(b"+ idling\r\n", first.line())
        second.ok("DELETE removed")
        self.assertIn(b"* BYE The selected mailbox was removed", first.line())
        self.assertRaises(ConnectionBroken, first.line)

    def test_the_own_folder_is_renamed(self) -> None:
        client = self.client()
        for command in ("CREATE before/below", "CREATE before", "SELECT before/below"):
            client.ok(command)
        client.append("before/below", MESSAGE)
        client.ok("RENAME before after")
        self.assertIn(b"hello", client.ok("FETCH 1 BODY[]")[0])
        client.append("after/below", MESSAGE)
        client.ok("RENAME after/below INBOX/last")
        self.assertIn(b"hello", client.ok("FETCH 2 BODY[]")[0])

    def test_a_folder_that_another_program_removed_leaves_nothing_in_the_cache(self) -> None:
        client = self.client()
        for name in ("one", "two"):
            client.ok(f"CREATE {name}")
            client.append(name, MESSAGE)
        shutil.rmtree(self.maildir / ".two")
        client.ok("RENAME one two")
        client.ok("CREATE three")
        self.host.stop()
        self.host.start()
        client = self.client()
        self.assertIn(b"* 0 EXISTS\r\n", client.ok("SELECT three"))
        self.assertEqual(1, len(client.ok("UID FETCH 1:* FLAGS")))


class Disk(ImapFaults):
    def test_caches_that_another_program_locks(self) -> None:
        """Other accounts do not wait for them."""
        for user in MANY:
            client = ImapClient(self.host.ports["imap"], user)
            self.addCleanup(client.close)
            client.ok("SELECT INBOX")
            cache = self.maildir.parent / user.partition("@")[0] / "mailhost.db"
            lock = sqlite3.connect(cache, isolation_level=None)
            self.addCleanup(lock.close)
            lock.execute("BEGIN IMMEDIATE")
            client.begin(b"APPEND INBOX {3+}\r\nabc")
        begun = time.monotonic()
        self.client().ok("SELECT INBOX")
        self.assertLess(time.monotonic() - begun, 5)

    def test_a_large_message_that_cannot_be_kept_while_it_arrives(self) -> None:
        client = self.client()
        incoming = self.host.data / "incoming"
        incoming.rename(self.host.data / "elsewhere")
        incoming.touch()
        since = self.host.mark()
        large = MESSAGE + (b"x" * 76 + b"\r\n") * 20_000
        self.assertIn(b" NO [UNAVAILABLE] ", client.append("INBOX", large)[-1])
        self.host.wait_for("The message cannot be stored now", since)
        incoming.unlink()
        (self.host.data / "elsewhere").rename(incoming)
        self.assertIn(b" OK [APPENDUID ", client.append("INBOX", large)[-1])


class OddFiles(ImapFaults):
    def test_what_is_no_file_is_no_message(self) -> None:
        """A pipe would block its reader for ever, and a link may lead to a file of others."""
        client = self.client()
        client.ok("CREATE files")
        cur = self.maildir / ".files" / "cur"
        os.mkfifo(cur / "1.pipe:2,")
        (cur / "2.folder:2,").mkdir()
        os.symlink("/nowhere", cur / "3.dangling:2,")
        os.symlink("/dev/zero", cur / "4.device:2,")
        elsewhere = self.host.folder / "elsewhere"
        elsewhere.write_bytes(b"Subject: secret\r\n\r\n")
        os.symlink(elsewhere, cur / "5.link:2,")
        (cur / "7.file:2,").write_bytes(MESSAGE)
        os.mkfifo(cur.parent / "new" / "6.pipe")
        os.utime(cur, (1_700_000_000, 1_700_000_000))  # another time than CREATE has seen
        client.ok("SELECT files")
        fetched = client.ok("FETCH 1:* (RFC822.SIZE BODY.PEEK[] ENVELOPE)")
        self.assertEqual([True, False], [b"Subject: hello" in line for line in fetched])
        self.assertIn(b"(MESSAGES 1 ", client.ok("STATUS files (MESSAGES SIZE)")[0])

    def test_a_long_name(self) -> None:
        client = self.client()
        name = "n" * 254
        client.ok(f"CREATE {name}")
        client.append(name, MESSAGE, "(\\Deleted)")
        client.ok(f"SELECT {name}")
        self.assertIn(b"* 1 EXPUNGE\r\n", client.ok("EXPUNGE"))

    def test_a_folder_that_lost_its_directories(self) -> None:
        client = self.client()
        client.ok("CREATE bare")
        for name in ("cur", "new", "tmp"):
            (self.maildir / ".bare" / name).rmdir()
        client.ok("SELECT bare")
        client.append("bare", MESSAGE)
        self.assertIn(b"hello", client.ok("FETCH 1 BODY[]")[0])
