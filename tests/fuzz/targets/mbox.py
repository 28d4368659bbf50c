"""mbox files of any program: each message has bounded octets, and is read again as it was."""

from __future__ import annotations

from mailhost.store.exchange.mbox import NoMbox, Quoting, read, split, written


def target(data: bytes) -> None:
    try:
        messages = list(split(data))
    except NoMbox:
        return
    assert sum(len(message.raw) for message in messages) <= len(data)
    for message in messages:
        for quoting in Quoting:
            found = read(message, quoting)
            assert len(found.text) <= 2 * len(message.raw)
            bare = b"\n" in found.text.replace(b"\r\n", b"")
            if bare or (found.text and not found.text.endswith(b"\r\n")):
                continue  # an mbox file cannot have these as they are
            (again,) = split(written(found.text, found.flags, 7, found.date or 0, 8))
            assert read(again, Quoting.MBOXRD).text == found.text
