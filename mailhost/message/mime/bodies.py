"""Finds the parts of a message that are read as its body, and messages that must not be changed.

Signed and encrypted mail is left alone: a change would break the signature or the encryption. Only
the parts around the text count; a signed message that is an attachment is no obstacle.
"""

from __future__ import annotations

from mailhost.message.mime.structure import Part

PLAIN, HTML = "text/plain", "text/html"
# composite types that must not be changed, and the reason
_SEALED = {
    "multipart/signed": "it is signed",
    "multipart/encrypted": "it is encrypted",
    "application/pkcs7-mime": "it is S/MIME",
    "application/x-pkcs7-mime": "it is S/MIME",
}
_PGP = b"-----BEGIN PGP"


class LeftAlone(Exception):
    """The message must not be changed; the text of the exception is the reason."""


def text_bodies(part: Part) -> list[Part]:
    """Return the text/plain and text/html parts that are read as the body of the message.

    These are all such parts of a multipart/alternative, and the first of another multipart. Raises
    LeftAlone.
    """
    if part.type in _SEALED:
        raise LeftAlone(_SEALED[part.type])
    if part.cut:
        raise LeftAlone(
            "it has more parts than are examined, or parts that programs read differently"
        )
    if part.type in (PLAIN, HTML):
        return [] if _is_file(part) else [part]
    if not part.multipart:
        return []
    if part.type == "multipart/alternative":
        return [body for each in part.parts for body in text_bodies(each)]
    # only the first part that has a text; the parts behind it are not examined
    return next(filter(None, map(text_bodies, part.parts)), [])


def _is_file(part: Part) -> bool:
    if part.disposition == "inline":
        return bool(part.names)
    return bool(part.disposition)


def refuse_inline_pgp(octets: bytes, html: bool) -> None:
    """Raise LeftAlone where the decoded text has a PGP signature or encryption (RFC 4880 §6.2)."""
    at = octets.find(_PGP)
    while at >= 0:
        if html or at == 0 or octets[at - 1 : at] == b"\n":
            raise LeftAlone("it has inline PGP")
        at = octets.find(_PGP, at + 1)
