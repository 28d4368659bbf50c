"""`mailhost-modseq`: a number that no MODSEQ of an account has exceeded (RFC 7162).

MODSEQs lie in a cache that may be lost. Where it was lost they start above the mark, so that they
never go back, even if the clock was set back. The mark is raised by a large step, before a MODSEQ
above it is used, so that few changes need a sync for it.

It is a file of its own beside `dovecot-uidlist`. Dovecot would keep a field of that file's header,
but each change of the header means writing the whole file. Dovecot also removes the file where it
finds a line broken, and goes on with the same UIDVALIDITY from its index.
"""

from __future__ import annotations

import os

from mailhost.durable.system import OperatingSystem
from mailhost.store.maildir.whole_file import read_file, replace_file

NAME = "mailhost-modseq"
STEP = 24 * 3600 * 1_000_000  # one day, as MODSEQs count microseconds since 1970
_LARGEST = 1 << 62  # half of what RFC 7162 §3.1 allows: a higher mark is damaged


def read_mark(folder: str) -> int:
    """Return the mark in the folder at that path, 0 where there is none, or a damaged one. Raises
    OSError."""
    octets = read_file(os.path.join(folder, NAME)) or b""
    text = octets.strip()
    mark = int(text) if text.isdigit() and len(text) < 20 else 0
    return mark if mark <= _LARGEST else 0


def raise_mark(system: OperatingSystem, folder: str, modseq: int) -> int:
    """Raise the mark above `modseq`, durably, and return it. The caller has a lock.

    Raises OSError; then no MODSEQ above the old mark may be used.
    """
    mark = max(read_mark(folder), modseq) + STEP
    path = os.path.join(folder, NAME)
    replace_file(system, path, f"{path}.tmp", b"%d\n" % mark)
    return mark
