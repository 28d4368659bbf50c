"""Signing and verifying whole messages, by mailhost and by dkimpy."""

from __future__ import annotations

import base64
from typing import Any

import dkim
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from hypothesis import strategies as st

from mailhost.dkim.body import hash_body
from mailhost.dkim.keys import SigningKey, make_ed25519_key, make_rsa_key
from mailhost.dkim.sign import BODY_FORM, Signer, sign
from mailhost.dkim.signature import Signature, read_signatures
from mailhost.dkim.verify import SignatureResult, verify
from mailhost.interfaces.dns import Question
from mailhost.message.content import Content
from tests.lookups import answered

RSA = make_rsa_key(1024)  # the shortest that is accepted, for speed
ED25519 = make_ed25519_key()
DOMAIN = "a.example"
SIGNERS = (Signer(DOMAIN, "r", RSA), Signer(DOMAIN, "e", ED25519))
NOW = 1_700_000_000.0
PLAIN = b"From: ann@a.example\r\nTo: bob@b.example\r\nSubject: Hello\r\n\r\nHello,  Bob.\r\n"

_parts = (b"\r\n", b" ", b"  ", b"\t", b"\r\n\r\n", b"a", b".", b"\xff", b"x" * 70, b"=\r\n")
bodies = st.lists(st.sampled_from(_parts), max_size=30).map(b"".join)
# the values of fields that no program would write, and that arrive all the same
field_values = st.lists(
    st.sampled_from((b" ", b"\t", b"\r\n ", b"\r\n\t", b"a", b"B:", b";", b"\xc3\xb6", b"x" * 900)),
    max_size=12,
).map(b"".join)


def records_of(*signers: Signer) -> dict[tuple[str, str], list[bytes]]:
    """The records of the keys in DNS."""
    return {
        ("TXT", f"{each.selector}._domainkey.{each.domain}"): [each.key.record().encode()]
        for each in signers
    }


KEYS = records_of(*SIGNERS)


def signed(message: bytes, signers: tuple[Signer, ...] = SIGNERS) -> bytes:
    """The message with our signatures in front."""
    content = Content((message,))
    header = content.header()
    body = hash_body(content, header, [BODY_FORM])[BODY_FORM]
    return sign(header, body, signers, NOW) + message


def results(
    message: bytes,
    records: Any = KEYS,
    now: float = NOW,
    asked: list[Question[Any]] | None = None,
) -> list[SignatureResult]:
    """Our results for the signatures of a message."""
    content = Content((message,))
    header = content.header()
    found = read_signatures(header)
    forms = {each.body_form for each in found if isinstance(each, Signature)}
    machine = verify(header, found, hash_body(content, header, forms), now)
    return answered(machine, records, asked)


def statuses(message: bytes, records: Any = KEYS, now: float = NOW) -> list[str]:
    """The names of the results."""
    return [each.status.value for each in results(message, records, now)]


def reasons(message: bytes, records: Any = KEYS, now: float = NOW) -> list[str]:
    """Why the signatures do not pass."""
    return [each.reason for each in results(message, records, now)]


def dkimpy_accepts(message: bytes, number: int = 0) -> bool:
    """Whether dkimpy says that a signature passes; the first is number 0."""

    def find(name: bytes, timeout: int = 5) -> bytes:
        return KEYS[("TXT", name.decode().rstrip("."))][0]

    return bool(dkim.DKIM(message).verify(number, dnsfunc=find))


def dkimpy_signs(message: bytes, canonical: tuple[bytes, bytes], key: SigningKey) -> bytes:
    """The message with a signature by dkimpy in front."""
    if key.kind == "rsa":
        private, selector = key.pem(), b"r"
    else:
        private, selector = _seed(key), b"e"
    signature: bytes = dkim.sign(
        message,
        selector,
        DOMAIN.encode(),
        private,
        canonicalize=canonical,
        signature_algorithm=key.algorithm.encode(),
    )
    return signature + message


def _seed(key: SigningKey) -> bytes:
    """An Ed25519 key as dkimpy reads it."""
    raw = key.key.private_bytes(Encoding.Raw, PrivateFormat.Raw, NoEncryption())
    return base64.b64encode(raw)
