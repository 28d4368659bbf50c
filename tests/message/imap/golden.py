"""Mails of many shapes in `golden/`, and what we answer about them.

`python -m tests.message.imap.golden` writes the answers to `golden/answers.json` after a change
that is meant; `tests.long.imap_content` compares them with those of Dovecot.
"""

from __future__ import annotations

import json
from pathlib import Path

from mailhost.message.crlf import with_crlf
from mailhost.message.imap.reader import MemoryReader
from mailhost.message.imap.summary import summary

FOLDER = Path(__file__).parent / "golden"
ANSWERS = FOLDER / "answers.json"

Answers = dict[str, dict[str, object]]


def mails() -> dict[str, bytes]:
    """Return the mails by their names, as they lie on the disk."""
    return {path.stem: path.read_bytes() for path in sorted(FOLDER.glob("*.eml"))}


def answers() -> Answers:
    """Return what we answer now, octets as Latin-1."""
    found: Answers = {}
    for name, mail in mails().items():
        made = summary(MemoryReader(with_crlf(mail)))
        found[name] = {
            "size": made.size,
            "envelope": made.envelope.decode("latin-1"),
            "body_structure": made.body_structure.decode("latin-1"),
            "parts": made.parts.decode("ascii"),
            "preview": made.preview,
            "base_subject": made.base_subject,
            "is_reply": made.is_reply,
            "references": list(made.references),
            "sent": made.sent.seconds if made.sent else None,
            "sort": [made.sort_from, made.sort_to, made.sort_cc],
        }
    return found


if __name__ == "__main__":
    text = json.dumps(answers(), indent=1, ensure_ascii=False)
    ANSWERS.write_text(text + "\n", encoding="utf-8")
