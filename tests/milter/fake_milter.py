"""A milter in memory: it records the commands that it gets, and answers as the test says."""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from typing import Any

from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.error import ConnectionRefusedError
from twisted.internet.interfaces import IProtocolFactory, IStreamClientEndpoint
from twisted.internet.testing import StringTransport
from zope.interface import implementer

from tests.milter.talk import explanation, octets

CONTINUE = ("c",)
SILENT = frozenset("DAQKLNB")  # commands that get no answer here


@implementer(IStreamClientEndpoint)
class FakeMilter:
    """`answers` are lines of a script by the letter of the command; the default answer is to go on.
    `protocol_flags` are those of its negotiation, in hex. `heard` are all commands except macros,
    which are in `macros` by the letter of their stage. `refused` is a recipient that it refuses."""

    def __init__(
        self, answers: Mapping[str, Sequence[str]] | None = None, protocol_flags: str = "1c0480"
    ) -> None:
        self.answers = dict(answers or {})
        self.protocol_flags = protocol_flags
        self.heard: list[str] = []
        self.macros: dict[str, list[str]] = {}
        self.connections = 0
        self.there = True
        self.refused = ""

    def connect(self, protocolFactory: IProtocolFactory) -> Deferred[Any]:
        """See IStreamClientEndpoint."""
        if not self.there:
            return fail(ConnectionRefusedError())
        self.connections += 1
        protocol: Any = protocolFactory.buildProtocol(None)  # type: ignore[arg-type]
        protocol.makeConnection(_Wire(self, protocol))
        return succeed(protocol)


class _Wire(StringTransport):
    def __init__(self, milter: FakeMilter, client: Any) -> None:
        super().__init__()
        self._milter = milter
        self._client = client

    def abortConnection(self) -> None:
        self._milter.heard.append("aborted")

    def write(self, data: bytes) -> None:
        """Each packet is read and answered at once."""
        while data:
            (length,) = struct.unpack_from("!I", data)
            packet, data = data[4 : 4 + length], data[4 + length :]
            self._answer(packet)

    def _answer(self, packet: bytes) -> None:
        letter = chr(packet[0])
        if letter == "D":
            stage, *pairs = explanation(packet).split("|")[1:]
            self._milter.macros[stage] = pairs
            return
        self._milter.heard.append(explanation(packet) if letter != "O" else "O")
        if letter == "O":
            answers: Sequence[str] = [f"O|6|1ff|{self._milter.protocol_flags}"]
        elif letter in SILENT:
            answers = self._milter.answers.get(letter, ())
        else:
            answers = self._milter.answers.get(letter, CONTINUE)
        if letter == "R" and self._milter.heard[-1] == f"R|<{self._milter.refused}>":
            answers = ("r",)
        for answer in answers:
            self._client.dataReceived(octets(answer))
