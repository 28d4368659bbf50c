"""Measures what each part of the work for one local message costs, by taking it out.

`python -m bench.parts [--rounds N]`. One process, one session, messages of 4 KB; no sockets and no
disk: the committer answers at once. The time is processor time; each figure is the median of the
rounds. A part that is taken out gives the value that it gave last.
"""

from __future__ import annotations

import argparse
import gc
import os
import pkgutil
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, closing, contextmanager
from functools import partial
from pathlib import Path
from typing import Any, cast
from unittest.mock import patch

from rich.console import Console
from rich.table import Table
from twisted.internet import reactor  # noqa: TID251 -- this is a program
from twisted.internet.address import IPv4Address
from twisted.internet.defer import Deferred, succeed
from twisted.internet.testing import StringTransport

from bench.host import SETTINGS, accounts_in
from bench.load import ADDRESS, DOMAIN, USERS
from mailhost.application.head import Head
from mailhost.application.protocols import make_factory, serve
from mailhost.config.load import Loaded, load
from mailhost.directory.place import database_path
from mailhost.directory.sqlite import DirectoryDatabase
from mailhost.interfaces.changes import Change, Results
from mailhost.observe.lines import LineLog

MESSAGES = 300  # of one measurement
SINKS = {
    "log lines": "LineLog",
    "counts": "Counts",
    "trace, without its writing": "TraceSink",
    "aggregate reports": "Tally",
    "the doctor's watch of clients": "ClientWatch",
}
FUNCTIONS = {
    "MAIL is parsed": "mailhost.smtp.server.transaction.parse_mail",
    "RCPT is parsed": "mailhost.smtp.server.transaction.parse_rcpt",
    "RCPT is routed": "mailhost.routing.Router.account_without_alias",
    "the right to relay": "mailhost.reception.rules.Rules.right_to_relay",
    "the author's domain, for the signature": "mailhost.signing.step._author_domain",
    "Received field": "mailhost.reception.transaction.received_field",
    "Return-Path and Delivered-To": "mailhost.delivery.local.delivery_fields",
    "search for a loop": "mailhost.delivery.local.delivered_before",
    "control characters in the header section": "mailhost.reception.transaction.with_clear_header",
    "search for junk": "mailhost.delivery.junk.JunkFolders.takes",
    "names for messages": "mailhost.reception.transaction.new_id",
    "other sessions are told": "mailhost.store.folders.watchers.Watchers.changed_elsewhere",
}
BODY = b"".join(
    (
        b"Message-Id: <1@load.example>\r\nFrom: <anna@load.example>\r\nSubject: hello\r\n\r\n",
        (b"x" * 70 + b"\r\n") * 56,
        b".\r\n",
    )
)


class _Committer:
    """Says at once that all is safe."""

    def commit(self, changes: Sequence[Change]) -> Deferred[Results]:
        return succeed([None] * len(changes))


class Loop:
    """A host without sockets and disk, and one session."""

    def __init__(self, folder: Path) -> None:
        self._output = Path(os.devnull).open("w")  # noqa: SIM115 -- see `close`
        loaded = _settings(folder)
        head = Head(cast(Any, reactor), loaded, LineLog(reactor, self._output), list)
        self.events: Any = head.foundation.events
        head.foundation.directory.start()
        head.foundation.committer = cast(Any, _Committer())
        services = head._new_services(loaded)
        listen = loaded.settings.listen[0]
        factory = make_factory(head.foundation, listen)
        serve(factory, services, listen)
        self._transport = StringTransport(peerAddress=IPv4Address("TCP", ADDRESS, 40000))
        session = factory.buildProtocol(self._transport.getPeer())
        assert session is not None
        session.makeConnection(self._transport)
        self._receive = session.dataReceived
        self._receive(b"EHLO load.example\r\n")
        self._recipient = f"RCPT TO:<{USERS[0]}@{DOMAIN}>\r\n".encode()

    def close(self) -> None:
        """Close what is open."""
        self._output.close()

    def message(self) -> bytes:
        """Bring one message, and return the last reply."""
        self._receive(b"MAIL FROM:<anna@load.example>\r\n")
        self._receive(self._recipient)
        self._receive(b"DATA\r\n")
        self._transport.clear()
        self._receive(BODY)
        cast(Any, reactor).runUntilCurrent()
        reply: bytes = self._transport.value()
        return reply

    def microseconds(self) -> float:
        """Return the processor time of a message."""
        begun = time.process_time()
        for _ in range(MESSAGES):
            self.message()
        return (time.process_time() - begun) / MESSAGES * 1e6


def _settings(folder: Path) -> Loaded:
    names = ("smtp", "submission", "proxy")
    ports = {name: f"tcp:{number}:interface={ADDRESS}" for number, name in enumerate(names, 2525)}
    text = SETTINGS.format(workers=1, upstream=f"tcp:{ADDRESS}:25", **ports)
    path = folder / "mailhost.toml"
    path.write_text(text + accounts_in(folder, USERS))
    path.chmod(0o600)
    (folder / "data").mkdir()
    DirectoryDatabase(database_path(str(folder / "data")), create=True).close()
    return load(str(path))


def parts(loop: Loop) -> Iterator[tuple[str, Callable[[], AbstractContextManager[object]]]]:
    """Yield the name of each part, and what takes it out."""
    for name, kind in SINKS.items():
        sinks = [each for each in loop.events._sinks if type(each).__name__ != kind]
        assert len(sinks) < len(loop.events._sinks), kind
        yield name, partial(patch.object, loop.events, "_sinks", sinks)
    yield "all events", partial(patch.object, loop.events, "_sinks", [])
    for name, function in FUNCTIONS.items():
        yield name, partial(_taken_out, loop, function)


@contextmanager
def _taken_out(loop: Loop, function: str) -> Iterator[None]:
    """Have a function return what it returned last."""
    module, _, name = function.rpartition(".")
    place = pkgutil.resolve_name(module)
    before, last = getattr(place, name), list[object]()

    def call(*values: object, **named: object) -> object:
        last[:] = [before(*values, **named)]
        return last[0]

    with patch.object(place, name, call):
        loop.message()
    assert last, f"no message calls {function}"
    with patch.object(place, name, lambda *_, **__: last[0]):
        yield


def main() -> None:
    """Read the command line, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=15)
    rounds = parser.parse_args().rounds
    with tempfile.TemporaryDirectory() as folder, closing(Loop(Path(folder))) as loop:
        assert loop.message().startswith(b"250 "), "the message was not taken"
        gc.freeze()
        loop.microseconds()
        whole, found = list[float](), dict[str, list[float]]()
        for _ in range(rounds):
            for name, taken_out in parts(loop):
                before = loop.microseconds()
                with taken_out():
                    without = loop.microseconds()
                after = loop.microseconds()
                whole += before, after
                found.setdefault(name, []).append((before + after) / 2 - without)
        _print(statistics.median(whole), found)


def _print(whole: float, found: Mapping[str, Sequence[float]]) -> None:
    shown = Table(title=f"a message: {whole:.0f} µs of processor time, without sockets and disk")
    for column in ("part", "µs", "of the whole", "lowest, highest"):
        shown.add_column(column, justify="left" if column == "part" else "right")
    for name, values in sorted(found.items(), key=lambda item: -statistics.median(item[1])):
        worth = statistics.median(values)
        bounds = f"{min(values):.1f}, {max(values):.1f}"
        shown.add_row(name, f"{worth:.1f}", f"{worth / whole:.1%}", bounds)
    Console(width=100).print(shown)


if __name__ == "__main__":
    main()
