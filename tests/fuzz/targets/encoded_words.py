"""Encoded words in fields, in charsets that strangers name (RFC 2047)."""

from __future__ import annotations

from mailhost.message.mime.encoded_words import codec_of, decode_text, decode_words, encode_words


def target(data: bytes) -> None:
    text = data.decode("utf-8", "replace").replace("\r", " ").replace("\n", " ")
    for plainly in (False, True):
        decoded = decode_words(text, plainly=plainly)
        assert len(decoded) <= len(data) * 2 + 10
        if "=?" not in text:
            assert decoded == text
    _check_encoded(text)
    charset, _, octets = data.partition(b"\n")
    assert len(decode_text(octets, charset.decode("latin-1"))) <= len(octets) + 1
    codec = codec_of(charset.decode("latin-1"))
    assert codec is None or codec.replace("_", "").isalnum()


def _check_encoded(text: str) -> None:
    """Words that we write are short, and say what they should; fields have one line of text."""
    text = " ".join(text.splitlines())
    encoded = encode_words(text)
    assert all(len(word) <= 75 and word.isascii() for word in encoded), encoded
    if text.strip() and not text.isascii():
        assert decode_words(" ".join(encoded)) == text, encoded
