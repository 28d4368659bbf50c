"""Probes one service once: the steps of a dialogue in their order, within a bounded time."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import datetime

from twisted.internet.defer import CancelledError, Deferred

from mailhost.doctor.server.certificates import may_log_in
from mailhost.doctor.server.connecting import Broken
from mailhost.doctor.server.imap import IMAPTalk
from mailhost.doctor.server.pop3 import POP3Talk
from mailhost.doctor.server.record import Kind, Offered, Record, Step
from mailhost.doctor.server.recorder import Recorder
from mailhost.doctor.server.services import Place, Wire
from mailhost.doctor.server.smtp import SMTPTalk
from mailhost.doctor.server.talk import Asked, Means, Talk
from mailhost.doctor.server.transcript import Transcript

_TALKS: Mapping[Wire, Callable[[Means, Recorder], Talk]] = {
    Wire.SMTP: SMTPTalk,
    Wire.IMAP: IMAPTalk,
    Wire.POP3: POP3Talk,
}


async def probe(means: Means, place: Place, asked: Asked) -> Record:
    """Return what was seen at a place. Raises nothing: the record has the failure."""
    transcript = Transcript(place, means.clock, asked.secrets)
    recorder = Recorder(Record(place), transcript, means.clock)
    talk = _TALKS[place.service.wire](means, recorder)
    probing = Deferred.fromCoroutine(_recorded(talk, recorder, asked, means))
    record = await probing.addTimeout(means.limits.whole, means.clock)
    means.on_transcript(transcript)
    return record


async def _recorded(talk: Talk, recorder: Recorder, asked: Asked, means: Means) -> Record:
    record = recorder.record
    try:
        offered = await _begin(talk, recorder)
        await _use(talk, record, offered, asked, means.now)
        record.step = Step.END
    except Broken as broken:
        recorder.failed(broken)
    except CancelledError:
        recorder.failed(Broken(Kind.TIMED_OUT, f"no end within {means.limits.whole:g} s"))
    finally:
        talk.abort()
    return record


async def _begin(talk: Talk, recorder: Recorder) -> Offered:
    """Connect, and return what is offered at last. Raises Broken."""
    record = recorder.record
    implicit = record.place.service.implicit_tls
    await talk.connect()
    if implicit:
        record.step = Step.HANDSHAKE
        await talk.handshake()
    record.step = Step.GREETING
    recorder.greeted(await talk.greet())
    record.step = Step.HELLO
    offered = await talk.hello()
    if implicit:
        record.secured = offered
        return offered
    record.in_clear = offered
    return await _start_tls(talk, record, offered) if offered.starttls else offered


async def _start_tls(talk: Talk, record: Record, offered: Offered) -> Offered:
    """Return what is offered after the attempt. Raises Broken."""
    record.step = Step.HANDSHAKE
    record.starttls = await talk.start_tls()
    if not record.starttls.ok:
        return offered
    await talk.handshake()
    record.step = Step.HELLO
    record.secured = await talk.hello()
    return record.secured


async def _use(talk: Talk, record: Record, offered: Offered, asked: Asked, now: datetime) -> None:
    """Log in and use the service, as far as asked. The password is kept back if this connection is
    not safe, whatever an earlier one was. Raises Broken."""
    if asked.user:
        record.step = Step.LOGIN
        record.withheld = not may_log_in(record, asked.insecure, now)
        if not record.withheld:
            record.login = await talk.log_in(offered, asked)
    if not asked.user or (record.login is not None and record.login.ok):
        record.step = Step.USE
        await talk.use(offered, asked)
    with suppress(Broken):  # all is known by now
        await talk.quit()
