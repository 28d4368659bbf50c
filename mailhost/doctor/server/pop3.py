"""The dialogue with a POP3 server: greeting, capabilities, TLS, login, and the smallest message.

The message is read by TOP where the server has it: some servers do not show a message again, once
it was read by RETR.
"""

from __future__ import annotations

import re

from mailhost.doctor.server.connecting import Broken
from mailhost.doctor.server.dialogue import Asked, Means
from mailhost.doctor.server.line_client import LineClient
from mailhost.doctor.server.record import Answer, Kind, Offered
from mailhost.doctor.server.recorder import Recorder
from mailhost.doctor.server.sasl import log_in_by
from mailhost.net.sasl.client import choose

_TEMPORARY = re.compile(r"\[(SYS/TEMP|IN-USE|LOGIN-DELAY)\]", re.IGNORECASE)
_LISTED = re.compile(rb"([0-9]{1,9}) ([0-9]{1,12})")
MOST_READ = 1_000_000  # octets of a message; of a larger one the header is read
_ALL_LINES = 999_999


class POP3Dialogue:
    """See Talk."""

    def __init__(self, means: Means, recorder: Recorder) -> None:
        self._limits = means.limits
        self._recorder = recorder
        self._client = LineClient(means, recorder, literals=False)
        self.connect = self._client.connect
        self.handshake = self._client.handshake
        self.abort = self._client.abort

    async def greet(self) -> str:
        """See Talk."""
        line = await self._client.line(self._limits.greeting)
        if line.startswith(b"-ERR"):
            raise Broken(Kind.REPLY, _text(line))
        if not line.startswith(b"+OK"):
            raise Broken(Kind.STRANGE, f"no POP3 greeting: {line[:80]!r}")
        return _text(line)

    async def hello(self) -> Offered:
        """See Talk."""
        answer = await self._command("CAPA")
        if not answer.ok:  # a server without CAPA (RFC 2449) has the commands of RFC 1939
            return Offered((), False, ("USER",))
        return offered_by([_text(line).upper() for line in await self._dotted()])

    async def start_tls(self) -> Answer:
        """See Talk."""
        return await self._command("STLS")

    async def log_in(self, offered: Offered, asked: Asked) -> Answer:
        """See Talk."""
        exchange = choose(offered.mechanisms, asked.user, asked.password, secure=True)
        if exchange is not None:
            return _answer(await log_in_by(self._client, f"AUTH {exchange.name}", exchange))
        if "USER" not in offered.mechanisms:
            return Answer(False, "")
        answer = await self._command(f"USER {asked.user}")
        return await self._command(f"PASS {asked.password}") if answer.ok else answer

    async def use(self, offered: Offered, asked: Asked) -> None:
        """Read the smallest message, if the login succeeded."""
        if not asked.user:
            return
        answer = await self._command("LIST")
        if not answer.ok:
            raise Broken(Kind.REPLY, answer.text)
        matches = [_LISTED.match(line) for line in await self._dotted()]
        listed = [(int(found[2]), int(found[1])) for found in matches if found]
        self._recorder.record.messages = len(listed)
        if listed:
            await self._fetch(*min(listed), "TOP" in offered.lines)

    async def quit(self) -> None:
        """See Talk."""
        await self._command("QUIT")

    async def _fetch(self, size: int, number: int, top: bool) -> None:
        self._client.muted = True
        lines = _ALL_LINES if size <= MOST_READ else 0
        answer = await self._command(f"TOP {number} {lines}" if top else f"RETR {number}")
        if not answer.ok:
            raise Broken(Kind.REPLY, answer.text)
        await self._dotted()
        self._client.muted = False
        self._recorder.fetched(size)

    async def _command(self, text: str) -> Answer:
        self._client.say(text)
        return _answer(await self._client.line())

    async def _dotted(self) -> list[bytes]:
        """Return the lines up to the one with a dot alone."""
        lines = []
        while (line := await self._client.line()) != b".":
            lines.append(line.removeprefix(b"."))
        return lines


def offered_by(lines: list[str]) -> Offered:
    """Return the lines of CAPA as a value. USER counts as a mechanism."""
    mechanisms = ["USER"] if "USER" in lines else []
    for line in lines:
        if line.startswith("SASL "):
            mechanisms += line.split()[1:]
    return Offered(tuple(lines), "STLS" in lines, tuple(mechanisms))


def _answer(line: bytes) -> Answer:
    text = _text(line)
    return Answer(text.startswith("+OK"), text, bool(_TEMPORARY.search(text)))


def _text(line: bytes) -> str:
    return " ".join(line.decode("utf-8", "replace").split())
