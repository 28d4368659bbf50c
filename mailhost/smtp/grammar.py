"""The grammar of SMTP commands, as data beside its ABNF (RFC 5321 §4.1).

Deviations, each for clients that exist: spaces after `FROM:` and `TO:` are passed over (old
Outlook), and so are spaces at the end of a line. A parameter's value may hold `=`, and `+` where
xtext has it encoded (ORCPT=rfc822;ann+x@example.com): mail is not refused for it.
"""

from __future__ import annotations

import re

# ehlo = "EHLO" SP ( Domain / address-literal ) CRLF; anything printable is taken as a name, since
# the name proves nothing and RFC 5321 §4.1.4 forbids to refuse mail for it.
HELLO_NAME = re.compile(rb"[\x21-\x7e\x80-\xff]{1,255}")

# mail = "MAIL FROM:" Reverse-path [SP Mail-parameters] CRLF
# rcpt = "RCPT TO:" ( "<Postmaster@" Domain ">" / "<Postmaster>" / Forward-path ) [SP ...] CRLF
# The path is cut at the first ">" outside a quoted string.
_PATH = rb'<((?:[^"\\<>\x00-\x1f]|"(?:[^"\\\x00-\x1f]|\\[ -~])*")*)>'
MAIL = re.compile(rb"(?i:FROM):[ ]*" + _PATH + rb"(?:[ ]+(.*))?", re.DOTALL)
RCPT = re.compile(rb"(?i:TO):[ ]*" + _PATH + rb"(?:[ ]+(.*))?", re.DOTALL)

# UTF-8-non-ascii allows them, and RFC 5198 §2 does not: C1 controls, line and paragraph separators
CONTROLS = re.compile("[\x7f-\x9f\u2028\u2029]")

# A-d-l ":" in front of a Mailbox is accepted and ignored (RFC 5321 §4.1.2, appendix C).
_AT_DOMAIN = rb"@(?:\[[^\[\]]*\]|[^@:,\[\]\"]+)"
SOURCE_ROUTE = re.compile(_AT_DOMAIN + rb"(?:," + _AT_DOMAIN + rb")*:")

# esmtp-param = esmtp-keyword ["=" esmtp-value], with "=" in the value too
PARAMETER = re.compile(rb"([A-Za-z0-9][A-Za-z0-9-]*)(?:=([\x21-\x7e\x80-\xff]+))?")

# xtext = *( xchar / hexchar ); hexchar = "+" 2(%x30-39 / %x41-46)  (RFC 3461 §4)
_XTEXT = re.compile(rb"(?:[\x21-\x2a\x2c-\x3c\x3e-\x7e]|\+[0-9A-F]{2})*")
_HEXCHAR = re.compile(rb"\+(..)")

# The same for addresses in UTF-8: "\x{" HEXPOINT "}" (RFC 6533 §3)
_UNITEXT_POINT = re.compile(r"\\x\{([0-9A-F]{1,6})\}")

# ORCPT = addr-type ";" xtext, or utf-8-addr-xtext, or UTF-8 itself under SMTPUTF8
_ORCPT = re.compile(rb"([A-Za-z0-9-]+);(.+)", re.DOTALL)
# In octets, decoded. RFC 3461 §4.2 has 500 octets encoded, too few for the longest local parts.
LONGEST_ORCPT = 1000

# size-value = 1*20DIGIT (RFC 1870 §3); chunk-size = 1*DIGIT (RFC 3030 §2)
SIZE = re.compile(rb"[0-9]{1,20}")
BDAT = re.compile(rb"([0-9]{1,20})(?:[ ]+((?i:LAST)))?[ ]*")


def decode_xtext(value: bytes) -> str | None:
    """Return the text that xtext stands for (RFC 3461 §4), None where that is not printable ASCII.

    A value that is no xtext, or stands for octets that cannot be printed, is taken as written.
    """
    if b"+" in value and _XTEXT.fullmatch(value):
        plain = _HEXCHAR.sub(lambda match: bytes.fromhex(match[1].decode()), value)
        value = plain if _printable(plain) else value
    return value.decode() if _printable(value) else None


def _printable(octets: bytes) -> bool:
    return octets.isascii() and octets.decode().isprintable()


def decode_orcpt(value: bytes) -> str | None:
    """Return `type;address` in plain text, None for bad syntax (RFC 3461 §4.2, RFC 6533 §3)."""
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
