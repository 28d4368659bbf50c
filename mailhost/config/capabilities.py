"""The IMAP capabilities that can be switched off, for clients that trip over one."""

from __future__ import annotations

from difflib import get_close_matches
from typing import Any

CAPABILITIES = (
    "APPENDLIMIT", "AUTH=LOGIN", "AUTH=PLAIN", "AUTH=SCRAM-SHA-256", "BINARY", "CHILDREN",
    "COMPRESS=DEFLATE", "CONDSTORE", "CREATE-SPECIAL-USE", "ENABLE", "ESEARCH", "ID", "IDLE",
    "IMAP4REV1", "IMAP4REV2", "INPROGRESS", "LIST-EXTENDED", "LIST-STATUS", "LITERAL+", "LITERAL-",
    "MOVE", "MULTIAPPEND", "NAMESPACE", "NOTIFY", "OBJECTID", "PREVIEW", "QRESYNC", "QUOTA",
    "QUOTA=RES-MESSAGE", "QUOTA=RES-STORAGE", "SASL-IR", "SAVEDATE", "SEARCHRES", "SORT",
    "SPECIAL-USE", "STARTTLS", "STATUS=SIZE", "THREAD=ORDEREDSUBJECT", "THREAD=REFERENCES",
    "UIDPLUS", "UNSELECT", "UTF8=ACCEPT", "WITHIN",
)  # fmt: skip


def capability(value: Any) -> str:
    """Return the name in capitals. Raises ValueError with the remedy."""
    name = value.upper() if isinstance(value, str) else ""
    if name in CAPABILITIES:
        return name
    near = get_close_matches(name, CAPABILITIES, 1)
    meant = f"; did you mean {near[0]!r}?" if near else ""
    raise ValueError(f'write an IMAP capability such as "QRESYNC", not {value!r}{meant}')
