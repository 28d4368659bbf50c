"""A proxy before a Postfix that listens in several ways, and clients for it.

Both are started for the first test that wants them, and end with the tests. Each service of
Postfix has a listener of the proxy with the same name.
"""

from __future__ import annotations

import atexit
import re
import ssl
from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar

from twisted.trial.unittest import SkipTest, TestCase

from mailhost.net.tls.selfsigned import make_self_signed
from tests.end_to_end.postfix import ADDRESS, HOSTNAME, Postfix, Service, installed
from tests.end_to_end.running import RunningHost, free_port, remove_folder, until
from tests.end_to_end.shared import Raw, any_certificate, memory_of, new_folder

SENDER = "sue@elsewhere.example"
DOMAIN = "example.com"
ANN, BOB, JOERG = (f"{user}@{DOMAIN}" for user in ("ann", "bob", "jörg"))
THIRD, LATER, EVE, ABROAD = (
    f"third@{DOMAIN}",
    f"later@{DOMAIN}",
    f"eve@{DOMAIN}",
    "someone@far.example",
)
PASSWORD = "correct horse battery"
REFUSED_WORD = "forbidden"  # in a subject

SETTINGS = {
    "smtpd_relay_restrictions": "reject_unauth_destination",
    "smtpd_recipient_restrictions": "check_recipient_access inline:{ {"
    f"{LATER} = 450 4.2.1 The host is closed for now" + "} }",
    "smtpd_sasl_auth_enable": "no",
    "service_throttle_time": "1s",
    "local_header_rewrite_clients": "",
    "in_flow_delay": "0",
    "smtpd_error_sleep_time": "0",
}
SIGNED = "signed.example.org"  # the name in a certificate that the proxy trusts
TRUSTED: dict[str, object] = {
    "smtpd_tls_cert_file": "$trusted_chain",
    "smtpd_tls_key_file": "$trusted_key",
}
SERVICES: dict[str, dict[str, object]] = {
    "usual": {},
    "poor": {
        "smtpd_tls_security_level": "none",
        "smtputf8_enable": "no",
        "smtpd_discard_ehlo_keywords": "chunking, dsn, 8bitmime, pipelining",
    },
    "small": {"message_size_limit": "20000", "smtpd_tls_security_level": "none"},
    "holding": {"smtpd_data_restrictions": "check_client_access static:hold"},
    "xclient": {"smtpd_authorized_xclient_hosts": "127.0.0.1"},
    "choosy": {
        "smtpd_authorized_xclient_hosts": "127.0.0.1",
        "smtpd_client_restrictions": "check_client_access inline:{ { 127.0.0.9 = REJECT no } }",
        "smtpd_helo_restrictions": "check_helo_access inline:{ { bad.example = REJECT no } }",
    },
    "unwanted": {},
    "xforward": {"smtpd_authorized_xforward_hosts": "127.0.0.1"},
    "haproxy": {"smtpd_upstream_proxy_protocol": "haproxy"},
    "signed": TRUSTED,
    "misnamed": TRUSTED,
    "by address": TRUSTED,
    "untrusted": {},
    "without": {"smtpd_tls_security_level": "none"},
    "never": {},
    "old": {"smtpd_tls_protocols": "TLSv1"},
    "wrapped": {"smtpd_tls_wrappermode": "yes", **TRUSTED},
    "login": {
        "smtpd_sasl_auth_enable": "yes",
        "smtpd_client_restrictions": "permit_sasl_authenticated, reject",
    },
}
LISTENERS = {
    "poor": 'upstream_tls = "never"',
    "xclient": 'identity = "xclient"',
    "choosy": 'identity = "xclient"',
    "unwanted": 'identity = "xclient"',
    "xforward": 'identity = "xforward"',
    "haproxy": 'identity = "haproxy"',
    "signed": f'upstream_tls = "require"\nupstream_name = "{SIGNED}"',
    "misnamed": 'upstream_tls = "require"\nupstream_name = "other.example"',
    "by address": 'upstream_tls = "require"',
    "untrusted": f'upstream_tls = "require"\nupstream_name = "{HOSTNAME}"',
    "without": 'upstream_tls = "require"',
    "never": 'upstream_tls = "never"',
    "wrapped": f'upstream_tls = "require"\nupstream_name = "{SIGNED}"',
}
LIMITS = """
[limits]
message_size = "60 MB"
connections_per_client = 1000
errors = 50
"""
_TRACE = re.compile(
    rb"(?:(?:Return-Path|X-Original-To|Delivered-To|Received):.*\n(?:[ \t].*\n)*)+", re.IGNORECASE
)


class Client(Raw):
    """One that sends messages as they are."""

    def __init__(
        self, port: int, hello: str = "EHLO", source: str = "", address: str = ADDRESS
    ) -> None:
        super().__init__((address, port), hello=hello, source=source)

    def offers(self) -> dict[str, str]:
        """The extensions in the reply to EHLO."""
        self.send("EHLO client.example\r\n")
        text = [line[4:].decode().partition(" ") for line in self.lines()[1:]]
        return {word: rest for word, _, rest in text}

    def recipients(self, *paths: str, mail: str = f"<{SENDER}>") -> list[bytes]:
        """MAIL, which must go well, and RCPTs; return the replies to the latter. Both are given as
        a path with its parameters."""
        reply = self.say(f"MAIL FROM:{mail}\r\n")
        assert reply.startswith(b"250"), reply
        return [self.say(f"RCPT TO:{path}\r\n") for path in paths]

    def transfer(self, content: bytes, *to: str, mail: str = f"<{SENDER}>") -> bytes:
        """A whole message by DATA, stuffed; return the last reply."""
        for reply in self.recipients(*(f"<{each}>" for each in to or (ANN,)), mail=mail):
            assert reply.startswith(b"250"), reply
        return self.data(content)

    def data(self, content: bytes) -> bytes:
        """DATA, and the content; return the last reply."""
        reply = self.say("DATA\r\n")
        assert reply.startswith(b"354"), reply
        self.send(stuffed(content))
        return self.reply()


def stuffed(content: bytes) -> bytes:
    """The content as it goes over the wire (RFC 5321 §4.5.2), with the dot that ends it."""
    return (b"\r\n" + content).replace(b"\r\n.", b"\r\n..")[2:] + b".\r\n"


def message(subject: str, *lines: str | bytes) -> bytes:
    """A message; each line gets its CRLF."""
    body = b"".join(
        (line.encode() if isinstance(line, str) else line) + b"\r\n" for line in lines or ("Hello",)
    )
    return f"From: Sue <{SENDER}>\r\nSubject: {subject}\r\n\r\n".encode() + body


def trusting(chain: Path | None = None) -> ssl.SSLContext:
    """Trusts a certificate for the name in it; without one, any for any name."""
    return ssl.create_default_context(cafile=chain) if chain else any_certificate()


def without_trace(stored: bytes) -> bytes:
    """A stored message, without the trace fields on top."""
    return _TRACE.sub(b"", stored, count=1) if _TRACE.match(stored) else stored


class Stage:
    """The two. `listeners` has, for each service of Postfix's, what the proxy's listener before it
    has besides its upstream; `settings` are the proxy's.

    `signed` has a certificate that the proxy trusts (where OpenSSL looks for them), and its key.
    """

    def __init__(
        self,
        services: Mapping[str, Service],
        listeners: Mapping[str, str],
        settings: str = "",
        host: type[RunningHost] = RunningHost,
    ) -> None:
        self._folder = new_folder()
        self.postfix = self._make_postfix(services)
        self.ports = {name: free_port(ADDRESS) for name in services}
        listen = "".join(
            f'\n[[listen]]\nprotocol = "proxy"\nendpoint = "tcp:{port}:interface={ADDRESS}"\n'
            f'upstream = "{_upstream(services[name])}:{ADDRESS}:{self.postfix.ports[name]}"\n'
            f"{listeners.get(name, '')}"
            for name, port in self.ports.items()
        )
        chain, key = make_self_signed(str(self._folder / "own"), "proxy.example.org")
        self.chain = Path(chain)
        self.proxy = host(
            self._folder / "proxy",
            f'{settings}\n[[tls.certificate]]\nchain = "{chain}"\nkey = "{key}"\n{listen}',
            protocols=(),
            hostname="proxy.example.org",
            environment={"SSL_CERT_FILE": str(self._folder / "signed" / "chain.pem")},
        )

    def _make_postfix(self, services: Mapping[str, Service]) -> Postfix:
        chain, key = make_self_signed(str(self._folder / "signed"), SIGNED)
        (self._folder / "checks").write_text(
            f"/^Subject: {REFUSED_WORD}/ REJECT Not accepted here\n"
        )
        settings = {
            **SETTINGS,
            "header_checks": f"regexp:{self._folder / 'checks'}",
            "trusted_chain": chain,
            "trusted_key": key,
        }
        mailboxes = [ANN, BOB, JOERG, THIRD, LATER]
        folder = self._folder / "postfix"
        return Postfix(folder, mailboxes, settings, services, {"ann": PASSWORD}, DOMAIN)

    def start(self) -> None:
        """Start both."""
        self.postfix.start()
        self.proxy.start()

    def stop(self) -> None:
        """Stop both, and remove what they leave."""
        self.proxy.stop()
        self.postfix.stop()
        remove_folder(self._folder)


def _upstream(service: Service) -> str:
    return "tls" if "smtpd_tls_wrappermode" in service else "tcp"


class Proxied(TestCase):
    """Tests of one stage, that all classes with the same `stages` share."""

    stages: ClassVar[list[Stage]] = []
    timeout = 120

    @property
    def group(self) -> object:
        """Equal for all tests of one stage, see `tests.trial`."""
        return id(self.stages)

    def make_stage(self) -> Stage:
        """A new one, not started."""
        raise NotImplementedError

    def setUp(self) -> None:
        if not installed():
            raise SkipTest("needs root, and Postfix: apt-get install postfix")
        if not self.stages:
            stage = self.make_stage()
            atexit.register(stage.stop)
            stage.start()
            self.stages.append(stage)
        self.stage = self.stages[0]
        self.postfix, self.proxy = self.stage.postfix, self.stage.proxy

    def client(self, name: str = "usual", hello: str = "EHLO", source: str = "") -> Client:
        """One that is connected to the proxy's listener of that name."""
        client = Client(self.stage.ports[name], hello, source)
        self.addCleanup(client.close)
        return client

    def straight(self, name: str = "usual") -> Client:
        """One that is connected to Postfix itself."""
        client = Client(self.postfix.ports[name])
        self.addCleanup(client.close)
        return client

    def starts(self, reply: bytes, *starts: str) -> None:
        """The reply is one of these."""
        self.assertTrue(reply.startswith(tuple(each.encode() for each in starts)), reply)

    def stored(self, subject: str, user: str = "ann") -> bytes:
        """The only message of a mailbox with that subject, as soon as it is there."""
        until(lambda: bool(self.found(subject, user)), f"{subject!r} never came to {user}")
        (stored,) = self.found(subject, user)
        return stored

    def found(self, subject: str, user: str = "ann") -> list[bytes]:
        """The messages of a mailbox with that subject."""
        line = f"\nSubject: {subject}\n".encode()
        return [each for each in self.postfix.inbox(user) if line in each]

    def arrived(self, content: bytes, *users: str) -> None:
        """The message has come to each of them once, byte for byte below the trace fields, but for
        the line ends of Postfix's Maildirs."""
        subject = content.partition(b"Subject: ")[2].partition(b"\r\n")[0].decode()
        for user in users or ("ann",):
            stored = without_trace(self.stored(subject, user))
            if stored != content.replace(b"\r\n", b"\n"):  # some are too large to be printed
                self.fail(f"{subject!r} is {len(stored)} octets, {len(content)} were sent")

    def marker(self) -> None:
        """Another message goes through: by now all others would have, if they ever do."""
        content = message(f"after {self.id()} {len(self.postfix.inbox('bob'))}")
        self.starts(self.client().transfer(content, BOB), "250 2.0.0")
        self.arrived(content, "bob")


def memory(host: RunningHost) -> int:
    """The most memory that all processes of a host used together, in octets."""
    children = Path(f"/proc/{host.pid}/task/{host.pid}/children").read_text().split()
    return sum(memory_of(pid, "VmHWM") for pid in (host.pid, *map(int, children)))


class Mailing(Proxied):
    """Those that break nothing share a Postfix with all services, and a proxy of all processes that
    this machine wants."""

    stages: ClassVar[list[Stage]] = []

    def make_stage(self) -> Stage:
        return Stage(SERVICES, LISTENERS, LIMITS)
