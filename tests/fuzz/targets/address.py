"""Mail addresses and domains (RFC 5321 §4.1.2, RFC 6531), one a line."""

from __future__ import annotations

from mailhost.message.address import (
    MAX_DOMAIN,
    MAX_LOCAL_PART,
    Address,
    BadAddress,
    parse_address,
    parse_domain,
    parse_own_address,
    unicode_domain,
)

LONGEST_MESSAGE = 3200  # characters: 300 that are shown as \U0010ffff


def target(data: bytes) -> None:
    for line in data.decode("utf-8", "surrogateescape").split("\n")[:50]:
        _check_address(line)
        _check_domain(line)


def _check_address(text: str) -> None:
    strict = _parsed(text, lenient=False)
    address = _parsed(text, lenient=True)
    if address is None:
        assert strict is None
        return
    assert strict in (None, address)
    assert 0 < len(address.local.encode()) <= MAX_LOCAL_PART
    assert address.domain == parse_domain(address.domain)
    printed = str(address)
    assert printed.isprintable() or not printed.isascii()
    assert "\r" not in printed
    assert "\n" not in printed
    again = parse_address(printed, lenient=True)
    assert again == address
    assert str(again) == printed
    assert again.key == address.key
    try:
        assert parse_own_address(text) == address
    except BadAddress as bad:
        assert "\n" not in str(bad)


def _parsed(text: str, *, lenient: bool) -> Address | None:
    try:
        return parse_address(text, lenient=lenient)
    except BadAddress as bad:
        assert len(str(bad)) < LONGEST_MESSAGE, "a message that repeats all of a long text"
        return None


def _check_domain(text: str) -> None:
    try:
        domain = parse_domain(text)
    except BadAddress:
        return
    assert len(domain) <= MAX_DOMAIN
    assert domain.isascii()
    assert parse_domain(domain) == domain
    assert parse_domain(unicode_domain(domain)) == domain, unicode_domain(domain)
