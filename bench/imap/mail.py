"""The mail that is read: Maildirs of so many messages, as each host would have written them.

Files of one kind are links to some hundred, so that 100,000 messages take a second.
"""

from __future__ import annotations

import os
import random
from pathlib import Path

WORDS = ("queue", "letter", "harbour", "winter", "invoice", "meeting", "garden", "report", "train")
DISTINCT = 400  # files; a file may have 65,000 names


def message(number: int, size: int, seed: int = 0) -> bytes:
    """Return a message of about `size` octets, with CRLF: some text, else an attachment."""
    chance = random.Random(number + seed)
    subject = " ".join(chance.choices(WORDS, k=5))
    head = (
        f"From: =?utf-8?q?K=C3=A4te?= Example <kate{number % 50}@source.example>\r\n"
        f"To: user@bench.example, Bob <bob@bench.example>\r\nCc: sue@source.example\r\n"
        f"Subject: {subject} {number}\r\nMessage-ID: <{number}.{seed}@source.example>\r\n"
        f"In-Reply-To: <{number - 1}.{seed}@source.example>\r\n"
        f"Date: Mon, {1 + number % 28} Mar 2025 10:{number % 60:02}:00 +0100\r\n"
        "Received: from a.example by b.example; Mon, 3 Mar 2025 10:00:00 +0100\r\n"
        'MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary="b1"\r\n\r\n'
        "--b1\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n"
    )
    middle = '\r\n--b1\r\nContent-Type: application/octet-stream; name="a.bin"\r\n'
    middle += "Content-Disposition: attachment\r\nContent-Transfer-Encoding: base64\r\n\r\n"
    line = (" ".join(chance.choices(WORDS, k=9)) + "\r\n").encode()
    left = max(size - len(head) - len(middle) - 10, 100)
    text = line * (min(left, 3000) // len(line) + 1)
    data = b"QUJDREVGR0hJSktMTU5PUFFSU1RVVldYWVphYmNkZWZnaGlqa2xtbm9wcXJzdHV2d3h5eg==\r\n"
    attached = data * (max(left - 3000, 0) // len(data))
    return head.encode() + text + middle.encode() + attached + b"\r\n--b1--\r\n"


class Filler:
    """Makes Maildirs in the files' form of a host: `crlf` says whether lines end with CRLF there,
    `owner` is the number of the user and group whose files they are."""

    def __init__(self, store: Path, crlf: bool, owner: int) -> None:
        self._store = store
        self._crlf = crlf
        self._owner = owner
        self._made: dict[tuple[int, int], list[tuple[Path, int, int]]] = {}
        store.mkdir(parents=True)

    def fill(self, maildir: Path, count: int, size: int, distinct: int = DISTINCT) -> None:
        """Make a Maildir with `count` messages of `size` octets, all of them read."""
        for name in ("cur", "new", "tmp"):
            (maildir / name).mkdir(parents=True, exist_ok=True)
        files = self._files(size, min(count, distinct))
        for number in range(count):
            source, octets, on_wire = files[number % len(files)]
            name = f"{1_700_000_000 + number}.M{number}P1.bench,S={octets},W={on_wire}:2,S"
            os.link(source, maildir / "cur" / name)

    def own(self, folder: Path) -> None:
        """Give a folder with all that is in it to the host's user."""
        if os.geteuid() == 0 and self._owner:
            for place, _, _ in os.walk(folder):
                os.chown(place, self._owner, self._owner)

    def _files(self, size: int, count: int) -> list[tuple[Path, int, int]]:
        key = (size, count)
        if key not in self._made:
            self._made[key] = [self._file(number, size) for number in range(count)]
        return self._made[key]

    def _file(self, number: int, size: int) -> tuple[Path, int, int]:
        path = self._store / f"{size}-{number}"
        on_wire = message(number, size)
        octets = on_wire if self._crlf else on_wire.replace(b"\r\n", b"\n")
        path.write_bytes(octets)
        if os.geteuid() == 0:
            os.chown(path, self._owner, self._owner)
        return path, len(octets), len(on_wire)
