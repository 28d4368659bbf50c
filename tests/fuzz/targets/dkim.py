"""DKIM: signatures of a hostile message, and canonical bodies however they are cut."""

from __future__ import annotations

from mailhost.dkim.body import CanonicalBody, hash_body
from mailhost.dkim.canonical import Canonicalization
from mailhost.dkim.sign import BODY_FORM, NotSigned, Signer, sign
from mailhost.dkim.signature import MOST_SIGNATURES, Signature, read_signatures
from mailhost.dkim.verify import verify
from mailhost.message.content import Content
from tests.dkim.messages import DOMAIN, ED25519, KEYS
from tests.lookups import answered

LONGEST_REASON = 300


def target(data: bytes) -> None:
    content = Content((data,))
    header = content.header()
    _check_signatures(content, header)
    _check_signing(content, header)
    for form in Canonicalization:
        _check_cuts(form, data)


def _check_signatures(content: Content, header: bytes) -> None:
    found = read_signatures(header)
    forms = {each.body_form for each in found if isinstance(each, Signature)}
    results = answered(verify(header, found, hash_body(content, header, forms), 0), KEYS)
    assert len(results) == len(found) <= MOST_SIGNATURES
    for result in results:
        assert (result.status.value == "pass") == (not result.reason)
        assert len(result.reason) < LONGEST_REASON
        assert result.reason.isprintable()


def _check_signing(content: Content, header: bytes) -> None:
    """Signatures made here pass here."""
    body = hash_body(content, header, [BODY_FORM])
    try:
        field = sign(header, body[BODY_FORM], [Signer(DOMAIN, "e", ED25519)], 0)
    except NotSigned:
        return
    header = field + header
    result = answered(verify(header, read_signatures(header)[:1], body, 0), KEYS)[0]
    assert result.status.value == "pass", result


def _check_cuts(form: Canonicalization, data: bytes) -> None:
    whole = _canonical(form, [data])
    assert _canonical(form, [data[at : at + 1] for at in range(len(data))]) == whole
    assert _canonical(form, [whole]) == whole or not whole.strip(b"\r\n")


def _canonical(form: Canonicalization, blocks: list[bytes]) -> bytes:
    body = CanonicalBody(form)
    pieces = [piece for block in blocks for piece in body.add(block)]
    return b"".join([*pieces, *body.finish()])
