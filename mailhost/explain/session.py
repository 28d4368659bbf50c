"""Runs a server session with the commands of a simulated client."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from zope.interface import implementer

from mailhost.concurrency.answers import result_of
from mailhost.explain.explanation import Exchange
from mailhost.interfaces.wire import IMachine, IWire
from mailhost.message.address import Address
from mailhost.message.tls_demand import TLSDemand


@implementer(IWire)
class _Replies:
    """Collects the output of a session.

    `over` is true once the session has closed the connection.
    """

    def __init__(self) -> None:
        self._written = bytearray()
        self.over = False

    def write(self, data: bytes) -> None:
        self._written += data

    def wake(self) -> None:
        """Do nothing: each command is followed by steps until the session wants more input."""

    async def stream(self, chunks: Iterator[bytes]) -> None:
        self._written += b"".join(chunks)

    def start_tls(self) -> None:
        """Do nothing: no command asks for TLS."""

    def compress(self) -> None:
        """Do nothing: no command asks for compression."""

    def hang_up(self) -> None:
        self.over = True

    def take(self) -> str:
        """Return the output since the last call, without the last line end."""
        text = self._written.decode("ascii", "replace").removesuffix("\r\n")
        self._written.clear()
        return text.replace("\r\n", "\n")


def commands_of(
    hello: str, sender: Address | None, recipient: Address, size: int, tls: TLSDemand
) -> list[str]:
    """Return the commands from EHLO (`hello` is the whole command) to RCPT."""
    extended = any(each is not None and not str(each).isascii() for each in (sender, recipient))
    parameters = (f" SIZE={size}" if size else "") + (" SMTPUTF8" if extended else "")
    parameters += " REQUIRETLS" if tls is TLSDemand.REQUIRED else ""
    return [hello, f"MAIL FROM:<{sender or ''}>{parameters}", f"RCPT TO:<{recipient}>"]


class SessionRun:
    """One run of a session. `wire` is to be given to the machine."""

    def __init__(self) -> None:
        self.wire = _Replies()

    async def exchanges(self, machine: IMachine, commands: Sequence[str]) -> tuple[Exchange, ...]:
        """Return the greeting and the reply to each command, up to the first that is refused. The
        transaction is then abandoned."""
        try:
            await result_of(machine.greet())
            found = [Exchange("", self.wire.take())]
            for command in commands:
                if self.wire.over or not found[-1].reply.startswith("2"):
                    break
                machine.receive(command.encode() + b"\r\n")
                while await result_of(machine.step()):
                    pass
                found.append(Exchange(command, self.wire.take()))
            return tuple(found)
        finally:
            machine.lost("the explanation is complete")
