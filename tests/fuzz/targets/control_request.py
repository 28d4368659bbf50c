"""Lines on the control socket: requests of the command, and answers of the host."""

from __future__ import annotations

import json
from contextlib import suppress

from twisted.internet.testing import StringTransport

from mailhost.net.control.client import CommandFailed, _result
from mailhost.net.control.server import CommandRefused, ControlFactory
from tests.fuzz.cutting import result_of_any_cut


def target(data: bytes) -> None:
    answers, _ = result_of_any_cut(data, _run)
    for line in answers:
        answer = json.loads(line)
        assert answer["ok"] in (True, False)
        assert "internal fault" not in answer.get("error", "")
    assert len(answers) <= data.count(b"\n") + 1
    for line in data.split(b"\n")[:20]:
        with suppress(CommandFailed):
            _result(line)


def _run(blocks: list[bytes]) -> tuple[list[bytes], bool]:
    protocol = ControlFactory({"echo": _echo, "refuse": _refuse}).buildProtocol(None)
    transport = StringTransport()
    protocol.makeConnection(transport)
    for block in blocks:
        if not transport.disconnecting:
            protocol.dataReceived(block)
    return transport.value().splitlines(), bool(transport.disconnecting)


def _echo(**arguments: object) -> object:
    return arguments


def _refuse(**arguments: object) -> None:
    raise CommandRefused(f"no {sorted(arguments)}")
