"""The two records of a queued message: an entry that never changes, and a state that does.

`<id>.msg` holds one line of JSON, version 1, and after its LF the content's octets, untouched:

    {"version":1,"id":...,"identity":...,"arrived":seconds,"size":octets of content,
     "reverse_path":[local,domain] or null,"body":...,"smtputf8":...,"announced":octets,
     "returns":...,"envelope_id":...,"tls":... where the sender demands anything of TLS,
     "recipients":[{"address":[local,domain],"notify":number or null,"original":...,
      "through":[[local,domain], ...] where aliases led there}, ...]}

`<id>.state` holds one line of JSON, version 1; without it nothing has happened yet:

    {"version":1,"attempts":n,"due":seconds,"last_attempt":seconds or null,"saved":seconds,
     "waited":seconds,"warned":...,"held":...,"quarantine":reason,"parked":reason,
     "traceback":...,
     "recipients":[{"progress":...,"fate":...,"status":[code,enhanced,text,cause],
      "answer":[code,enhanced,text] where the host said something,"by":...}, ...]}

An address has a third element, true, where it was written without the quotes that its dots need.
The recipients of both files stand in the same order. All JSON is ASCII, other characters escaped.
Unknown keys are ignored, so that an older program reads entries with "tls"; it sends such a message
as it sends any other.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from itertools import islice
from typing import Any

from mailhost.message.address import Address
from mailhost.message.envelope import Body, Envelope, ForwardPath, Notify, Return
from mailhost.message.outcome import Fate, Outcome
from mailhost.message.status import Status
from mailhost.message.tls_demand import TLSDemand

VERSION = 1
ENCODED_AT_ONCE = 200  # recipients; an entry with more of them is encoded in a thread
_DAMAGE = (KeyError, TypeError, ValueError, AttributeError, OverflowError, RecursionError)


class Unreadable(Exception):
    """A file of the queue cannot be understood; the message says why."""


class Progress(StrEnum):
    """The progress of one recipient. `owed`: its fate is known, and must still be reported."""

    WAITING = "waiting"
    OWED = "owed"
    SETTLED = "settled"


@dataclass(frozen=True, slots=True)
class Recipient:
    """One recipient of an entry, and the last outcome, None before the first attempt."""

    path: ForwardPath
    progress: Progress = Progress.WAITING
    outcome: Outcome | None = None


@dataclass(frozen=True, slots=True)
class Entry:
    """A message in the queue. `offset` is where its content begins in the file, `size` its octets.

    `identity` names the message in the log; `arrived` is in seconds since the epoch.
    """

    id: str
    identity: str
    arrived: float
    envelope: Envelope
    size: int
    offset: int = 0


@dataclass(frozen=True, slots=True)
class EntryState:
    """The history of an entry so far.

    `due`, `last_attempt` and `saved` (when this was written) are by the wall clock. `waited` counts
    the seconds that the entry spent in the queue, by a steady clock. `held`: an operator keeps the
    entry back. `quarantine` is the reason of a filter to do so, and `parked` the exception of our
    own code that stopped the entry; both are empty for an entry that is tried.
    """

    recipients: tuple[Recipient, ...]
    due: float
    attempts: int = 0
    last_attempt: float | None = None
    saved: float = 0.0
    waited: float = 0.0
    warned: bool = False
    held: bool = False
    quarantine: str = ""
    parked: str = ""
    traceback: str = ""

    def those(self, progress: Progress) -> tuple[Recipient, ...]:
        """Return the recipients with this progress."""
        return tuple(each for each in self.recipients if each.progress is progress)

    @property
    def waiting(self) -> tuple[ForwardPath, ...]:
        """The recipients of the next attempt."""
        return tuple(each.path for each in self.those(Progress.WAITING))

    @property
    def settled(self) -> bool:
        """True where all recipients are settled."""
        return all(each.progress is Progress.SETTLED for each in self.recipients)

    @property
    def stopped(self) -> bool:
        """True where the entry is not tried before an operator releases it."""
        return self.held or bool(self.quarantine or self.parked)

    def with_outcomes(self, outcomes: Sequence[Outcome], owed: Sequence[bool]) -> EntryState:
        """Return a copy with outcomes of recipients that wait; `owed` says for each outcome if it
        must be reported."""
        news = {
            each.recipient: (each, reported) for each, reported in zip(outcomes, owed, strict=True)
        }
        recipients = tuple(_after(each, news) for each in self.recipients)
        return replace(self, recipients=recipients)

    def knowing(self, outcomes: Sequence[Outcome]) -> EntryState:
        """Return a copy with deferrals that are known already, by recipient."""
        known = {outcome.recipient: outcome for outcome in outcomes if not outcome.settled}
        if not known and all(each.outcome is None for each in self.recipients):
            return self
        recipients = tuple(replace(each, outcome=known.get(each.path)) for each in self.recipients)
        return replace(self, recipients=recipients)

    def reported(self) -> EntryState:
        """Return a copy in which no report is owed any more."""
        recipients = tuple(
            replace(each, progress=Progress.SETTLED) if each.progress is Progress.OWED else each
            for each in self.recipients
        )
        return replace(self, recipients=recipients)


def _after(recipient: Recipient, news: Mapping[ForwardPath, tuple[Outcome, bool]]) -> Recipient:
    found = news.get(recipient.path) if recipient.progress is Progress.WAITING else None
    if found is None:
        return recipient
    outcome, owed = found
    settled = Progress.OWED if owed else Progress.SETTLED
    progress = settled if outcome.settled else Progress.WAITING
    return Recipient(recipient.path, progress, outcome)


def laid_out(entry: Entry) -> tuple[Entry, bytes]:
    """Return a copy with the offset of the content in its file, and the line before the content."""
    line = encode_entry(entry)
    return replace(entry, offset=len(line)), line


def first_state(entry: Entry) -> EntryState:
    """The state of an entry that nothing has happened to: due when it arrived."""
    recipients = tuple(map(Recipient, entry.envelope.recipients))
    return EntryState(recipients, due=entry.arrived, saved=entry.arrived)


# --- writing -----------------------------------------------------------------------------------


def encode_entry(entry: Entry) -> bytes:
    """Return the line that stands before the content, LF included."""
    envelope = entry.envelope
    fields: dict[str, object] = {
        "id": entry.id,
        "identity": entry.identity,
        "arrived": entry.arrived,
        "size": entry.size,
        "reverse_path": envelope.reverse_path and _parts(envelope.reverse_path),
        "body": envelope.body,
        "smtputf8": envelope.smtputf8,
        "announced": envelope.size,
        "returns": envelope.returns,
        "envelope_id": envelope.envelope_id,
    }
    if envelope.tls is not TLSDemand.USUAL:
        fields["tls"] = envelope.tls
    return _line(fields, map(_encode_path, envelope.recipients))


def encode_state(state: EntryState) -> bytes:
    """Return the whole state file."""
    return _line(
        {
            "attempts": state.attempts,
            "due": state.due,
            "last_attempt": state.last_attempt,
            "saved": state.saved,
            "waited": state.waited,
            "warned": state.warned,
            "held": state.held,
            "quarantine": state.quarantine,
            "parked": state.parked,
            "traceback": state.traceback,
        },
        ({"progress": each.progress, **_encode_outcome(each.outcome)} for each in state.recipients),
    )


def _line(fields: Mapping[str, object], recipients: Iterator[Mapping[str, object]]) -> bytes:
    """The fields and the recipients, some of these at a time: the encoder lets no other thread run
    before it is through."""
    parts = []
    while some := list(islice(recipients, ENCODED_AT_ONCE)):
        parts.append(_json(some)[1:-1])
    whole = _json({"version": VERSION, **fields})
    text = f'{whole[:-1]},"recipients":[{",".join(parts)}]}}\n'
    return text.encode("ascii")


def _json(value: object) -> str:
    return json.dumps(value, separators=(",", ":"), allow_nan=False)


def _encode_path(path: ForwardPath) -> Mapping[str, object]:
    fields: dict[str, object] = {
        "address": _parts(path.address),
        "notify": None if path.notify is None else path.notify.value,
        "original": path.original,
    }
    if path.through:
        fields["through"] = list(map(_parts, path.through))
    return fields


def _parts(address: Address) -> list[str | bool]:
    parts: list[str | bool] = [address.local, address.domain]
    return [*parts, True] if address.unquoted else parts


def _encode_outcome(outcome: Outcome | None) -> Mapping[str, object]:
    if outcome is None:
        return {}
    status = outcome.status
    text = [status.code, status.enhanced, status.text, status.cause]
    fields = {"fate": outcome.fate, "status": text, "by": outcome.by}
    if status.answer is not None:
        answer = status.answer
        fields["answer"] = [answer.code, answer.enhanced, answer.text]
    return fields


# --- reading -----------------------------------------------------------------------------------


def decode_entry(line: bytes, name: str, file_size: int | None) -> Entry:
    """Read an entry back from its first line. `name` is the id its file is named by; None for
    `file_size` believes that the file is whole.

    Raises Unreadable, also for a file that is shorter or longer than it should be.
    """
    if not line.endswith(b"\n"):
        raise Unreadable("the first line of the message file is not whole")
    try:
        entry = _entry(_fields(line), len(line))
    except _DAMAGE as error:
        raise Unreadable(f"the message file's first line is damaged: {error!r}") from error
    if entry.id != name:
        raise Unreadable(f"the message file says that it is {entry.id!r}")
    if file_size is not None and entry.offset + entry.size != file_size:
        whole = entry.offset + entry.size
        raise Unreadable(f"the message file has {file_size} octets and should have {whole}")
    return entry


def decode_state(text: bytes, entry: Entry) -> EntryState:
    """Read an entry's state back. Raises Unreadable."""
    try:
        return _state(_fields(text), entry.envelope.recipients)
    except _DAMAGE as error:
        raise Unreadable(f"the state file is damaged: {error!r}") from error


def _fields(text: bytes) -> dict[str, Any]:
    fields: dict[str, Any] = json.loads(text)
    version = fields["version"]
    if version != VERSION:
        raise Unreadable(f"it has version {version!r}; this program knows version {VERSION}")
    return fields


def _entry(fields: dict[str, Any], offset: int) -> Entry:
    reverse_path = fields["reverse_path"]
    returns = fields["returns"]
    envelope = Envelope(
        reverse_path=None if reverse_path is None else _address(reverse_path),
        recipients=tuple(map(_path, fields["recipients"])),
        body=Body(fields["body"]),
        smtputf8=bool(fields["smtputf8"]),
        size=int(fields["announced"]),
        returns=None if returns is None else Return(returns),
        envelope_id=_text(fields["envelope_id"]),
        tls=TLSDemand(fields.get("tls", "")),
    )
    return Entry(
        id=_text(fields["id"]),
        identity=_text(fields["identity"]),
        arrived=_seconds(fields["arrived"]),
        envelope=envelope,
        size=int(fields["size"]),
        offset=offset,
    )


def _path(fields: dict[str, Any]) -> ForwardPath:
    notify = fields["notify"]
    wishes = None if notify is None else Notify(notify)
    through = tuple(map(_address, fields.get("through", ())))
    return ForwardPath(_address(fields["address"]), wishes, _text(fields["original"]), through)


def _address(parts: object) -> Address:
    if not isinstance(parts, list) or len(parts) not in (2, 3):
        raise ValueError(f"{parts!r} is no address")
    return Address(_text(parts[0]), _text(parts[1]), unquoted=parts[2:] == [True])


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{value!r} is no text")
    return value


def _seconds(value: object) -> float:
    seconds = float(value) if isinstance(value, int | float) else math.nan
    if not math.isfinite(seconds):
        raise ValueError(f"{value!r} is no time")
    return seconds


def _state(fields: dict[str, Any], paths: Sequence[ForwardPath]) -> EntryState:
    last_attempt = fields["last_attempt"]
    recipients = zip(paths, fields["recipients"], strict=True)
    return EntryState(
        recipients=tuple(_recipient(path, each) for path, each in recipients),
        due=_seconds(fields["due"]),
        attempts=int(fields["attempts"]),
        last_attempt=None if last_attempt is None else _seconds(last_attempt),
        saved=_seconds(fields["saved"]),
        waited=_seconds(fields["waited"]),
        warned=bool(fields["warned"]),
        held=bool(fields["held"]),
        quarantine=_text(fields.get("quarantine", "")),
        parked=_text(fields["parked"]),
        traceback=_text(fields["traceback"]),
    )


def _recipient(path: ForwardPath, fields: dict[str, Any]) -> Recipient:
    progress = Progress(fields["progress"])
    if "fate" not in fields:
        return Recipient(path, progress)
    code, enhanced, text, cause = fields["status"]
    answer = _answer(fields["answer"]) if "answer" in fields else None
    status = Status(int(code), _text(enhanced), _text(text), _text(cause), answer)
    outcome = Outcome(path, Fate(fields["fate"]), status, _text(fields["by"]))
    return Recipient(path, progress, outcome)


def _answer(fields: Sequence[object]) -> Status:
    code, enhanced, text = fields
    if not isinstance(code, int):
        raise TypeError(f"{code!r} is no reply code")
    return Status(code, _text(enhanced), _text(text))
