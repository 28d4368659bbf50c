"""The values that SORT and THREAD compare (RFC 5256): base subjects and message identifiers."""

from __future__ import annotations

import re

from mailhost.message.imap.strings import text_of
from mailhost.message.mime.encoded_words import decode_words

_LONGEST = 1 << 14  # octets of a list of identifiers that are read
_LONGEST_SUBJECT = 1 << 11  # octets; reading takes the square of them where all are brackets
_MOST = 200  # identifiers of a message
_IDENTIFIER = re.compile(r'<("(?:[^"\\]|\\.)*"|[^<>@"]+)@([^<>]+)>')
_PAIR = re.compile(r"\\(.)")
# RFC 5256 §5: subj-blob, subj-leader, subj-trailer
_BLOB = re.compile(r"\[[^\[\]]*\]\s*")
_LEADER = re.compile(r"(?:\[[^\[\]]*\]\s*)*(?:re|fwd?)\s*(?:\[[^\[\]]*\]\s*)?:\s*", re.IGNORECASE)
_TRAILER = "(fwd)"
_FORWARDED = re.compile(r"\[fwd:(.*)\]", re.IGNORECASE | re.DOTALL)


def base_subject(subject: bytes | None) -> tuple[str, bool]:
    """Return the base subject of an unfolded value, in upper case as it is compared, and True for a
    reply or a forwarded message (RFC 5256 §2.1)."""
    text = text_of((subject or b"")[:_LONGEST_SUBJECT])
    text = " ".join((decode_words(text) if "=?" in text else text).split())
    is_reply = False
    while True:
        before = text
        text, trailed = _without_trailer(text)
        text, led = _without_leaders(text)
        forwarded = _FORWARDED.fullmatch(text)
        if forwarded:
            text = forwarded[1].strip()
        is_reply |= trailed or led or forwarded is not None
        if text == before or not forwarded:
            return text.upper(), is_reply


def _without_trailer(text: str) -> tuple[str, bool]:
    trailed = False
    while text[-len(_TRAILER) :].lower() == _TRAILER:
        text, trailed = text[: -len(_TRAILER)].rstrip(), True
    return text, trailed


def _without_leaders(text: str) -> tuple[str, bool]:
    """The text behind all leaders, and behind those blobs that are not all there is."""
    at, led = 0, False
    while True:
        leader = _LEADER.match(text, at)
        blob = None if leader else _BLOB.match(text, at)
        if leader is not None:
            at, led = leader.end(), True
        elif blob is not None and blob.end() < len(text):
            at = blob.end()
        else:
            return text[at:], led


def message_ids(value: bytes | None) -> tuple[str, ...]:
    """Return the identifiers in an unfolded value of References, In-Reply-To or Message-ID, without
    angle brackets and quotes (RFC 5256 §3). Each is there once, in its last place: what it refers
    to stands in front of it."""
    if not value or b"<" not in value:
        return ()
    text = text_of(value[-_LONGEST:])
    found = [f"{_unquoted(local)}@{host}" for local, host in _IDENTIFIER.findall(text)]
    return tuple(reversed(dict.fromkeys(reversed(found))))[-_MOST:]


def _unquoted(local: str) -> str:
    return _PAIR.sub(r"\1", local[1:-1]) if local.startswith('"') else local.strip()
