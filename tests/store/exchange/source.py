"""A Maildir as Dovecot leaves it, for tests of imports."""

from __future__ import annotations

import os

VALIDITY = 1_500_000_000
GUID = "0123456789abcdef0123456789abcdef"


def write(path: str, octets: bytes, date: int | None = None) -> None:
    """Write a file with the folders above it."""
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "wb") as file:
        file.write(octets)
    if date is not None:
        os.utime(path, (date, date))


def dovecot_maildir(path: str) -> None:
    """INBOX with the UIDs 3 and 7 and a new message, `Sent Messages` with one, `Empty` without."""
    for folder in ("", ".Sent Messages", ".Empty"):
        for name in ("cur", "new", "tmp"):
            os.makedirs(os.path.join(path, folder, name))
    write(f"{path}/cur/1.M1.x,S=11,W=14:2,Sa", b"A: 3\n\nfrom\n", 1_400_000_003)
    write(f"{path}/cur/2.M1.x,S=8:2,FR", b"A: 7\n\nx\n", 1_400_000_007)
    write(f"{path}/new/3.M1.x", b"A: 8\n\n")
    uid_list = f"3 V{VALIDITY} N1 G{GUID}\n3 Pold-uidl :1.M1.x,S=11,W=14\n5 :gone\n7 :2.M1.x,S=8\n"
    write(f"{path}/dovecot-uidlist", uid_list.encode())
    write(f"{path}/dovecot-keywords", b"0 Work\n")
    write(f"{path}/subscriptions", b"V\t2\n\nSent Messages\nMissing\n")
    write(f"{path}/.Sent Messages/cur/4.M1.x:2,S", b"A: 1\n\n")
    sent = f"3 V{VALIDITY + 1} N2 G{GUID[::-1]}\n1 :4.M1.x\n"
    write(f"{path}/.Sent Messages/dovecot-uidlist", sent.encode())
