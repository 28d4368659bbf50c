"""Which parts of a message are the text that is read with it, and which must not be changed.

Signed and encrypted mail is left alone: a change would break the signature, or what is encrypted.
That counts where the text is; a signed message that is attached to another is no obstacle.
"""

from __future__ import annotations

from mailhost.message.mime.structure import Part

PLAIN, HTML = "text/plain", "text/html"
_SEALED = {
    "multipart/signed": "it is signed",
    "multipart/encrypted": "it is encrypted",
    "application/pkcs7-mime": "it is S/MIME",
    "application/x-pkcs7-mime": "it is S/MIME",
}
_PGP = b"-----BEGIN PGP"


class LeftAlone(Exception):
    """The message must stay as it is; the text of the exception says why."""


def text_bodies(part: Part) -> list[Part]:
    """Return the text/plain and text/html parts that are read as the body: all of them in
    multipart/alternative, the first in other multiparts. Raises LeftAlone."""
    if part.type in _SEALED:
        raise LeftAlone(_SEALED[part.type])
    if part.cut:
        raise LeftAlone("it has more parts than are looked at, or such as readers take differently")
    if part.type in (PLAIN, HTML):
        return [] if _is_file(part) else [part]
    if not part.multipart:
        return []
    if part.type == "multipart/alternative":
        return [body for each in part.parts for body in text_bodies(each)]
    # the first that has a text: what comes behind it is not looked at
    return next(filter(None, map(text_bodies, part.parts)), [])


def _is_file(part: Part) -> bool:
    if part.disposition == "inline":
        return bool(part.names)
    return bool(part.disposition)


def refuse_inline_pgp(octets: bytes, html: bool) -> None:
    """Raise LeftAlone for a decoded text that is signed or encrypted in itself (RFC 4880 §6.2)."""
    at = octets.find(_PGP)
    while at >= 0:
        if html or at == 0 or octets[at - 1 : at] == b"\n":
            raise LeftAlone("it has inline PGP")
        at = octets.find(_PGP, at + 1)
