"""Logins of clients: PLAIN, LOGIN, SCRAM-SHA-256, one response a line (RFC 4422)."""

from __future__ import annotations

from mailhost.interfaces.logins import Challenge
from mailhost.message.address import Address
from mailhost.message.status import Status
from mailhost.net.sasl.login import LoginMechanism
from mailhost.net.sasl.plain import PlainMechanism
from mailhost.net.sasl.scram import ScramSha256Mechanism
from mailhost.smtp.server.reply import encode_reply
from tests.net.sasl.fakes import SECURE, OneAccount, step

PASSWORD = "pass word"
NONCE = "3rfcNHYJY1ZVvWVs7j"


def target(data: bytes) -> None:
    lines = data.split(b"\n")[:10]
    for make in (
        PlainMechanism,
        LoginMechanism,
        lambda client, asked: ScramSha256Mechanism(client, asked, NONCE),
    ):
        authenticator = OneAccount(password=PASSWORD)
        mechanism = make(SECURE, authenticator)
        for line in [None, *lines]:
            answer = step(mechanism, line)
            if isinstance(answer, Challenge):
                assert len(answer.data) <= 3 * len(data) + 200
                continue
            _check_end(answer, data, authenticator)
            break
        assert len(authenticator.asked) <= 2


def _check_end(answer: object, data: bytes, authenticator: OneAccount) -> None:
    """A login is refused in one line, and an account is only given for its own password."""
    if isinstance(answer, Status):
        assert answer.permanent
        assert encode_reply(answer).count(b"\r\n") == 1
        return
    assert isinstance(answer, Address)
    last = authenticator.asked[-1]
    assert last[0] == "ann@example.com"
    assert last[1] is True or last[1] == PASSWORD
    assert last[1] is True or PASSWORD.encode() in data
