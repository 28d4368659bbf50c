"""Challenges of a smarthost that we log in to, one a line (RFC 4422, RFC 5802)."""

from __future__ import annotations

from mailhost.net.sasl.client import (
    BadChallenge,
    LoginClient,
    PlainClient,
    ScramSha256Client,
    choose,
)

NONCE = "fyko+d2lbbFgONRv9qkxdawL"
PASSWORD = "pencil"


def target(data: bytes) -> None:
    challenges = data.split(b"\n")[:10]
    for exchange in (
        PlainClient("user", PASSWORD),
        LoginClient("user", PASSWORD),
        ScramSha256Client("user", PASSWORD, NONCE),
    ):
        exchange.initial()
        for challenge in challenges:
            try:
                response = exchange.respond(challenge)
            except BadChallenge as bad:
                assert PASSWORD not in str(bad)
                assert len(str(bad)) < 200
                break
            assert len(response) <= 2 * len(data) + 200
            if isinstance(exchange, ScramSha256Client):
                assert PASSWORD.encode() not in response
    offered = data.decode("utf-8", "replace").split()
    chosen = choose(offered, "user", PASSWORD, secure=False)
    assert chosen is None or chosen.name == "SCRAM-SHA-256"
