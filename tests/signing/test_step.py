"""Mail in our name is signed by the keys of its author's domain."""

from __future__ import annotations

import os
from dataclasses import replace
from typing import Any

import dkim
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer
from zope.interface.verify import verifyObject

from mailhost.config.model import Settings
from mailhost.dkim.keys import make_ed25519_key, make_rsa_key
from mailhost.dkim.signature import Signature, read_signatures
from mailhost.dkim.verify import DKIMStatus
from mailhost.durable.blocking import BlockingCommitter
from mailhost.durable.system import OperatingSystem
from mailhost.interfaces.outgoing import IOutgoingStep, OutgoingMessage
from mailhost.interfaces.signing import IDomainKeys, IKeyMaker, KeyState
from mailhost.message.content import Content, ContentWriter
from mailhost.message.envelope import Body, Envelope
from mailhost.message.header import fields
from mailhost.signing.key_files import KeyFiles
from mailhost.signing.key_ring import DomainKeys, KeyRing
from mailhost.signing.key_work import pair_of
from mailhost.signing.rules import SigningRules
from mailhost.signing.step import LARGEST_CONVERTED, LARGEST_CONVERTED_AT_ONCE, Signing
from tests.dkim.messages import RSA, records_of, results
from tests.fakes import FakeDirectory, RecordingEvents, address, domain, now, view_of
from tests.queue.fakes import here

NOW = 1_700_000_000
ED25519 = make_ed25519_key()
MAIL = b"From: ann@a.example\r\nSubject: Hello\r\n\r\nHello,  Bob.\r\n"
LEAST: dict[str, Any] = {"version": 1, "hostname": "mx.example", "data": "/data"}
ANN = address("ann@a.example")


@implementer(IKeyMaker)
class FakeMaker:
    """Makes an Ed25519 key for a domain that asks."""

    def __init__(self, ring: KeyRing) -> None:
        self.ring = ring
        self.asked: list[str] = []
        self.fails = False

    async def ensure(self, domain: str) -> None:
        self.asked.append(domain)
        if not self.fails:
            self.ring.use(domain, [pair_of(ED25519, domain, "e", KeyState.ACTIVE, NOW)])


class SigningCase(SynchronousTestCase):
    """A host with the domain a.example, which has two keys."""

    def setUp(self) -> None:
        self.events = RecordingEvents()
        files = KeyFiles(self.mktemp(), BlockingCommitter(OperatingSystem()).commit)
        self.ring = KeyRing(files, here, self.events)
        self.maker = FakeMaker(self.ring)
        self.directory = FakeDirectory(
            view_of(domain("a.example", "ann"), also_example="a.example")
        )
        self.pairs = [
            pair_of(key, "a.example", selector, KeyState.ACTIVE, NOW)
            for key, selector in ((RSA, "r"), (ED25519, "e"))
        ]
        self.ring.use("a.example", self.pairs)
        self.threads: list[Any] = []
        self.time = NOW

    def step(self, **dkim: Any) -> Signing:
        """The step by these settings."""
        rules = SigningRules(Settings.model_validate({**LEAST, "dkim": dkim}))

        def in_thread(work: Any) -> Any:
            self.threads.append(work)
            return here(work)

        return Signing(
            self.ring, rules, self.maker, self.directory, self.events, in_thread, lambda: self.time
        )

    def sent(self, content: bytes | Content, **dkim: Any) -> bytes:
        """The message as it leaves."""
        if isinstance(content, bytes):
            content = Content((content,))
        left = now(self.step(**dkim).apply(OutgoingMessage(Envelope(ANN), content, ANN, "id1")))
        assert isinstance(left, Content)
        return left.read()

    def signatures(self, content: bytes | Content, **dkim: Any) -> list[tuple[str, str]]:
        """The domain and selector of each signature, all of which must be right."""
        left = self.sent(content, **dkim)
        signers = [each for name in self.ring.domains for each in self.ring.signers(name)]
        found = results(left, records_of(*signers))
        for each in found:
            self.assertIs(each.status, DKIMStatus.PASS, each)
        return [(each.domain, each.selector) for each in found]


class Signed(SigningCase):
    def test_interfaces(self) -> None:
        verifyObject(IOutgoingStep, self.step())
        rules = SigningRules(Settings.model_validate(LEAST))
        verifyObject(IDomainKeys, DomainKeys(self.ring, rules))

    def test_by_each_key_of_the_author_domain(self) -> None:
        self.assertEqual(self.signatures(MAIL), [("a.example", "r"), ("a.example", "e")])
        self.assertTrue(self.sent(MAIL).endswith(MAIL))
        self.assertEqual([], self.threads)
        self.assertEqual([], self.events.lines)

    def test_only_by_keys_in_use(self) -> None:
        coming, used = self.pairs
        self.ring.use(
            "a.example",
            [replace(coming, public=replace(coming.public, state=KeyState.COMING)), used],
        )
        self.assertEqual(self.signatures(MAIL), [("a.example", "e")])

    def test_a_large_message_is_hashed_in_a_thread(self) -> None:
        large = MAIL + b"x  y\r\n" * 20_000
        self.assertEqual(len(self.signatures(large)), 2)
        self.assertEqual(len(self.threads), 1)

    def test_a_message_in_a_file(self) -> None:
        folder = self.mktemp()
        os.mkdir(folder)
        writer = ContentWriter(folder, memory=10)
        writer.write(MAIL)
        self.assertEqual(len(self.signatures(writer.finish())), 2)

    def test_a_large_key_signs_in_a_thread(self) -> None:
        self.ring.use(
            "a.example", [pair_of(make_rsa_key(3072), "a.example", "r", KeyState.ACTIVE, NOW)]
        )
        self.assertEqual(self.signatures(MAIL), [("a.example", "r")])
        self.assertEqual(len(self.threads), 1)

    def test_the_times(self) -> None:
        for settings, expected in ({}, None), ({"expire_after": "2 days"}, NOW + 172_800):
            first = read_signatures(self.sent(MAIL, **settings))[0]
            assert isinstance(first, Signature)
            self.assertEqual((first.signed_at, first.expires), (NOW, expected))

    def test_a_domain_that_is_seen_first_gets_keys_before_its_mail_leaves(self) -> None:
        self.directory.view = view_of(domain("new.example"))
        mail = MAIL.replace(b"a.example", b"new.example")
        self.assertEqual(self.signatures(mail), [("new.example", "e")])
        self.assertEqual(self.maker.asked, ["new.example"])
        self.assertEqual(self.signatures(mail), [("new.example", "e")])
        self.assertEqual(self.maker.asked, ["new.example"])

    def test_the_names_of_the_host_and_of_alias_domains_have_keys_of_their_own(self) -> None:
        for name in (b"mx.example", b"also.example"):
            mail = MAIL.replace(b"a.example", name)
            self.assertEqual(self.signatures(mail), [(name.decode(), "e")])

    def test_the_first_author_decides(self) -> None:
        mail = MAIL.replace(b"ann@", b"Ann <ann@a.example>, bob@")
        self.assertEqual(len(self.signatures(mail)), 2)


class Converted(SigningCase):
    """8-bit bodies are encoded before they are signed."""

    MAIL = (
        b"From: ann@a.example\r\nMIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n"
        b"Content-Transfer-Encoding: 8bit\r\n\r\n"
        + "Schöne Grüße,  Bob. Bis bald, und danke für alles!\r\n".encode()
    )

    def test_what_is_signed_is_seven_bit(self) -> None:
        sent = self.sent(self.MAIL)
        self.assertTrue(sent.isascii())
        self.assertIn(b"\r\n\r\nSch=C3=B6ne Gr=C3=BC=C3=9Fe,  Bob. Bis bald", sent)
        self.assertEqual(2, len(self.signatures(self.MAIL)))
        keys = records_of(*self.ring.signers("a.example"))

        def find(name: bytes, timeout: int = 5) -> bytes:
            return keys[("TXT", name.decode().rstrip("."))][0]

        for number in range(2):
            self.assertTrue(dkim.DKIM(sent).verify(number, dnsfunc=find))

    def test_what_is_not_converted(self) -> None:
        signed = b"DKIM-Signature: v=1; d=b.example; s=x; a=rsa-sha256\r\n" + self.MAIL
        for mail, settings in (
            (self.MAIL, {"convert_8bit": False}),
            (signed, {}),
            ("Subject: Grüße\r\n".encode() + self.MAIL, {}),
            (self.MAIL + b"x" * LARGEST_CONVERTED, {}),
        ):
            self.assertTrue(self.sent(mail, **settings).endswith(mail))

    def test_relayed_and_binary_mail_is_not_converted(self) -> None:
        content = Content((self.MAIL,))
        for envelope, relayed in ((Envelope(ANN), True), (Envelope(ANN, body=Body.BINARY), False)):
            message = OutgoingMessage(envelope, content, ANN, "id1", relayed=relayed)
            left = now(self.step().apply(message))
            assert isinstance(left, Content)
            self.assertTrue(left.read().endswith(self.MAIL))

    def test_only_small_messages_are_converted_by_the_reactor(self) -> None:
        large = self.MAIL + b"x\r\n" * (LARGEST_CONVERTED_AT_ONCE // 3)
        self.assertTrue(self.sent(large).isascii())
        self.assertEqual(1, len(self.threads))
        self.sent(MAIL + b"x\r\n" * (LARGEST_CONVERTED_AT_ONCE // 3))
        self.assertEqual(1, len(self.threads))

    def test_a_message_in_a_file(self) -> None:
        folder = self.mktemp()
        os.mkdir(folder)
        writer = ContentWriter(folder, memory=10)
        writer.write(self.MAIL)
        self.assertTrue(self.sent(writer.finish()).isascii())


class SignedAs(SigningCase):
    def test_subdomains_by_the_parent_and_others_by_themselves(self) -> None:
        names = {"*.a.example": "a.example", "far.example": "far.example", "*": "a.example"}
        for author, signer in (
            ("news.a.example", "a.example"),
            ("very.far.a.example", "a.example"),
            ("far.example", "far.example"),
            ("other.example", "a.example"),
        ):
            mail = MAIL.replace(b"a.example", author.encode())
            self.assertEqual({name for name, _ in self.signatures(mail, sign_as=names)}, {signer})

    def test_without_the_setting_a_subdomain_is_not_signed(self) -> None:
        mail = MAIL.replace(b"a.example", b"news.a.example")
        self.assertEqual(self.sent(mail), mail)

    def test_the_keys_of_a_subdomain_are_those_of_its_parent(self) -> None:
        settings = Settings.model_validate(
            {**LEAST, "dkim": {"sign_as": {"*.a.example": "a.example"}}}
        )
        keys = DomainKeys(self.ring, SigningRules(settings))
        names = ["r._domainkey.a.example", "e._domainkey.a.example"]
        self.assertEqual([key.name for key in keys.keys_of("b.a.example")], names)
        self.assertEqual([], list(keys.keys_of("far.example")))


class NotSignedTests(SigningCase):
    def test_what_a_milter_has_signed(self) -> None:
        signed = self.sent(MAIL)
        self.assertEqual(self.sent(signed), signed)

    def test_what_a_milter_has_signed_while_keys_wait_for_dns(self) -> None:
        signed = self.sent(MAIL)
        self.ring.use("a.example", [])
        self.assertEqual(self.sent(signed), signed)
        self.assertEqual([], self.events.lines)

    def test_a_signature_of_another_domain_does_not_count(self) -> None:
        other = self.sent(MAIL).replace(b"d=a.example", b"d=b.example")
        names = [field.name for field in fields(self.sent(other))]
        self.assertEqual(names.count(b"DKIM-Signature"), 4)

    def test_other_domains_and_the_log_says_so_once_a_day(self) -> None:
        mail = MAIL.replace(b"a.example", b"far.example")
        step = self.step()
        for _ in range(3):
            left = now(step.apply(OutgoingMessage(Envelope(ANN), Content((mail,)), ANN, "id1")))
            assert isinstance(left, Content)
            self.assertEqual(left.read(), mail)
        text = "id1 sent without a signature of far.example: it is no domain that signs here"
        self.assertEqual(self.events.lines, [text])
        self.time += 86_400
        now(step.apply(OutgoingMessage(Envelope(ANN), Content((mail,)), ANN, "id2")))
        self.assertEqual(len(self.events.lines), 2)

    def test_a_domain_that_is_switched_off(self) -> None:
        for settings in ({"sign": False}, {"domain": {"a.example": {"off": True}}}):
            self.assertEqual(self.sent(MAIL, **settings), MAIL)
        self.assertEqual([], self.events.lines)

    def test_a_domain_whose_keys_cannot_be_made(self) -> None:
        self.maker.fails = True
        mail = MAIL.replace(b"a.example", b"mx.example")
        self.assertEqual(self.sent(mail), mail)
        self.assertIn("it has no key in use", self.events.lines[0])

    def test_what_is_relayed_for_others(self) -> None:
        step = self.step()
        for mail, count in (MAIL.replace(b"a.example", b"far.example"), 0), (MAIL, 2):
            message = OutgoingMessage(Envelope(ANN), Content((mail,)), ANN, "id1", relayed=True)
            left = now(step.apply(message))
            assert isinstance(left, Content)
            self.assertEqual(len(read_signatures(left.header())), count)
        self.assertEqual([], self.events.lines)

    def test_two_author_fields(self) -> None:
        mail = b"From: bob@b.example\r\n" + MAIL
        self.assertEqual(self.sent(mail), mail)

    def test_an_author_that_cannot_be_read(self) -> None:
        mail = MAIL.replace(b"ann@a.example", b"ann")
        self.assertEqual(self.sent(mail), mail)
        self.assertIn("its From field", self.events.lines[0])
