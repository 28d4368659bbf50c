"""A milter on a TCP port, in threads of ours: it answers what the test's script says."""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
from collections.abc import Callable, Sequence

from tests.milter.talk import explanation, octets

Script = Callable[[str], "Sequence[str | bytes] | None"]
OFFER = "O|6|1ff|0"  # all changes, and it wants to hear of everything


class ScriptedMilter:
    """`script` is given each question as a line (`R|<ann@a.example>`) and returns the answers: such
    lines, octets as they are sent, None for a usual one; an empty row hangs up."""

    def __init__(self, port: int, script: Script) -> None:
        self.script = script
        self.heard: list[str] = []
        self._listening = socket.create_server(("127.0.0.1", port))
        threading.Thread(target=self._accept, daemon=True).start()

    def stop(self) -> None:
        """Listen no more."""
        self._listening.close()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listening.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        with connection, connection.makefile("rb") as file, contextlib.suppress(OSError):
            while len(head := file.read(4)) == 4:
                packet = file.read(struct.unpack("!I", head)[0])
                if packet[:1] in b"DAQ":
                    continue
                self.heard.append(explanation(packet))
                answers = self._answers(self.heard[-1])
                for answer in answers:
                    connection.sendall(octets(answer) if isinstance(answer, str) else answer)
                if not answers:
                    return

    def _answers(self, question: str) -> Sequence[str | bytes]:
        if question.startswith("O|"):
            return [OFFER]
        answers = self.script(question)
        return ["c"] if answers is None else answers
