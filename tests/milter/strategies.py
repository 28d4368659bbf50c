"""Octets, strings, texts and numbers as they stand in packets of the milter protocol."""

from __future__ import annotations

from hypothesis import strategies as st

OCTETS = st.binary(max_size=40)
STRING = OCTETS.map(lambda octets: octets.replace(b"\0", b""))
TEXT = STRING.map(lambda octets: octets.decode("utf-8", "surrogateescape"))
TEXTS = st.lists(TEXT, max_size=4).map(tuple)
NUMBER = st.integers(0, 2**32 - 1)
