"""Every way to be reached: IPv6, unix sockets, proxies, systemd, another user, reloads, curl."""

from __future__ import annotations

import os
import pwd
import shutil
import smtplib
import socket
import ssl
import subprocess
import sys
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from twisted.trial.unittest import SkipTest, TestCase

from mailhost.net.tls.selfsigned import make_self_signed
from mailhost.store.maildir.filename import arrival
from tests.authority import Authority, write_pem
from tests.end_to_end.running import RunningHost, free_port, remove_folder
from tests.end_to_end.shared import DOMAINS, MAIL, Raw, SharedHost, any_certificate, new_folder

PASSWORD = "correct horse battery"
LOOPBACK = "127.0.0.1"
PROXYS_OWN = "127.0.0.9"


def listen(protocol: str, endpoint: str) -> str:
    """One listener of the settings file; backslashes are for Twisted, as the file has them."""
    return f"[[listen]]\nprotocol = '{protocol}'\nendpoint = '{endpoint}'\n"


class Delivering(TestCase):
    """Clients for `host`, whose usual listener is at `port`."""

    host: RunningHost
    port: int

    def smtp(self, address: str, port: int | None = None) -> Raw:
        client = Raw((address, port or self.port), hello="EHLO")
        self.addCleanup(client.close)
        return client

    def deliver(self, client: Raw, *recipients: str) -> bytes:
        """Send one message; return the last reply."""
        for reply in client.envelope(*(recipients or ("ann@example.com",))):
            self.refused(reply, "250")
        self.refused(client.say("DATA\r\n"), "354")
        return client.say(MAIL % b"hello")

    def refused(self, reply: bytes, *starts: str) -> None:
        self.assertTrue(reply.startswith(tuple(each.encode() for each in starts)), reply)

    def last_mail(self, address: str = "ann@example.com") -> str:
        """The last message of an inbox."""
        newest = max(self.host.inbox(address), key=lambda path: arrival(path.name))
        return newest.read_text()


IPV6, BOTH, PLAIN, PROXY, PROXY_TLS, IMAPS, HTTP, HTTPS = (free_port(LOOPBACK) for _ in range(8))
OPEN = (
    listen("smtp", rf"tcp6:{IPV6}:interface=\:\:1"),
    listen("smtp", rf"tcp6:{BOTH}:interface=\:\:"),
    listen("smtp", f"tcp:{PLAIN}:interface={LOOPBACK}"),
    listen("smtp", f"haproxy:tcp:{PROXY}:interface={LOOPBACK}"),
    listen("submissions", f"haproxy:tcp:{PROXY_TLS}:interface={LOOPBACK}"),
    listen("imaps", f"tcp:{IMAPS}:interface={LOOPBACK}"),
    listen("http", f"tcp:{HTTP}:interface={LOOPBACK}"),
    listen("https", f"tcp:{HTTPS}:interface={LOOPBACK}"),
)


class Open(Delivering, SharedHost):
    """A host with a listener for each way that clients may come."""

    settings = f"""
[limits]
connections_per_client = 2
[relay]
networks = ["{PROXYS_OWN}"]
[web]
trusted_proxies = ["{PROXYS_OWN}"]
""" + "".join(OPEN)
    protocols = ()
    port = PLAIN


class Addresses(Open):
    def test_ipv6(self) -> None:
        self.refused(self.deliver(self.smtp("::1", IPV6)), "250 2.0.0")
        self.assertIn("from client.example ([IPv6:::1])", self.last_mail())
        with self.assertRaises(ConnectionRefusedError):
            Raw((LOOPBACK, IPV6))

    def test_one_socket_for_both_families(self) -> None:
        self.refused(self.deliver(self.smtp("::1", BOTH)), "250 2.0.0")
        self.assertIn("([IPv6:::1])", self.last_mail())
        self.refused(self.deliver(self.smtp(LOOPBACK, BOTH)), "250 2.0.0")
        self.assertIn("([127.0.0.1])", self.last_mail())

    def test_address_literals_and_help(self) -> None:
        client = self.smtp(LOOPBACK)
        replies = client.envelope("ann@[192.0.2.1]", "ann@[IPv6:2001:db8::1]", "ann@[x]")
        self.refused(replies[0], "550 5.7.1")
        self.refused(replies[1], "550 5.7.1")
        self.refused(replies[2], "501", "553", "550 5.7.1")
        self.refused(client.say("MAIL FROM:<sue@[192.0.2.1]>\r\n"), "503")
        client.say("RSET\r\n")
        self.refused(client.say("MAIL FROM:<sue@[192.0.2.1]>\r\n"), "250")
        self.refused(client.say("EHLO [127.0.0.1]\r\n"), "250")
        self.refused(client.say("EHLO [IPv6:::1]\r\n"), "250")
        client.send("HELP\r\nNOOP\r\n")
        said = client.line() + client.line()
        self.assertTrue(said.startswith(b"214-2.0.0 "), said)
        self.assertIn(b"STARTTLS", said)
        self.refused(client.reply(), "250")


class Proxied(Open):
    """Behind a proxy that says where its clients come from."""

    def proxied(self, header: str, port: int = PROXY) -> Raw:
        client = Raw((LOOPBACK, port), source=PROXYS_OWN)
        self.addCleanup(client.close)
        client.send(header)
        return client

    def test_the_clients_address_counts_and_not_the_proxys(self) -> None:
        header = "PROXY TCP4 192.0.2.7 192.0.2.1 4321 25\r\n"
        client = self.proxied(header)
        self.refused(client.reply(), "220")
        client.say("EHLO client.example\r\n")
        self.refused(self.deliver(client), "250 2.0.0")
        self.assertIn("([192.0.2.7])", self.last_mail())
        (reply,) = client.envelope("someone@elsewhere.example")
        self.refused(reply, "550 5.7.1")  # the proxy may relay, this client not
        client.say("RSET\r\n")
        self.refused(self.proxied(header).reply(), "220")
        self.refused(self.proxied(header).reply(), "421 4.7.0")
        self.refused(self.proxied(header.replace("2.7", "2.8")).reply(), "220")
        self.refused(client.say("STARTTLS\r\n"), "220")
        client.start_tls()
        self.refused(client.say("EHLO client.example\r\n"), "250")
        self.refused(self.deliver(client), "250 2.0.0")
        self.assertIn("with ESMTPS id", self.last_mail())

    def test_without_a_header_nothing_is_said(self) -> None:
        client = Raw((LOOPBACK, PROXY))
        self.addCleanup(client.close)
        client.send("EHLO client.example\r\n")
        self.assertEqual(b"", client.rest())

    def test_implicit_tls(self) -> None:
        client = self.proxied("PROXY TCP6 2001:db8::7 2001:db8::1 4321 465\r\n", PROXY_TLS)
        client.start_tls()
        self.refused(client.reply(), "220")


class Listening(Delivering):
    """A host of its own with the listeners of a test."""

    timeout = 120

    def setUp(self) -> None:
        self.folder = new_folder()
        self.addCleanup(remove_folder, self.folder)
        self.port = free_port(LOOPBACK)

    def make(self, *listeners: str, settings: str = "") -> RunningHost:
        """A host, not started yet. `settings` may begin with keys outside of tables."""
        text = self.text(*listeners, settings=settings)
        self.host = RunningHost(self.folder, text, protocols=())
        self.addCleanup(self.host.stop)
        return self.host

    def text(self, *listeners: str, settings: str = "") -> str:
        return settings + "\n" + "".join(listeners) + DOMAINS


class UnixSockets(Listening):
    def test_lmtp_over_a_unix_socket_and_again_after_a_kill(self) -> None:
        host = self.make(listen("lmtp", "unix:lmtp.sock"))
        path = self.folder / "lmtp.sock"
        for _ in range(2):
            host.start()
            client = Raw(str(path), hello="LHLO")
            self.refused(self.deliver(client), "250 2.")
            client.close()
            host.kill()
            # as where process numbers are given again: in a container, after a boot
            lock = self.folder / "lmtp.sock.lock"
            lock.unlink(missing_ok=True)
            lock.symlink_to(str(os.getpid()))
        self.assertIn("with LMTP id", self.last_mail())

    def test_a_unix_socket_that_somebody_listens_on_is_left_alone(self) -> None:
        host = self.make(listen("lmtp", "unix:lmtp.sock"))
        with socket.socket(socket.AF_UNIX) as other:
            other.bind(str(self.folder / "lmtp.sock"))
            other.listen()
            done = host.launch()
            self.assertNotEqual(0, done.returncode)
            self.assertIn("cannot listen on", done.stdout + done.stderr)
            self.assertNotIn("Traceback", done.stdout + done.stderr)
            Raw(str(self.folder / "lmtp.sock")).close()


LAUNCH = """
import os, socket, sys
listening = [socket.create_server(("127.0.0.1", int(port))) for port in sys.argv[1:3]]
copies = [os.dup(each.fileno()) for each in listening]
for number, each in enumerate(copies, 3):
    os.dup2(each, number)
os.environ.update(LISTEN_FDS="2", LISTEN_PID=str(os.getpid()), LISTEN_FDNAMES="first:smtp")
os.execv(sys.argv[3], sys.argv[3:])
"""


class Refusing(Listening):
    def test_a_socket_that_cannot_be_had_ends_it_with_one_line(self) -> None:
        """Found when the listener is made; test_one_host has one that cannot be opened, and
        application/test_listeners has other sockets."""
        done = self.make(listen("smtp", "systemd:domain=INET:name=smtp")).launch()
        self.assertNotEqual(0, done.returncode)
        said = done.stdout + done.stderr
        self.assertNotIn("Traceback", said)
        lines = [line for line in said.splitlines() if "mailhost: cannot listen on " in line]
        self.assertEqual(1, len(lines), said)
        self.assertNotIn("cannot listen on :", lines[0])


@dataclass
class ActivatedHost(RunningHost):
    """Started with two open sockets, as systemd does it."""

    open_ports: tuple[int, ...] = ()

    @property
    def _command(self) -> list[str]:
        return [sys.executable, "-c", LAUNCH, *map(str, self.open_ports), *super()._command]


class Activated(Listening):
    def test_sockets_of_systemd(self) -> None:
        endpoints = ("systemd:domain=INET:index=0", "systemd:domain=INET:name=smtp")
        text = self.text(*(listen("smtp", each) for each in endpoints))
        ports = (self.port, free_port(LOOPBACK))
        host = ActivatedHost(self.folder, text, protocols=(), open_ports=ports)
        self.addCleanup(host.stop)
        host.start()
        for _ in range(2):
            for port in ports:
                self.refused(self.deliver(self.smtp(LOOPBACK, port)), "250 2.0.0")
            self.assertIn("reloaded", host.reload())


HIDDEN = """
set -e
base=$1; hidden=$2; aside=$3; shift 3
mount --bind "$base" "$aside"
mount -t tmpfs -o mode=755 tmpfs "$hidden"
mkdir -p "$base"
mount --bind "$aside" "$base"
exec "$@"
"""


@dataclass
class ReadableHost(RunningHost):
    """Where Python lies below a folder that only root may enter, shown without that folder."""

    @property
    def _command(self) -> list[str]:
        base = Path(sys.base_prefix)
        closed = [each for each in reversed(base.parents) if not each.stat().st_mode & 1]
        if not closed:
            return super()._command
        aside = self.folder / "aside"
        aside.mkdir(exist_ok=True)
        script = ["unshare", "-m", "sh", "-c", HIDDEN, "sh"]
        return [*script, str(base), str(closed[0]), str(aside), *super()._command]


class AnotherUser(Listening):
    def test_privileges_are_dropped(self) -> None:
        if os.getuid() != 0:
            raise SkipTest("only root can drop privileges")
        nobody = pwd.getpwnam("nobody").pw_uid
        settings = 'user = "nobody"\n'
        socket_ = listen("lmtp", "unix:data/lmtp.sock")
        smtp = listen("smtp", f"tcp:{self.port}:interface={LOOPBACK}")
        closed = self.folder / "closed"
        closed.mkdir(mode=0o700)
        chain, key = write_pem(str(closed), Authority.new().issue("mx.example.org"))
        pair = f'[[tls.certificate]]\nchain = "{chain}"\nkey = "{key}"\n'
        text = self.text(smtp, socket_, pair, settings=settings)
        host = ReadableHost(self.folder, text, protocols=())
        self.addCleanup(host.stop)
        host.start()
        self.assertIn("run as root: ", host.wait_for(f"certificates: cannot read {chain}"))
        text = f"refused.*the user nobody may not enter the folder {closed}; run as root: "
        self.assertRegex(host.reload(), text)
        closed.chmod(0o755)
        for each in (chain, key):
            os.chown(each, nobody, -1)
        status = Path(f"/proc/{host.pid}/status").read_text()
        for field in ("Uid", "Gid"):
            line = next(line for line in status.splitlines() if line.startswith(field))
            self.assertNotIn("0", line.split()[1:])
        groups = next(line for line in status.splitlines() if line.startswith("Groups:"))
        self.assertNotIn("0", groups.split()[1:])
        self.refused(self.deliver(self.smtp(LOOPBACK)), "250 2.0.0")
        for path in host.data.rglob("*"):
            self.assertEqual(nobody, path.lstat().st_uid, path)
        other = free_port(LOOPBACK)
        more = listen("smtp", f"tcp:{other}:interface={LOOPBACK}")
        host.write_settings(self.text(smtp, socket_, pair, more, settings=settings))
        self.assertNotIn("refused", host.reload())
        self.refused(self.deliver(self.smtp(LOOPBACK, other)), "250 2.0.0")
        self.assertIn("nothing changed", host.reload())
        host.stop()
        host.write_settings(self.text(smtp, socket_, settings=settings))
        host.start()  # and make a self-signed certificate
        self.refused(self.deliver(self.smtp(LOOPBACK)), "250 2.0.0")
        self.assertEqual(nobody, (host.data / "tls" / "key.pem").stat().st_uid)
        self.assertIn("nothing changed", host.reload())


class Reloaded(Listening):
    def test_listeners_come_and_go(self) -> None:
        other = free_port(LOOPBACK)
        first = listen("smtp", f"tcp:{self.port}:interface={LOOPBACK}")
        second = listen("smtp", f"tcp:{other}:interface={LOOPBACK}")
        host = self.make(first).start()
        old = self.smtp(LOOPBACK)
        old.envelope("ann@example.com")
        with socket.create_server((LOOPBACK, 0)) as taken:
            third = listen("smtp", f"tcp:{taken.getsockname()[1]}:interface={LOOPBACK}")
            host.write_settings(self.text(third))
            self.assertIn("refused", host.reload())
        self.refused(self.deliver(self.smtp(LOOPBACK)), "250")
        web = free_port(LOOPBACK)
        http = listen("http", f"tcp:{web}:interface={LOOPBACK}")
        host.write_settings(self.text(second, http))
        self.assertIn("reloaded", host.reload())
        browser = Raw((LOOPBACK, web))
        self.assertEqual(
            browser.say("OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n"), b"HTTP/1.1 204 No Content"
        )
        self.refused(self.deliver(self.smtp(LOOPBACK, other)), "250")
        with self.assertRaises(ConnectionRefusedError):
            Raw((LOOPBACK, self.port))
        old.say("DATA\r\n")
        self.refused(old.say(MAIL % b"begun before"), "250")
        self.assertIn("begun before", self.last_mail())
        host.write_settings(self.text(second.replace("'smtp'", "'lmtp'")))
        self.assertIn("reloaded", host.reload())
        browser.rest()  # the connection was idle, and ends
        browser.close()
        with self.assertRaises(ConnectionRefusedError):
            Raw((LOOPBACK, web))
        for _ in range(6):  # of all processes
            self.assertIn(b"LMTP", Raw((LOOPBACK, other)).reply())
        self.refused(old.say("NOOP\r\n"), "250")
        old.close()

    def test_other_certificates_are_served_to_new_connections(self) -> None:
        tls = self.folder / "tls"
        settings = "[[tls.certificate]]\nchain = 'tls/chain.pem'\nkey = 'tls/key.pem'\n"
        make_self_signed(str(tls), "first.example.org")
        shutil.move(tls, self.folder / "first")
        make_self_signed(str(tls), "mx.example.org")
        smtps = free_port(LOOPBACK)
        host = self.make(
            listen("smtp", f"tcp:{self.port}:interface={LOOPBACK}"),
            listen("submissions", f"tcp:{smtps}:interface={LOOPBACK}"),
            settings=settings,
        ).start()
        before = self.certificates(smtps)
        kept = smtplib.SMTP(LOOPBACK, self.port, timeout=30)
        self.addCleanup(kept.close)
        kept.starttls(context=any_certificate())
        shutil.rmtree(tls)
        shutil.move(self.folder / "first", tls)
        self.assertIn("reloaded", host.reload())
        after = self.certificates(smtps)
        self.assertEqual(1, len(set(before)))
        self.assertEqual(1, len(set(after)))
        self.assertNotEqual(before[0], after[0])
        self.assertEqual(250, kept.ehlo()[0])
        (tls / "key.pem").write_text("no key")
        self.assertIn("refused", host.reload())
        self.assertEqual(after, self.certificates(smtps))

    def certificates(self, smtps: int) -> list[bytes]:
        """The certificates after STARTTLS and with implicit TLS."""
        found = []
        with closing(smtplib.SMTP(LOOPBACK, self.port, timeout=30)) as client:
            client.starttls(context=any_certificate())
            assert isinstance(client.sock, ssl.SSLSocket)
            found.append(client.sock.getpeercert(True) or b"")
        context = any_certificate()
        with closing(smtplib.SMTP_SSL(LOOPBACK, smtps, timeout=30, context=context)) as client:
            assert isinstance(client.sock, ssl.SSLSocket)
            found.append(client.sock.getpeercert(True) or b"")
        return found


class Curl(Listening):
    def curl(self, *arguments: str) -> str:
        done = subprocess.run(
            ["curl", "-sS", "-m", "30", "-k", *arguments],
            capture_output=True,
            text=True,
            check=False,
        )
        self.assertEqual(0, done.returncode, done.stderr)
        return done.stdout

    def test_sending_and_reading(self) -> None:
        if shutil.which("curl") is None:
            raise SkipTest("curl is not installed")
        ports = {name: free_port(LOOPBACK) for name in ("submission", "submissions", "pop3s")}
        ports["pop3"] = free_port(LOOPBACK)
        listeners = [
            listen(name, f"tcp:{port}:interface={LOOPBACK}") for name, port in ports.items()
        ]
        host = self.make(*listeners)
        host.add_accounts(PASSWORD, "sam@example.org")
        host.start()
        mail = self.folder / "mail"
        mail.write_bytes(b"From: sam@example.org\r\nSubject: by curl\r\n\r\n.\r\n..dots\r\nend\r\n")
        user = ("--user", f"sam@example.org:{PASSWORD}")
        for scheme, protocol in (("smtp", "submission"), ("smtps", "submissions")):
            envelope = ("--mail-from", "sam@example.org", "--mail-rcpt", "sam@example.org")
            url = f"{scheme}://{LOOPBACK}:{ports[protocol]}/client.example"
            self.curl("--ssl-reqd", *user, *envelope, "--upload-file", str(mail), url)
        for scheme in ("pop3", "pop3s"):
            url = f"{scheme}://{LOOPBACK}:{ports[scheme]}"
            listed = self.curl("--ssl-reqd", *user, url)
            self.assertEqual(2, len(listed.split("\n")) - 1, listed)
            read = self.curl("--ssl-reqd", *user, f"{url}/1")
            self.assertTrue(read.replace("\r", "").endswith("\n\n.\n..dots\nend\n"), read)


class Initialised(Listening):
    def test_what_init_wrote_serves(self) -> None:
        host = self.make()
        host.config.unlink()
        domains: Sequence[str] = ("example.com", "example.net")
        asked = [word for domain in domains for word in ("--domain", domain)]
        mailhost = str(Path(sys.executable).parent / "mailhost")
        for _ in range(2):  # and again, which overwrites nothing
            done = subprocess.run(
                [mailhost, "init", str(self.folder), "--hostname", "mx.example.com", *asked],
                capture_output=True,
                text=True,
                check=False,
            )
            self.assertEqual(0, done.returncode, done.stderr)
        text = host.config.read_text()
        self.assertIn('#[[listen]]\n#protocol = "smtp"', text)
        text = text.replace("#[[listen]]\n", "[[listen]]\n", 1)
        text = text.replace("#protocol", "protocol", 1)
        text = text.replace('#endpoint = "tcp:25"', f'endpoint = "tcp:{self.port}"')
        host.config.write_text(text)
        for domain in domains:
            done = host.command("account", "add", f"you@{domain}", text=PASSWORD + "\n")
            self.assertEqual(0, done.returncode, done.stderr)
        host.start()
        host.wait_for("settings: admin: is missing")
        for address in ("postmaster@example.com", "abuse@example.net", "postmaster"):
            (reply,) = self.smtp(LOOPBACK).envelope(address)
            self.refused(reply, "451 4.3.0")
        host.config.write_text(text.replace("#admin", "admin"))
        self.assertIn("reloaded", host.reload())
        for domain in domains:
            reply = self.deliver(self.smtp(LOOPBACK), f"postmaster@{domain}", f"abuse@{domain}")
            self.refused(reply, "250 2.0.0")
        self.refused(self.deliver(self.smtp(LOOPBACK), "postmaster"), "250 2.0.0")
        arrived = len(host.inbox("you@example.com")) + len(host.inbox("you@example.net"))
        self.assertGreaterEqual(arrived, 3)
        (reply,) = self.smtp(LOOPBACK).envelope("nobody@example.com")
        self.refused(reply, "550 5.1.1")
