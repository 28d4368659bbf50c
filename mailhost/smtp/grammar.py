"""The grammar of SMTP commands, as data beside its ABNF (RFC 5321 §4.1).

The grammar deviates from the RFC where existing clients do. Spaces after `FROM:` and `TO:` (old
Outlook) and at the end of a line are ignored. The value of a parameter may contain `=`, and a `+`
that xtext requires to be encoded (ORCPT=rfc822;ann+x@example.com).
"""

from __future__ import annotations

import re

# ehlo = "EHLO" SP ( Domain / address-literal ) CRLF. Any printable name is accepted: the name
# proves nothing, and RFC 5321 §4.1.4 forbids a refusal of mail because of the name.
HELLO_NAME = re.compile(rb"[\x21-\x7e\x80-\xff]{1,255}")

# mail = "MAIL FROM:" Reverse-path [SP Mail-parameters] CRLF
# rcpt = "RCPT TO:" ( "<Postmaster@" Domain ">" / "<Postmaster>" / Forward-path ) [SP ...] CRLF
# The path ends at the first ">" outside a quoted string.
_PATH = rb'<((?:[^"\\<>\x00-\x1f]|"(?:[^"\\\x00-\x1f]|\\[ -~])*")*)>'
MAIL = re.compile(rb"(?i:FROM):[ ]*" + _PATH + rb"(?:[ ]+(.*))?", re.DOTALL)
RCPT = re.compile(rb"(?i:TO):[ ]*" + _PATH + rb"(?:[ ]+(.*))?", re.DOTALL)

# C1 controls, line separators and paragraph separators: RFC 6531 allows them as UTF-8-non-ascii,
# RFC 5198 §2 forbids them.
CONTROLS = re.compile("[\x7f-\x9f\u2028\u2029]")

# A source route (A-d-l ":") before a Mailbox is accepted and ignored (RFC 5321 §4.1.2, appendix C).
_AT_DOMAIN = rb"@(?:\[[^\[\]]*\]|[^@:,\[\]\"]+)"
SOURCE_ROUTE = re.compile(_AT_DOMAIN + rb"(?:," + _AT_DOMAIN + rb")*:")

# esmtp-param = esmtp-keyword ["=" esmtp-value]; here the value may contain "="
PARAMETER = re.compile(rb"([A-Za-z0-9][A-Za-z0-9-]*)(?:=([\x21-\x7e\x80-\xff]+))?")

# xtext = *( xchar / hexchar ); hexchar = "+" 2(%x30-39 / %x41-46)  (RFC 3461 §4)
_XTEXT = re.compile(rb"(?:[\x21-\x2a\x2c-\x3c\x3e-\x7e]|\+[0-9A-F]{2})*")
_HEXCHAR = re.compile(rb"\+(..)")

# The encoding of UTF-8 addresses: "\x{" HEXPOINT "}" (RFC 6533 §3)
_UNITEXT_POINT = re.compile(r"\\x\{([0-9A-F]{1,6})\}")

# ORCPT = addr-type ";" followed by xtext, utf-8-addr-xtext, or with SMTPUTF8 by plain UTF-8
_ORCPT = re.compile(rb"([A-Za-z0-9-]+);(.+)", re.DOTALL)
# octets after decoding. The 500 encoded octets of RFC 3461 §4.2 are too few for long local parts.
LONGEST_ORCPT = 1000

# size-value = 1*20DIGIT (RFC 1870 §3); chunk-size = 1*DIGIT (RFC 3030 §2)
SIZE = re.compile(rb"[0-9]{1,20}")
BDAT = re.compile(rb"([0-9]{1,20})(?:[ ]+((?i:LAST)))?[ ]*")


def decode_xtext(value: bytes) -> str | None:
    """Return the text that the xtext `value` encodes (RFC 3461 §4).

    A value that is not valid xtext, or encodes octets that are not printable, is returned as it is.
    Returns None if the result is not printable ASCII.
    """
    if b"+" in value and _XTEXT.fullmatch(value):
        plain = _HEXCHAR.sub(lambda match: bytes.fromhex(match[1].decode()), value)
        value = plain if _printable(plain) else value
    return value.decode() if _printable(value) else None


def _printable(octets: bytes) -> bool:
    return octets.isascii() and octets.decode().isprintable()


def decode_orcpt(value: bytes) -> str | None:
    """Return the value of ORCPT as `type;address` with the address decoded, None if its syntax is
    wrong (RFC 3461 §4.2, RFC 6533 §3)."""
    match = _ORCPT.fullmatch(value)
    if not match:
        return None
    kind = match[1].decode().lower()
    address = _decode_unitext(match[2]) if kind == "utf-8" else decode_xtext(match[2])
    if address is None or len(address.encode()) > LONGEST_ORCPT:
        return None
    return f"{kind};{address}"


def _decode_unitext(value: bytes) -> str | None:
    try:
        text = _UNITEXT_POINT.sub(lambda match: chr(int(match[1], 16)), value.decode())
    except (UnicodeDecodeError, ValueError, OverflowError):
        return None
    return text if text.isprintable() else None
