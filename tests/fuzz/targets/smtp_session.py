"""All that a client may send to an SMTP or LMTP listener: pipelining, smuggling, STARTTLS."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from mailhost.message.status import Status
from tests.fuzz.cutting import result_of_any_cut
from tests.smtp.fakes import NOBODY, TERMS, FakeAuthenticator, check_end, checked_talk

SMALL = replace(TERMS, message_size=200, recipients=3, errors=5, idle_commands=12)


def target(data: bytes) -> None:
    for lmtp in (False, True):
        result_of_any_cut(data, lambda blocks, lmtp=lmtp: _run(blocks, lmtp))  # type: ignore[misc]


def _run(blocks: list[bytes], lmtp: bool) -> Any:
    """Return all that can be seen of a session. Its output is examined as it is written."""
    authenticator = FakeAuthenticator(in_the_clear=True)
    authenticator.offered = ("PLAIN", "LOGIN")  # SCRAM has another nonce each time
    talk = checked_talk(replace(SMALL, lmtp=lmtp), authenticator=authenticator, binary=True)
    talk.reception.answers["recipient"] = _judge
    replies = b"".join(map(talk.say, blocks))
    check_end(talk)
    wire = b"".join(blocks)
    taken = [each for each in talk.reception.transactions if each.fate == "ended"]
    assert len(taken) <= wire.count(b"\r\n.\r\n") + wire.upper().count(b"LAST"), "smuggled"
    for each in taken:
        assert len(each.content) <= SMALL.message_size
        assert 0 < len(each.paths) <= SMALL.recipients
    assert len(talk.events.lines) <= 2 + 2 * wire.count(b"\n") + len(wire) // 1000
    return (
        replies,
        talk.wire.hung_up,
        talk.wire.handshakes,
        talk.reception.seen,
        [(each.envelope, each.paths, each.fate) for each in talk.reception.transactions],
        [each.content for each in taken],
        talk.events.lines,
        authenticator.asked,
    )


def _judge(path: Any) -> Status:
    if path.address.local == "nobody":
        return NOBODY
    if path.address.local == "later":
        return Status(451, "4.7.1", "Later")
    return Status(250, "2.1.5", "Fine")
