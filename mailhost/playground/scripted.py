"""An SMTP server that discards mail, and whose replies come from a script.

The scripts have faults that mailhost itself cannot have.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from twisted.internet.interfaces import IAddress, IOpenSSLServerConnectionCreator
from twisted.internet.protocol import ServerFactory
from twisted.protocols.basic import LineReceiver

_USUAL: Mapping[bytes, bytes] = {
    b"MAIL": b"250 2.1.0 Sender accepted",
    b"RCPT": b"250 2.1.5 Recipient accepted",
    b"RSET": b"250 2.0.0 Reset",
    b"NOOP": b"250 2.0.0 Done",
    b"VRFY": b"252 2.1.5 Try to deliver",
    b"AUTH": b"235 2.7.0 Logged in",
    b"STARTTLS": b"220 2.0.0 Begin TLS",
    b"DATA": b"354 End with a dot",
    b"QUIT": b"221 2.0.0 Goodbye",
}
END_OF_DATA = b"."  # a key of `replies`: the reply to the content
_ACCEPTED = b"250 2.0.0 The scripted server discarded the message"
_NOT_OURS = b"550 5.7.1 No such recipient here"
_UNKNOWN = b"500 5.5.2 Unknown command"


@dataclass(frozen=True, slots=True)
class Script:
    """`extensions` are the lines of the reply to EHLO after the first, `with_tls` those that follow
    where the connection is encrypted. `replies` are those that differ from the usual ones, by
    verb. `tls` is for STARTTLS, None for none. `recipients` are the forward-paths that are taken;
    if there are none, all are. With `bare_line_ends` a line may end with LF alone, which lets a
    client smuggle a second message into the first."""

    hostname: str
    extensions: tuple[bytes, ...] = ()
    with_tls: tuple[bytes, ...] = ()
    replies: Mapping[bytes, bytes] = field(default_factory=dict)
    tls: IOpenSSLServerConnectionCreator | None = None
    recipients: tuple[bytes, ...] = ()
    bare_line_ends: bool = False


class ScriptedFactory(ServerFactory):
    """Makes a ScriptedServer for each connection."""

    noisy = False

    def __init__(self, script: Script) -> None:
        self._script = script

    def buildProtocol(self, addr: IAddress | None) -> ScriptedServer:
        """Return the protocol for a connection of a client."""
        return ScriptedServer(self._script)


class ScriptedServer(LineReceiver):
    """One session."""

    MAX_LENGTH = 100_000

    def __init__(self, script: Script) -> None:
        self.delimiter = b"\n" if script.bare_line_ends else b"\r\n"
        self._script = script
        self._secure = False
        self._in_content = False

    def connectionMade(self) -> None:
        """Greet."""
        self._say(f"220 {self._script.hostname} ESMTP".encode())

    def lineReceived(self, line: bytes) -> None:
        """Answer a command, or take a line of the content."""
        line = line.removesuffix(b"\r")
        if self._in_content:
            if line == b".":
                self._in_content = False
                self._say(self._script.replies.get(END_OF_DATA, _ACCEPTED))
            return
        verb = line.split(b" ")[0].upper()
        if verb in (b"EHLO", b"HELO"):
            self._hello(verb == b"EHLO")
            return
        reply = self._script.replies.get(verb) or _USUAL.get(verb, _UNKNOWN)
        if verb == b"RCPT" and not line.lower().endswith(self._script.recipients or b""):
            reply = _NOT_OURS
        self._say(reply)
        self._after(verb, reply)

    def _say(self, line: bytes) -> None:
        assert self.transport is not None
        self.transport.write(line + b"\r\n")

    def _hello(self, extended: bool) -> None:
        lines = [self._script.hostname.encode()]
        if extended:
            lines += self._script.with_tls if self._secure else ()
            lines += self._script.extensions
            lines += [b"STARTTLS"] if self._script.tls and not self._secure else []
        for line in lines[:-1]:
            self._say(b"250-" + line)
        self._say(b"250 " + lines[-1])

    def _after(self, verb: bytes, reply: bytes) -> None:
        assert self.transport is not None
        if verb == b"DATA" and reply.startswith(b"354"):
            self._in_content = True
        elif verb == b"QUIT":
            self.transport.loseConnection()
        elif verb == b"STARTTLS" and reply.startswith(b"220") and self._script.tls:
            self._secure = True
            self.transport.startTLS(self._script.tls)  # type: ignore[attr-defined] # it is TCP
