"""A case for messages that are examined, with DNS in memory."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any, TypeVar, cast

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from mailhost.config.filters.authenticity import Authenticity
from mailhost.dkim.body import hash_body
from mailhost.dkim.keys import make_ed25519_key
from mailhost.dkim.sign import BODY_FORM, Signer, sign
from mailhost.interfaces.accounts import DirectoryView, Domain
from mailhost.interfaces.dns import ILookUp
from mailhost.interfaces.signing import DomainKey, KeyState
from mailhost.interfaces.verdict import Mail, Verdict
from mailhost.message.content import Content
from mailhost.reception.filters.authenticity.filter import (
    AuthenticityFilter,
    AuthenticityServices,
)
from mailhost.reception.filters.authenticity.known_clients import KnownClients
from tests.fakes import RecordingEvents, now
from tests.lookups import Records, RecordsLookUp
from tests.queue.fakes import here
from tests.reception.filters.mails import message

T = TypeVar("T")
KEY = make_ed25519_key()
NOW = 1_790_000_000.0
IP = "192.0.2.7"  # that of tests.reception.filters.mails.CLIENT
HOST = "mx.a.net"
TEXT = b"From: Sue <sue@far.org>\r\nTo: ann@a.net\r\nSubject: Hello\r\n\r\nHello\r\n"
REJECT = {("TXT", "_dmarc.far.org"): [b"v=DMARC1; p=reject"]}
QUARANTINE = {("TXT", "_dmarc.far.org"): [b"v=DMARC1; p=quarantine"]}
SPF_PASS = {("TXT", "far.org"): [b"v=spf1 ip4:192.0.2.7 -all"]}
SPF_FAIL = {("TXT", "far.org"): [b"v=spf1 -all"]}


def key_of(domain: str) -> dict[tuple[str, str], list[bytes]]:
    """The record of the key KEY of a domain in DNS."""
    return {("TXT", f"s._domainkey.{domain}"): [KEY.record().encode()]}


def signed(text: bytes, domain: str = "far.org") -> bytes:
    """The message with a signature by KEY."""
    content = Content((text,))
    header = content.header()
    body = hash_body(content, header, [BODY_FORM])[BODY_FORM]
    return sign(header, body, [Signer(domain, "s", KEY)], NOW) + text


class FakeKeys:
    """KEY signs for `domains`."""

    def __init__(self, *domains: str) -> None:
        self.domains = domains

    def keys_of(self, domain: str) -> list[DomainKey]:
        if domain not in self.domains:
            return []
        return [DomainKey(domain, "s", "ed25519", KEY.record(), KeyState.ACTIVE, 0)]


class ExaminedCase(SynchronousTestCase):
    """`own` are the domains of the host."""

    own: tuple[str, ...] = ("a.net",)

    def setUp(self) -> None:
        self.clock = Clock()
        self.hops = 0  # works that were done in a thread
        self.events = RecordingEvents()
        self.known = KnownClients(self.clock)
        self.dns: ILookUp = RecordsLookUp({})

    def filter(self, observed: bool = False, **settings: Any) -> AuthenticityFilter:
        """A filter with these settings."""
        view = DirectoryView({name: Domain(name) for name in self.own})
        services = AuthenticityServices(
            resolver=self.dns,
            clock=self.clock,
            in_thread=self.in_thread,
            events=self.events,
            directory=cast(Any, SimpleNamespace(view=view)),
            keys=cast(Any, FakeKeys(*self.own)),
            known_clients=self.known,
            hostname=HOST,
            now=lambda: NOW,
        )
        made = Authenticity.model_validate({"kind": "authenticity", **settings})
        return AuthenticityFilter(made, services, observed)

    def in_thread(self, work: Callable[[], T]) -> Deferred[T]:
        """Do work at once, and count it as done in a thread."""
        self.hops += 1
        return here(work)

    def look(
        self,
        text: bytes = TEXT,
        records: Records | None = None,
        sender: str = "sue@far.org",
        **settings: Any,
    ) -> Verdict:
        """The verdict on a message, with these records in DNS."""
        if records is not None:
            self.dns = RecordsLookUp(records)
        return self.verdict(message(text, sender=sender), **settings)

    def verdict(self, mail: Mail, **settings: Any) -> Verdict:
        """The verdict on a mail."""
        verdict: Verdict = now(self.filter(**settings).look(mail))
        return verdict

    def header(self, verdict: Verdict) -> bytes:
        """The header section of the mail behind the filter, unfolded."""
        assert verdict.facts is not None
        return verdict.facts.mail.content.header().replace(b"\r\n\t", b" ").replace(b"  ", b" ")
