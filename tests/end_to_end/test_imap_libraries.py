"""Python's IMAP libraries: imaplib, IMAPClient and aioimaplib, each as programs use them."""

from __future__ import annotations

import asyncio
import imaplib
import zlib
from collections.abc import Callable
from poplib import POP3
from typing import Any

from aioimaplib import IMAP4_SSL
from imapclient import IMAPClient

from tests.end_to_end.imap_host import MESSAGES, PASSWORD, ImapHost
from tests.end_to_end.running import PATIENCE
from tests.end_to_end.shared import any_certificate


class ImaplibTests(ImapHost):
    """The standard library."""

    def connect(self) -> imaplib.IMAP4:
        """A client at any process."""
        client = imaplib.IMAP4(*self.where, timeout=PATIENCE)
        self.addCleanup(client.sock.close)
        return client

    def logged_in(self, mailbox: str = "INBOX") -> imaplib.IMAP4:
        """A client that has selected a mailbox."""
        client = self.connect()
        client.login(self.address, PASSWORD)
        client.select(mailbox)
        return client

    def fetched(self, client: imaplib.IMAP4, number: int) -> bytes:
        """The octets of a message."""
        _, data = client.fetch(str(number), "(BODY.PEEK[])")
        assert isinstance(data[0], tuple)
        return data[0][1]

    def test_compression(self) -> None:
        for secure in (False, True):
            client = self.connect()
            if secure:
                client.starttls(any_certificate())
            client.login(self.address, PASSWORD)
            client.append("INBOX", "", "", MESSAGES[4])
            self.assertEqual("OK", client.xatom("COMPRESS", "DEFLATE")[0])
            out, back = zlib.compressobj(wbits=-15), zlib.decompressobj(-15)
            lines = b"x SELECT INBOX\r\ny FETCH 1 BODY.PEEK[]\r\n"
            client.sock.sendall(out.compress(lines) + out.flush(zlib.Z_SYNC_FLUSH))
            found = b""
            while b"\r\ny OK" not in found:
                found += back.decompress(client.sock.recv(65536))
            self.assertIn(MESSAGES[4], found)

    def test_every_login(self) -> None:
        plain = f"\0{self.address}\0{PASSWORD}".encode()
        lines = iter((self.address.encode(), PASSWORD.encode()))

        def begin() -> imaplib.IMAP4:
            client = self.connect()
            client.starttls(any_certificate())
            return client

        logins: tuple[Callable[[imaplib.IMAP4], object], ...] = (
            lambda client: client.login(self.address, PASSWORD),
            lambda client: client.authenticate("PLAIN", lambda _: plain),
            lambda client: client.authenticate("LOGIN", lambda _: next(lines)),
        )
        for login in logins:
            client = begin()
            login(client)
            self.assertEqual("OK", client.select()[0])
            client.logout()
            client.sock.close()
        with imaplib.IMAP4_SSL(
            self.host.address, self.host.ports["imaps"], ssl_context=any_certificate()
        ) as secure:
            with self.assertRaisesRegex(imaplib.IMAP4.error, "AUTHENTICATIONFAILED"):
                secure.login(self.address, "wrong")
            secure.login(self.address, PASSWORD)

    def test_messages_come_out_as_they_went_in(self) -> None:
        client = self.logged_in()
        for message in MESSAGES:
            client.append("INBOX", "(\\Flagged Work)", imaplib.Time2Internaldate(1e9), message)
        client.noop()
        for number, message in enumerate(MESSAGES, 1):
            self.assertEqual(message, self.fetched(client, number))
        _, data = client.fetch("1:*", "(FLAGS INTERNALDATE RFC822.SIZE)")
        for line, message in zip(data, MESSAGES, strict=True):
            assert isinstance(line, bytes)
            self.assertIn(b"RFC822.SIZE %d" % len(message), line)
            self.assertEqual({b"\\Flagged", b"Work"}, set(imaplib.ParseFlags(line)))
            self.assertIn(b"09-Sep-2001", line)

    def test_delivered_messages_come_out_as_they_went_in(self) -> None:
        wanted = [each for each in MESSAGES if each.endswith(b"\n") and b"x" * 1000 not in each]
        self.deliver(*wanted)
        client = self.logged_in()
        got = {self.fetched(client, number).partition(b"From: sue")[2] for number in (1, 2, 3)}
        self.assertEqual({message.partition(b"From: sue")[2] for message in wanted}, got)

    def test_a_tour_of_the_folders(self) -> None:
        client = self.logged_in()
        listed = b"\n".join(line for line in client.list()[1] if isinstance(line, bytes))
        for use, name in (("Sent", "Sent"), ("Junk", "Junk"), ("Trash", "Trash")):
            self.assertRegex(listed, rf'\\{use}[^\n]*"/" "?{name}'.encode())
        for name in ("Work", "Work/2025"):
            self.assertEqual("OK", client.create(name)[0])
            self.assertEqual("OK", client.subscribe(name)[0])
        self.assertEqual("OK", client.rename("Work", "Job")[0])
        names = b"\n".join(line for line in client.list("Job", "*")[1] if isinstance(line, bytes))
        self.assertIn(b"/2025", names)
        for message in MESSAGES[:3]:
            client.append("INBOX", "", "", message)
        client.noop()
        self.assertEqual("OK", client.copy("1:2", "Job/2025")[0])
        self.assertEqual("OK", client.uid("MOVE", "3", "Job/2025")[0])
        self.assertEqual([b"3"], client.response("EXPUNGE")[1])
        client.store("1", "+FLAGS", "(\\Deleted)")
        self.assertEqual([b"1"], client.expunge()[1])
        self.assertIn(b"MESSAGES 3", client.status("Job/2025", "(MESSAGES UNSEEN)")[1][0])
        self.assertEqual([b"1"], client.select("INBOX")[1])
        self.assertEqual([b"3"], client.select("Job/2025")[1])
        self.assertEqual(list(MESSAGES[:3]), [self.fetched(client, n) for n in (1, 2, 3)])
        client.close()
        self.assertEqual("OK", client.delete("Job/2025")[0])

    def test_idle_sees_a_delivery_flags_and_expunge_of_other_processes(self) -> None:
        for mine, other in (
            (self.only_head, self.only_worker),
            (self.only_worker, self.only_head),
        ):
            with mine():
                idle = self.connect()
            with other():
                writer = self.connect()
            for client in (idle, writer):
                client.login(self.address, PASSWORD)
                client.select()
            self.begin_idle(idle)
            self.deliver(MESSAGES[0])
            self.assertEqual(b"* 1 EXISTS", self.line(idle))
            writer.noop()
            writer.store("1", "+FLAGS", "(\\Seen)")
            self.assertRegex(self.line(idle), rb"^\* 1 FETCH \(.*FLAGS \(\\Seen\)")
            writer.append("INBOX", "", "", MESSAGES[1])
            self.assertEqual(b"* 2 EXISTS", self.line(idle))
            writer.store("1:2", "+FLAGS.SILENT", "(\\Deleted)")
            for number in (1, 2):
                self.assertRegex(self.line(idle), rb"^\* %d FETCH .*\\Deleted" % number)
            writer.expunge()
            self.assertEqual([b"* 1 EXPUNGE"] * 2, [self.line(idle), self.line(idle)])
            idle.send(b"DONE\r\n")
            self.assertRegex(self.line(idle), rb"^I1 OK ")

    def test_sessions_end_when_the_password_or_the_account_is_gone(self) -> None:
        """Those that idle at either process, and a POP3 client."""
        for command, text in (
            (("passwd", self.address), "another long password\n" * 2),
            (("remove", self.address), ""),
        ):
            with self.only_head():
                clients = [self.connect()]
            with self.only_worker():
                clients.append(self.connect())
                pop3 = POP3(self.where[0], self.host.ports["pop3"], PATIENCE)
            self.addCleanup(pop3.close)
            password = PASSWORD if command[0] == "passwd" else "another long password"
            for client in clients:
                client.login(self.address, password)
                client.select()
                self.begin_idle(client)
            pop3.user(self.address)
            pop3.pass_(password)
            done = self.host.command("account", *command, text=text)
            self.assertEqual(0, done.returncode, done.stderr)
            for client in clients:
                self.assertIn(b"* BYE The account was removed or", self.line(client))
                self.assertEqual(b"", self.line(client))
            self.assertIn(b"-ERR [AUTH] The account was removed or", pop3.file.readline())
            with self.assertRaises(imaplib.IMAP4.error):
                self.connect().login(self.address, password)

    def test_idle_sees_what_another_program_puts_into_the_maildir(self) -> None:
        for mine in (self.only_head, self.only_worker):
            with mine():
                client = self.connect()
            client.login(self.address, PASSWORD)
            _, (count,) = client.select()
            assert count is not None
            self.begin_idle(client)
            name = f"17000000{int(count)}.M1P1Q1.elsewhere"
            self.put(MESSAGES[0], name)
            self.assertEqual(b"* %d EXISTS" % (int(count) + 1), self.line(client))
            path = self.maildir / "new" / name
            if not path.exists():
                path = next((self.maildir / "cur").glob(f"{name}*"))
            path.rename(self.maildir / "cur" / f"{name}:2,FS")
            line = self.line(client)
            self.assertRegex(line, rb"FETCH .*FLAGS \(\\(Flagged \\Seen|Seen \\Flagged)\)")

    def begin_idle(self, client: imaplib.IMAP4) -> None:
        """IDLE, and its answer."""
        client.send(b"I1 IDLE\r\n")
        self.assertEqual(b"+ idling", self.line(client))

    def line(self, client: imaplib.IMAP4) -> bytes:
        """The next line."""
        return client.readline().rstrip(b"\r\n")


class ImapClientTests(ImapHost):
    """IMAPClient."""

    def test_a_tour(self) -> None:
        with IMAPClient(*self.where, ssl=False, timeout=PATIENCE) as client:
            client.starttls(any_certificate())
            client.login(self.address, PASSWORD)
            self.assertEqual(((b"name", b"mailhost"),), client.id_({"name": "test"}))
            names = {name: flags for flags, _, name in client.list_folders()}
            self.assertIn(b"\\Sent", names["Sent"])
            self.assertEqual("Trash", client.find_special_folder(b"\\Trash"))
            client.create_folder("Entwürfe/Käse & Brot")
            self.assertIn("Entwürfe/Käse & Brot", [each[2] for each in client.list_folders()])
            client.select_folder("INBOX")
            for message in MESSAGES:
                client.append("INBOX", message, (b"\\Seen",))
            found = client.fetch([1, 2, 3, 4, 5], ["BODY.PEEK[]", "ENVELOPE", "BODYSTRUCTURE"])
            self.assertEqual(list(MESSAGES), [found[uid][b"BODY[]"] for uid in sorted(found)])
            self.assertEqual(b"plain", found[1][b"ENVELOPE"].subject)
            self.assertEqual(b"text", found[1][b"BODYSTRUCTURE"][0])
            client.add_flags([1, 2], [b"\\Flagged", b"Work"])
            self.assertEqual({b"\\Seen", b"\\Flagged", b"Work"}, set(client.get_flags([1])[1]))
            client.copy([1], "Entwürfe/Käse & Brot")
            client.move([2, 3], "Entwürfe/Käse & Brot")
            client.delete_messages([4])
            client.uid_expunge([4])
            self.assertEqual({1, 5}, set(client.fetch([1, 2, 3, 4, 5], ["UID"])))
            status = client.folder_status("Entwürfe/Käse & Brot", ["MESSAGES", "UNSEEN"])
            self.assertEqual({b"MESSAGES": 3, b"UNSEEN": 0}, status)
            client.idle()
            self.deliver(MESSAGES[0])
            self.assertIn((3, b"EXISTS"), client.idle_check(PATIENCE))
            client.idle_done()
            self.assertEqual(b"plain", client.fetch([6], ["ENVELOPE"])[6][b"ENVELOPE"].subject)


class AioimaplibTests(ImapHost):
    """aioimaplib."""

    def test_a_tour(self) -> None:
        asyncio.run(self.tour())

    async def tour(self) -> None:
        client: Any = IMAP4_SSL(
            self.host.address,
            self.host.ports["imaps"],
            timeout=PATIENCE,
            ssl_context=any_certificate(),
        )
        await client.wait_hello_from_server()
        self.assertEqual("OK", (await client.login(self.address, PASSWORD)).result)
        self.assertEqual("OK", (await client.select()).result)
        for message in MESSAGES:
            self.assertEqual("OK", (await client.append(message, flags="\\Seen")).result)
        for uid, message in enumerate(MESSAGES, 1):
            fetched = await client.uid("fetch", str(uid), "BODY.PEEK[]")
            self.assertEqual(message, bytes(fetched.lines[1]))
        self.assertEqual("OK", (await client.uid("store", "1:2", "+FLAGS (\\Deleted)")).result)
        self.assertEqual("OK", (await client.copy("3", "Archive")).result)
        self.assertEqual("OK", (await client.move("4", "Archive")).result)
        expunged = await client.expunge()
        self.assertEqual([b"1 EXPUNGE", b"1 EXPUNGE"], expunged.lines[:2])
        idle = await client.idle_start(timeout=PATIENCE)
        await asyncio.to_thread(self.deliver, MESSAGES[0])
        self.assertEqual([b"3 EXISTS"], await client.wait_server_push())
        client.idle_done()
        await asyncio.wait_for(idle, PATIENCE)
        self.assertEqual("OK", (await client.logout()).result)
