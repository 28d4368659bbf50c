"""Settings files that are no TOML, and what the operator is told of them."""

from __future__ import annotations

import tomllib

from mailhost.config.load import SEVERAL
from mailhost.config.toml_faults import explained


def target(data: bytes) -> None:
    text = data.decode("utf-8", "replace")
    try:
        tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        _check(text, explained(text, error, SEVERAL))
    except RecursionError:  # the file of an operator, not of a stranger
        return


def _check(text: str, words: str) -> None:
    assert "line " in words, words
    longest = max(map(len, text.split("\n")))
    assert len(words) <= 500 + 7 * longest, len(words)
    for line in text.split("\n"):
        key, _, value = line.partition("=")
        secret = value.strip().strip("\"'")
        if "password" in key.lower() and len(secret) > 12 and secret not in key:
            assert secret not in words, "a password is shown"
