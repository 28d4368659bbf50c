"""Messages sealed by dkimpy, and what we say of them."""

from __future__ import annotations

from typing import Any

import dkim

from mailhost.arc.chain import read_chain
from mailhost.arc.verify import ARCResult, verify_chain
from mailhost.dkim.body import hash_body
from mailhost.interfaces.dns import Question
from mailhost.message.content import Content
from tests.dkim.messages import DOMAIN, KEYS, NOW, PLAIN, RSA
from tests.lookups import answered

HOST = "mx.a.example"


def sealed(message: bytes, validity: str = "") -> bytes:
    """The message with one more set. `validity` is what the sealer found of the chain."""
    arc = f"; arc={validity}" if validity else ""
    results = f"Authentication-Results: {HOST}; spf=pass smtp.mailfrom=a.example{arc}\r\n".encode()
    added = dkim.arc_sign(results + message, b"r", DOMAIN.encode(), RSA.pem(), HOST.encode())
    return b"".join(added) + message


def sealed_often(times: int, message: bytes = PLAIN) -> bytes:
    """The message with this number of sets."""
    for number in range(times):
        message = sealed(message, "pass" if number else "")
    return message


def verified(
    message: bytes, records: Any = KEYS, asked: list[Question[Any]] | None = None
) -> ARCResult:
    """Our result for the chain of a message."""
    content = Content((message,))
    header = content.header()
    chain = read_chain(header)
    hashes = hash_body(content, header, chain.body_forms)
    return answered(verify_chain(header, chain, hashes, NOW), records, asked)
