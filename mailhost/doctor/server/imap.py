"""The dialogue with an IMAP server: greeting, capabilities, TLS, login, and the newest message of
the INBOX.

The INBOX is opened by EXAMINE and the message is read by PEEK, so that nothing changes there.
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

MOST_READ = 1_000_000  # octets of the message
_TEMPORARY = re.compile(rb"\[(UNAVAILABLE|INUSE|LIMIT|SERVERBUG)\]", re.IGNORECASE)
_CAPABILITIES = re.compile(rb"\[CAPABILITY [^\]]*\] ?", re.IGNORECASE)
_SIZE = re.compile(rb"RFC822\.SIZE ([0-9]{1,12})", re.IGNORECASE)
_EXISTS = re.compile(rb"\* ([0-9]{1,9}) EXISTS", re.IGNORECASE)


class IMAPDialogue:
    """See Talk."""

    def __init__(self, means: Means, recorder: Recorder) -> None:
        self._limits = means.limits
        self._recorder = recorder
        self._client = LineClient(means, recorder, literals=True)
        self._count = 0
        self.connect = self._client.connect
        self.handshake = self._client.handshake
        self.abort = self._client.abort

    async def greet(self) -> str:
        """See Talk."""
        line = await self._client.line(self._limits.greeting)
        if line.upper().startswith(b"* BYE"):
            raise Broken(Kind.REPLY, _text(line))
        if not line.upper().startswith((b"* OK", b"* PREAUTH")):
            raise Broken(Kind.STRANGE, f"no IMAP greeting: {line[:80]!r}")
        return _text(_CAPABILITIES.sub(b"", line))

    async def hello(self) -> Offered:
        """See Talk."""
        last, lines = await self._command("CAPABILITY")
        if not _is_ok(last):
            raise Broken(Kind.REPLY, _text(last))
        found = [line for line in lines if line.upper().startswith(b"* CAPABILITY ")]
        return offered_by(_text(b" ".join(line[13:] for line in found)).upper().split())

    async def start_tls(self) -> Answer:
        """See Talk."""
        last, _ = await self._command("STARTTLS")
        return Answer(_is_ok(last), _text(last))

    async def log_in(self, offered: Offered, asked: Asked) -> Answer:
        """See Talk."""
        exchange = choose(offered.mechanisms, asked.user, asked.password, secure=True)
        if exchange is not None and f"AUTH={exchange.name}" in offered.lines:
            command = f"{self._tag()} AUTHENTICATE {exchange.name}"
            last = (await log_in_by(self._client, command, exchange)).partition(b" ")[2]
        elif "LOGIN" in offered.mechanisms:
            last, _ = await self._command(f"LOGIN {_quoted(asked.user)} {_quoted(asked.password)}")
        else:
            return Answer(False, "")
        return Answer(_is_ok(last), _text(last), bool(_TEMPORARY.search(last)))

    async def use(self, offered: Offered, asked: Asked) -> None:
        """Fetch the newest message, if the login succeeded."""
        if not asked.user:
            return
        last, lines = await self._command("EXAMINE INBOX")
        if not _is_ok(last):
            raise Broken(Kind.REPLY, _text(last))
        counts = [int(found[1]) for line in lines if (found := _EXISTS.match(line))]
        self._recorder.record.messages = counts[-1] if counts else 0
        if counts and counts[-1]:
            await self._fetch(counts[-1])

    async def quit(self) -> None:
        """See Talk."""
        await self._command("LOGOUT")

    async def _fetch(self, number: int) -> None:
        self._client.muted = True
        last, lines = await self._command(
            f"FETCH {number} (RFC822.SIZE BODY.PEEK[]<0.{MOST_READ}>)"
        )
        self._client.muted = False
        sizes = [int(found[1]) for line in lines if (found := _SIZE.search(line))]
        if not _is_ok(last) or not sizes:
            raise Broken(Kind.REPLY, _text(last))
        self._recorder.fetched(sizes[-1])

    def _tag(self) -> str:
        self._count += 1
        return f"a{self._count}"

    async def _command(self, text: str) -> tuple[bytes, list[bytes]]:
        """Send a command. Return the tagged line, without its tag, and the lines before it."""
        tag = self._tag()
        self._client.say(f"{tag} {text}")
        start, lines = f"{tag} ".encode(), []
        while not (line := await self._client.line()).startswith(start):
            lines.append(line)
        return line.removeprefix(start), lines


def offered_by(names: list[str]) -> Offered:
    """Return the capabilities as a value. The command LOGIN counts as a mechanism, unless the
    server takes it away by LOGINDISABLED."""
    mechanisms = [name[5:] for name in names if name.startswith("AUTH=")]
    if "LOGINDISABLED" not in names and "LOGIN" not in mechanisms:
        mechanisms.append("LOGIN")
    return Offered(tuple(names), "STARTTLS" in names, tuple(mechanisms))


def _is_ok(line: bytes) -> bool:
    return line.upper().startswith(b"OK")


def _text(line: bytes) -> str:
    return " ".join(line.decode("utf-8", "replace").split())


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
