"""Signs mail in our name when it leaves, after all filters (RFC 6376 §5).

The domain of the From field signs, so that the signature is aligned (RFC 9989 §4.4). A message that
has a signature of that domain already, from a milter, is not signed again. Mail of a domain without
a key leaves without a signature; the log says so once a day for each domain.

Before a message is signed, its 8-bit bodies are converted to transfer encodings of 7 bits if the
settings say so, because a host on the way may convert them and break the signature (RFC 6376 §5.3).
Mail with a signature of another domain, relayed mail and binary mail are not converted. Nothing
changes the content of a message after this step: the relay sends each message as it is, also to
hosts without 8BITMIME, so the form that is signed is the form that leaves.

A small message is signed at once: hashing it and signing by an RSA key of 2048 bits take less than
a millisecond. Large messages, and larger keys, are left to a thread.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from zope.interface import implementer

from mailhost.concurrency.answers import result_of
from mailhost.concurrency.threads import InThread
from mailhost.config.section import DAY
from mailhost.dkim.body import hash_body, is_hashed_at_once
from mailhost.dkim.sign import BODY_FORM, NotSigned, Signer, sign
from mailhost.dkim.signature import read_signatures
from mailhost.interfaces.answer import Answer
from mailhost.interfaces.directory import IDirectory
from mailhost.interfaces.events import IEventSink, Unsigned
from mailhost.interfaces.outgoing import IOutgoingStep, OutgoingMessage
from mailhost.interfaces.signing import IKeyMaker
from mailhost.message.address import BadAddress
from mailhost.message.content import Content
from mailhost.message.envelope import Body
from mailhost.message.header import addresses, has_field, values
from mailhost.message.mime.seven_bit import is_seven_bit, to_seven_bit
from mailhost.message.status import LOCAL_ERROR, Status
from mailhost.signing.key_ring import KeyRing
from mailhost.signing.rules import OFF, SigningRules

LARGEST_KEY_AT_ONCE = 2048  # bits of an RSA key by which the reactor signs
LARGEST_CONVERTED_AT_ONCE = 1 << 13  # octets of a message that the reactor converts
LARGEST_CONVERTED = 5_000_000  # octets; larger messages are signed as they are
MOST_NAMES = 1000  # domains that are remembered as logged


@implementer(IOutgoingStep)
class Signing:
    """`now` gives seconds since 1970."""

    def __init__(
        self,
        ring: KeyRing,
        rules: SigningRules,
        maker: IKeyMaker,
        directory: IDirectory,
        events: IEventSink,
        in_thread: InThread,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._ring = ring
        self._rules = rules
        self._maker = maker
        self._directory = directory
        self._events = events
        self._in_thread = in_thread
        self._now = now
        self._logged: dict[str, float] = {}

    def apply(self, message: OutgoingMessage) -> Answer[Content | Status]:
        content = message.content
        if content.in_memory:
            return self._sign(message, content.header())
        return self._apply_on_disk(message)

    async def _apply_on_disk(self, message: OutgoingMessage) -> Content | Status:
        try:
            header = await self._in_thread(message.content.header)
            signed: Content | Status = await result_of(self._sign(message, header))
        except OSError as error:
            return LOCAL_ERROR.because(f"the message cannot be read: {error}")
        return signed

    def _sign(self, message: OutgoingMessage, header: bytes) -> Answer[Content | Status]:
        try:
            author = _author_domain(header)
        except BadAddress as bad:
            return self._unsigned(message, message.author.domain, f"its From field: {bad}")
        domain, why_not = self._rules.choose(author, self._directory.view)
        if why_not is OFF:
            return message.content
        if why_not:
            return self._unsigned(message, author, why_not)
        if self._ring.keys(domain) is not None:
            return self._sign_by(message, header, domain)
        return self._sign_by_first_key(message, header, domain)

    async def _sign_by_first_key(
        self, message: OutgoingMessage, header: bytes, domain: str
    ) -> Content | Status:
        """The domain was seen for the first time only now: wait until it has keys."""
        await self._maker.ensure(domain)
        return await result_of(self._sign_by(message, header, domain))

    def _sign_by(
        self, message: OutgoingMessage, header: bytes, domain: str
    ) -> Answer[Content | Status]:
        if _is_signed_by(header, domain):
            return message.content
        signers = self._ring.signers(domain)
        if not signers:
            return self._unsigned(message, domain, "it has no key in use; see mailhost dkim list")
        if self._rules.validity is not None:
            signers = tuple(replace(each, validity=self._rules.validity) for each in signers)
        convert = self._rules.convert_8bit and _may_be_converted(message, header)
        work = partial(_signed, message.content, header, signers, self._now(), convert)
        if _is_signed_at_once(message.content, convert) and all(map(_is_fast, signers)):
            try:
                return work()
            except NotSigned as bad:
                return self._unsigned(message, domain, str(bad))
        return self._sign_in_thread(message, domain, work)

    async def _sign_in_thread(
        self, message: OutgoingMessage, domain: str, work: Callable[[], Content]
    ) -> Content | Status:
        try:
            return await self._in_thread(work)
        except NotSigned as bad:
            return self._unsigned(message, domain, str(bad))
        except OSError as error:
            return LOCAL_ERROR.because(f"the message cannot be read: {error}")

    def _unsigned(self, message: OutgoingMessage, domain: str, reason: str) -> Content:
        """Send the message as it is. Mail that is only relayed may be in the name of others."""
        if message.relayed:
            return message.content
        now = self._now()
        if now >= self._logged.get(domain, 0.0) + DAY:
            if len(self._logged) >= MOST_NAMES:
                self._logged.clear()
            self._logged[domain] = now
            self._events.emit(Unsigned(message.identity, domain, reason))
        return message.content


def _author_domain(header: bytes) -> str:
    """Return the domain of the first author. Raises BadAddress."""
    found = values(header, "From")
    return addresses(found[0])[0].domain if found else ""


def _is_signed_by(header: bytes, domain: str) -> bool:
    """True if a DKIM-Signature field has d= of the domain."""
    return any(signature.domain == domain for signature in read_signatures(header))


def _is_fast(signer: Signer) -> bool:
    key = signer.key.key
    return not isinstance(key, RSAPrivateKey) or key.key_size <= LARGEST_KEY_AT_ONCE


def _may_be_converted(message: OutgoingMessage, header: bytes) -> bool:
    """False for a message without 8-bit octets, for one that others are responsible for, and for
    one that has a signature. Whether a file has such octets is not examined here."""
    content = message.content
    if message.relayed or message.envelope.body is Body.BINARY or content.size > LARGEST_CONVERTED:
        return False
    if content.in_memory and is_seven_bit(content):
        return False
    return not has_field(header, "DKIM-Signature")


def _is_signed_at_once(content: Content, convert: bool) -> bool:
    """True for a message that the reactor signs."""
    small = not convert or content.size <= LARGEST_CONVERTED_AT_ONCE
    return small and is_hashed_at_once(content)


def _signed(
    content: Content, header: bytes, signers: Sequence[Signer], now: float, convert: bool
) -> Content:
    """Return the message with its signature fields, converted before if `convert` is true and it
    has 8-bit octets. Raises NotSigned, OSError."""
    if convert and not is_seven_bit(content):
        octets = to_seven_bit(content.read())
        if octets is not None:
            content = Content((octets,))
            header = content.header()
    hashes = hash_body(content, header, [BODY_FORM])
    return content.after(sign(header, hashes[BODY_FORM], signers, now), header)
