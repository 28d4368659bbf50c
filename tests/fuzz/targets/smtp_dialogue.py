"""A hostile server that we send mail to: each line of a case is sent when we wait for a reply."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectionLost
from twisted.internet.task import Clock
from twisted.python.failure import Failure

from mailhost.message.content import Content
from mailhost.message.envelope import Envelope
from mailhost.smtp.client.dialogue import Dialogue
from mailhost.smtp.client.protocol import ConnectionBroken, SMTPClient
from mailhost.smtp.client.sending import Sending
from mailhost.smtp.client.timeouts import Timeouts
from tests.fakes import envelope as envelope_to
from tests.smtp.client_talk import Transport

TEXT = b"Subject: hi\r\n\r\n.dot\r\n"
END = b"..dot\r\n.\r\n"
ENVELOPE: Envelope = envelope_to("a@x.example", "b@x.example")
LONGEST_WORDS = 20_000


def target(data: bytes) -> None:
    clock, wire = Clock(), Transport()
    client = SMTPClient(clock)
    client.makeConnection(wire)
    sending = Sending(ENVELOPE, Content((TEXT,)), ENVELOPE.recipients)
    done = list[Any]()
    work = _talk(Dialogue(client, "us.example", Timeouts()), sending)
    Deferred.fromCoroutine(work).addErrback(lambda failure: failure.trap(ConnectionBroken)).addBoth(
        done.append
    )
    accepted = False
    for line in data.splitlines(keepends=True)[:100]:
        if done or client.gone:
            break
        before = wire.value()
        client.dataReceived(line)
        clock.advance(0)
        accepted |= before.endswith(END) and line.startswith(b"2")
    client.connectionLost(Failure(ConnectionLost()))
    clock.advance(0)
    assert done, "it waits for ever"
    assert not isinstance(done[0], Failure), done[0].getTraceback()
    assert clock.getDelayedCalls() == [], clock.getDelayedCalls()
    _check(sending, wire.value(), accepted)


async def _talk(dialogue: Dialogue, sending: Sending) -> None:
    refused = await dialogue.greet() or await dialogue.log_in("user", "pencil")
    if refused is None or refused.code == 454:  # no login that can be used
        await dialogue.send(sending)
    await dialogue.quit()


def _check(sending: Sending, sent: bytes, accepted: bool) -> None:
    """A recipient has a success only if the host said so after the end of the message."""
    assert set(sending.statuses) <= set(ENVELOPE.recipients)
    for status in sending.statuses.values():
        assert status.text.replace("\n", "").isprintable(), status
        assert len(status.text) <= LONGEST_WORDS
        if status.ok:
            assert accepted, sent
    assert b"pencil" not in sent
