"""The dialogue with a server as telnet would show it, without passwords and without mail.

After AUTH or AUTHENTICATE both sides are hidden until the server ends the exchange; the password is
hidden wherever the server repeats it. Text of the server is cut to a bounded size.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator
from dataclasses import dataclass

from twisted.internet.interfaces import IReactorTime

from mailhost.doctor.server.services import Place

HIDDEN = "(hidden)"
LONGEST_LINE = 500  # characters
MOST_LINES = 300
_EXCHANGE = re.compile(r"((?:AUTH|\S+ AUTHENTICATE) \S+)(.*)", re.IGNORECASE)
_PASSWORD = re.compile(r"(PASS|\S+ LOGIN)( .*)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class TranscriptLine:
    """One line. `seconds` is the time since the transcript began, `side` is S: for the server, C:
    for the client, and -- for an event."""

    seconds: float
    side: str
    text: str


class Secrets:
    """The texts that are never shown: the password, and the forms in which it is sent."""

    def __init__(self, user: str = "", password: str = "") -> None:
        plain = f"\0{user}\0{password}"
        forms = [base64.b64encode(text.encode()).decode() for text in (plain, password)]
        self._texts = [*forms, password] if password else []

    def hide(self, text: str) -> str:
        """Return `text` with each secret replaced."""
        for secret in self._texts:
            text = text.replace(secret, HIDDEN)
        return text


class Transcript:
    """The dialogue with one place. `lines` are those so far."""

    def __init__(self, place: Place, clock: IReactorTime, secrets: Secrets) -> None:
        self.place = place
        self.lines: list[TranscriptLine] = []
        self._clock = clock
        self._secrets = secrets
        self._began = clock.seconds()
        self._incomplete = b""
        self._in_exchange = False

    def note(self, text: str) -> None:
        """Add an event, such as the end of the connection."""
        self._add("--", text)

    def sent(self, data: bytes) -> None:
        """Add whole lines that the client sends."""
        for line in data.splitlines():
            self._add("C:", self._sent(line.decode("utf-8", "replace")))

    def received(self, data: bytes) -> None:
        """Add octets that the server sent; the last line may be incomplete. Octets after MOST_LINES
        are not read, since a server may send millions of short lines."""
        if self._is_full:
            return
        *lines, rest = (self._incomplete + data).split(b"\n")
        self._incomplete = rest[:LONGEST_LINE]
        for line in lines:
            if not self._is_full:
                self._received(line)

    def end(self) -> None:
        """Add a last line without its end."""
        if self._incomplete:
            self._received(self._incomplete)
            self._incomplete = b""

    @property
    def _is_full(self) -> bool:
        return len(self.lines) > MOST_LINES

    def _received(self, line: bytes) -> None:
        text = line.rstrip(b"\r").decode("utf-8", "replace")
        if self._in_exchange and text.startswith(("334", "+ ")):
            text = f"{text.partition(' ')[0]} {HIDDEN}"
        else:
            self._in_exchange = False
        self._add("S:", text)

    def _sent(self, text: str) -> str:
        if self._in_exchange:
            return HIDDEN
        exchange = _EXCHANGE.fullmatch(text)
        if exchange:
            self._in_exchange = True
            return f"{exchange[1]} {HIDDEN}" if exchange[2] else exchange[1]
        password = _PASSWORD.fullmatch(text)
        return f"{password[1]} {HIDDEN}" if password else text

    def _add(self, side: str, text: str) -> None:
        if len(self.lines) == MOST_LINES:
            side, text = "--", "more lines follow, which are not shown"
        elif self._is_full:
            return
        text = self._secrets.hide(text)[:LONGEST_LINE]
        self.lines.append(TranscriptLine(self._clock.seconds() - self._began, side, text))


def transcript_text(transcript: Transcript) -> Iterator[str]:
    """Yield the lines of a transcript for a terminal, below a heading that names the place."""
    place = transcript.place
    yield f"{place.host} [{place.address}] port {place.port}"
    for line in transcript.lines:
        yield f"{line.seconds:9.3f}  {line.side} {line.text}"
