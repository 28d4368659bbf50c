"""A host that all tests of a class share, and a client that sends whatever it is told to."""

from __future__ import annotations

import atexit
import socket
import ssl
import tempfile
from pathlib import Path
from typing import ClassVar

from twisted.trial.unittest import TestCase

from tests.end_to_end.running import RunningHost, remove_folder

# accounts in the file: no commands to run before the first start
DOMAINS = """
[domain."example.com".account.ann]
[domain."example.com".account.bob]
[domain."example.net".account.bob]
"""
MAIL = b"From: sue@elsewhere.example\r\nSubject: %s\r\n\r\nHello\r\n.\r\n"


class Raw:
    """A client without manners. `where` is an address and a port, or the path of a socket; `source`
    the address that it connects from."""

    def __init__(
        self,
        where: tuple[str, int] | str,
        seconds: float = 30,
        hello: str = "",
        source: str = "",
    ) -> None:
        if isinstance(where, str):
            self.socket = socket.socket(socket.AF_UNIX)
            self.socket.settimeout(seconds)
            self.socket.connect(where)
        else:
            self.socket = socket.create_connection(where, seconds, (source, 0) if source else None)
        self._file = self.socket.makefile("rb")
        if hello:
            self.reply()
            self.say(f"{hello} client.example\r\n")

    def send(self, data: bytes | str) -> None:
        """Send octets as they are."""
        self.socket.sendall(data.encode() if isinstance(data, str) else data)

    def line(self) -> bytes:
        """The next line with its CRLF, nothing at the end."""
        return self._file.readline()

    def lines(self) -> list[bytes]:
        """The next reply, each line without its CRLF; an empty one where the host hung up."""
        found = [self.line().rstrip(b"\r\n")]
        while found[-1][3:4] == b"-":
            found.append(self.line().rstrip(b"\r\n"))
        return found

    def reply(self) -> bytes:
        """The last line of the next reply without its CRLF, nothing where the host hung up."""
        return self.lines()[-1]

    def say(self, data: bytes | str) -> bytes:
        """Send and return the reply."""
        self.send(data)
        return self.reply()

    def envelope(self, *recipients: str) -> list[bytes]:
        """MAIL and RCPTs; return the replies to the latter."""
        self.say("MAIL FROM:<sue@elsewhere.example>\r\n")
        return [self.say(f"RCPT TO:<{each}>\r\n") for each in recipients]

    def start_tls(self, name: str = "mx.example.org") -> None:
        """The handshake; any certificate will do."""
        self.socket = any_certificate().wrap_socket(self.socket, server_hostname=name)
        self._file = self.socket.makefile("rb")

    def rest(self) -> bytes:
        """All that comes until the host closes."""
        try:
            return self._file.read()
        except ConnectionResetError:
            return b""

    def close(self) -> None:
        """Vanish."""
        self._file.close()
        self.socket.close()


def any_certificate() -> ssl.SSLContext:
    """A context that accepts each certificate, and so reads no authorities: these would take 20 ms
    each time."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context


def new_folder() -> Path:
    """A short path, open to all users of the machine."""
    folder = Path(tempfile.mkdtemp(prefix="mailhost-"))
    folder.chmod(0o755)
    return folder


class SharedHost(TestCase):
    """A host with `settings` and `domains`, shared by all classes that name the same ones. It lives
    until a test wants another, or the tests end; a test that stops it leaves the next start to the
    next test.

    Trial knows no fixtures for a whole class.
    """

    settings: ClassVar[str] = ""
    domains: ClassVar[str] = DOMAINS
    protocols: ClassVar[tuple[str, ...]] = ("smtp",)
    running: ClassVar[list[tuple[object, RunningHost]]] = []
    timeout = 120

    def setUp(self) -> None:
        if not self.running or self.running[0][0] != self.group:
            stop_running()
            host = RunningHost(new_folder(), self.settings + self.domains, protocols=self.protocols)
            self.running.append((self.group, host))
            self.prepare(host)
        self.host = self.running[0][1]
        if self.host.stopped:
            self.host.start()

    @property
    def group(self) -> object:
        """Equal for all tests of one host, see `tests.trial`."""
        return self.settings, self.domains, self.protocols

    def prepare(self, host: RunningHost) -> None:
        """Do what has to be done before the first start."""

    def raw(self, protocol: str = "smtp", hello: str = "EHLO") -> Raw:
        """A connection; the greeting is read and hello said where `hello` names it."""
        client = Raw((self.host.address, self.host.ports[protocol]), hello=hello)
        self.addCleanup(client.close)
        return client

    def refused(self, reply: bytes, *starts: str) -> None:
        """The reply is one of these."""
        self.assertTrue(reply.startswith(tuple(each.encode() for each in starts)), reply)

    def send_mail(self, subject: str, *recipients: str) -> bytes:
        """One message from a new client; return the last reply."""
        client = self.raw()
        for reply in client.envelope(*(recipients or ("ann@example.com",))):
            self.refused(reply, "250")
        self.refused(client.say("DATA\r\n"), "354")
        reply = client.say(MAIL % subject.encode())
        client.close()
        return reply

    def serves(self) -> None:
        """Somebody else is served as if nothing were."""
        subject = f"served {self.id().rsplit('.', 1)[-1]}"
        self.refused(self.send_mail(subject), "250 2.0.0")
        self.assertEqual(1, self.arrived(subject))

    def arrived(self, text: str, address: str = "ann@example.com") -> int:
        """How many messages of an inbox hold these words."""
        return sum(text.encode() in path.read_bytes() for path in self.host.inbox(address))

    def memory(self, field: str = "VmRSS") -> int:
        """The memory that the host uses, or used at most (VmHWM), in octets."""
        return memory(self.host, field)


@atexit.register
def stop_running() -> None:
    """Stop the host that the last class left."""
    while SharedHost.running:
        _, host = SharedHost.running.pop()
        host.stop()
        remove_folder(host.folder)


def memory(host: RunningHost, field: str = "VmRSS") -> int:
    """The memory that a host's first process uses, or used at most (VmHWM), in octets."""
    return memory_of(host.pid, field)


def memory_of(pid: int, field: str) -> int:
    """The memory that a process uses, or used at most, in octets."""
    text = Path(f"/proc/{pid}/status").read_text()
    line = next(line for line in text.splitlines() if line.startswith(field))
    return int(line.split()[1]) * 1024
