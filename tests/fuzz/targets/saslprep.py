"""User names and passwords in Unicode (RFC 4013), one a line."""

from __future__ import annotations

from mailhost.net.sasl.saslprep import BadText, prepare_password, saslprep


def target(data: bytes) -> None:
    for text in data.decode("utf-8", "replace").split("\n")[:50]:
        try:
            prepared = saslprep(text)
        except BadText as bad:
            assert str(bad).isascii()
            assert prepare_password(text) == text
            continue
        assert prepare_password(text) == prepared
        assert saslprep(prepared) == prepared, (text, prepared)
        assert len(prepared) <= 18 * len(text)  # NFKC of U+FDFA has 18 characters
