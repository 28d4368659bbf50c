"""Probes one service once: the steps of a dialogue in their order, within a bounded time."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import datetime

from twisted.internet.defer import CancelledError, Deferred

from mailhost.doctor.server.certificates import may_log_in
from mailhost.doctor.server.connecting import Broken
from mailhost.doctor.server.dialogue import Asked, Means, ServiceDialogue
from mailhost.doctor.server.imap import IMAPDialogue
from mailhost.doctor.server.pop3 import POP3Dialogue
from mailhost.doctor.server.record import Kind, Offered, Record, Step
from mailhost.doctor.server.recorder import Recorder
from mailhost.doctor.server.services import MailProtocol, Place
from mailhost.doctor.server.smtp import SMTPDialogue
from mailhost.doctor.server.transcript import Transcript

_DIALOGUES: Mapping[MailProtocol, Callable[[Means, Recorder], ServiceDialogue]] = {
    MailProtocol.SMTP: SMTPDialogue,
    MailProtocol.IMAP: IMAPDialogue,
    MailProtocol.POP3: POP3Dialogue,
}


async def probe(means: Means, place: Place, asked: Asked) -> Record:
    """Return the record of one probe. Raises nothing: the record has the failure."""
    transcript = Transcript(place, means.clock, asked.secrets)
    recorder = Recorder(Record(place), transcript, means.clock)
    dialogue = _DIALOGUES[place.service.protocol](means, recorder)
    probing = Deferred.fromCoroutine(_recorded(dialogue, recorder, asked, means))
    record = await probing.addTimeout(means.limits.whole, means.clock)
    means.on_transcript(transcript)
    return record


async def _recorded(
    dialogue: ServiceDialogue, recorder: Recorder, asked: Asked, means: Means
) -> Record:
    record = recorder.record
    try:
        offered = await _begin(dialogue, recorder)
        await _use(dialogue, record, offered, asked, means.now)
        record.step = Step.END
    except Broken as broken:
        recorder.failed(broken)
    except CancelledError:
        recorder.failed(Broken(Kind.TIMED_OUT, f"no end within {means.limits.whole:g} s"))
    finally:
        dialogue.abort()
    return record


async def _begin(dialogue: ServiceDialogue, recorder: Recorder) -> Offered:
    """Connect, and return the extensions that the server offers after STARTTLS, if TLS begins.

    Raises Broken.
    """
    record = recorder.record
    implicit = record.place.service.implicit_tls
    await dialogue.connect()
    if implicit:
        record.step = Step.HANDSHAKE
        await dialogue.handshake()
    record.step = Step.GREETING
    recorder.greeted(await dialogue.greet())
    record.step = Step.HELLO
    offered = await dialogue.hello()
    if implicit:
        record.secured = offered
        return offered
    record.in_clear = offered
    return await _start_tls(dialogue, record, offered) if offered.starttls else offered


async def _start_tls(dialogue: ServiceDialogue, record: Record, offered: Offered) -> Offered:
    """Return the extensions that the server offers after the attempt. Raises Broken."""
    record.step = Step.HANDSHAKE
    record.starttls = await dialogue.start_tls()
    if not record.starttls.ok:
        return offered
    await dialogue.handshake()
    record.step = Step.HELLO
    record.secured = await dialogue.hello()
    return record.secured


async def _use(
    dialogue: ServiceDialogue, record: Record, offered: Offered, asked: Asked, now: datetime
) -> None:
    """Log in and use the service, as far as `asked` says.

    The password is withheld if this connection is not safe, even if an earlier connection was safe.
    Raises Broken.
    """
    if asked.user:
        record.step = Step.LOGIN
        record.withheld = not may_log_in(record, asked.insecure, now)
        if not record.withheld:
            record.login = await dialogue.log_in(offered, asked)
    if not asked.user or (record.login is not None and record.login.ok):
        record.step = Step.USE
        await dialogue.use(offered, asked)
    with suppress(Broken):  # the record is complete
        await dialogue.quit()
