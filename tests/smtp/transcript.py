"""Whole dialogues as text files: reading them, and checking a session against them.

A transcript has a line for each step:

    # a comment
    % lmtp recipients=2        options of the session, see `_OPTIONS`
    C: NOOP                    the client sends this line, CRLF is added
    C| a\\n.\\n                  the client sends these octets, as in a Python literal
    S: 250 2.0.0 OK            the server's next line of reply; `...` at the end matches anything
    = tls                      the handshake after STARTTLS ends
    = closed | lost | silent | stop
    = taken <a@b> <c@d> ...    the last message was taken: reverse-path, recipients
    = content text\\r\\n         and this is its content
    = nothing taken            no message was taken at all

At each step, all earlier replies of the server must have been expected. Recipients called `nobody`
are refused for good, `later` for now, `leave` with 421; with LMTP `full` is over quota in the end.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from mailhost.message.envelope import ForwardPath
from mailhost.message.status import Status
from tests.smtp.fakes import (
    BUSY,
    NOBODY,
    TERMS,
    TLS,
    FakeAuthenticator,
    FakeTransaction,
    Talk,
    check_end,
    checked_talk,
)

LATER = Status(451, "4.7.1", "Come back later")
FULL = Status(452, "4.2.2", "Over quota")
TAKEN = Status(250, "2.0.0", "Taken")
ACCEPTED = Status(250, "2.1.5", "Recipient OK")
_JUDGED = {"nobody": NOBODY, "later": LATER, "leave": BUSY}
_OPTIONS = ("lmtp", "tls", "login", "binary", "recipients", "size", "errors", "greeting")


@dataclass(frozen=True, slots=True)
class Step:
    """One line: its number, its first word, the rest."""

    number: int
    kind: str
    text: str


class Mismatch(AssertionError):
    """The session behaved differently; the message has the file and the line."""


def read_transcript(path: Path) -> list[Step]:
    """Return the steps. Raises ValueError for a line that is none."""
    steps = []
    for number, line in enumerate(path.read_text("utf-8").splitlines(), 1):
        if not line.strip() or line.startswith("#"):
            continue
        kind, text = line[:2].strip(), line[2:].removeprefix(" ")
        if kind not in ("C:", "C|", "S:", "=", "%"):
            raise ValueError(f"{path}:{number}: {line!r} is no step")
        steps.append(Step(number, kind, text))
    return steps


class Runner:
    """Runs one transcript. `octets` is how many octets the client sends at once, 0 for all."""

    def __init__(self, path: Path, octets: int = 0) -> None:
        self._path = path
        self._octets = octets
        self._lines: list[str] = []

    def run(self) -> None:
        """Raises Mismatch."""
        steps = read_transcript(self._path)
        options = [word for step in steps if step.kind == "%" for word in step.text.split()]
        self._talk = _talk(options)
        self._lines = self._talk.begin().decode().split("\r\n")[:-1]
        for step in steps:
            if step.kind == "S:":
                self._expect(step)
            elif step.kind != "%":
                self._nothing_unexpected(step)
                self._do(step)
        self._nothing_unexpected(Step(steps[-1].number + 1, "end", ""))
        check_end(self._talk)

    def _do(self, step: Step) -> None:
        if step.kind == "C:":
            self._send(step.text.encode() + b"\r\n")
        elif step.kind == "C|":
            self._send(_octets(step.text))
        else:
            name, _, text = step.text.partition(" ")
            check = getattr(self, f"_is_{name}", None)
            if check is None:
                raise ValueError(f"{self._path}:{step.number}: {step.text!r} is not known")
            check(step, text)
        self._hear()

    def _send(self, data: bytes) -> None:
        size = self._octets or len(data)
        for start in range(0, len(data), size):
            self._lines += self._talk.say(data[start : start + size]).decode().split("\r\n")[:-1]

    def _hear(self) -> None:
        self._lines += self._talk.wire.take().decode().split("\r\n")[:-1]

    def _expect(self, step: Step) -> None:
        found = self._lines.pop(0) if self._lines else "(nothing)"
        wanted, anything, _ = step.text.partition("...")
        if found != step.text and not (anything and found.startswith(wanted)):
            self._fail(step, f"expected {step.text!r}, the server said {found!r}")

    def _nothing_unexpected(self, step: Step) -> None:
        if self._lines:
            self._fail(step, f"before this line the server said {self._lines[0]!r}")

    def _fail(self, step: Step, explanation: str) -> None:
        raise Mismatch(f"{self._path}:{step.number}: {explanation}")

    def _require(self, step: Step, holds: bool, explanation: str) -> None:
        if not holds:
            self._fail(step, explanation)

    # --- lines that begin with `=` ---------------------------------------------------------------

    def _is_tls(self, step: Step, _: str) -> None:
        self._require(step, self._talk.wire.handshakes > 0, "no handshake was started")
        self._talk.session.secured(TLS)

    def _is_closed(self, step: Step, _: str) -> None:
        self._require(step, self._talk.wire.hung_up, "the connection is open")

    def _is_lost(self, step: Step, _: str) -> None:
        self._talk.session.lost("reset by peer")

    def _is_silent(self, step: Step, _: str) -> None:
        self._talk.session.timed_out()
        self._talk.wire.hang_up()

    def _is_stop(self, step: Step, _: str) -> None:
        self._talk.session.stopping()

    def _is_nothing(self, step: Step, text: str) -> None:
        self._require(step, text == "taken", "write `= nothing taken`")
        self._require(step, not self._taken, "a message was taken")

    def _is_taken(self, step: Step, text: str) -> None:
        self._require(step, bool(self._taken), "no message was taken")
        last = self._taken[-1]
        paths = [last.envelope.reverse_path or "", *(path.address for path in last.paths)]
        found = " ".join(f"<{path}>" for path in paths)
        self._require(step, found == text, f"taken was {found}")

    def _is_content(self, step: Step, text: str) -> None:
        found = self._taken[-1].content if self._taken else b""
        self._require(step, found == _octets(text), f"the content is {found!r}")

    @property
    def _taken(self) -> list[FakeTransaction]:
        return [one for one in self._talk.reception.transactions if one.fate == "ended"]


def _talk(given_options: list[str]) -> Talk:
    given: dict[str, Any] = {
        name: value for name, _, value in (o.partition("=") for o in given_options)
    }
    for name in given:
        if name not in _OPTIONS:
            raise ValueError(f"{name!r} is no option; choose from {', '.join(_OPTIONS)}")
    options = replace(
        TERMS,
        lmtp="lmtp" in given,
        recipients=int(given.get("recipients", TERMS.recipients)),
        message_size=int(given.get("size", TERMS.message_size)),
        errors=int(given.get("errors", TERMS.errors)),
    )
    authenticator = FakeAuthenticator(in_the_clear=given.get("login") == "clear")
    talk = checked_talk(
        options,
        hello=False,
        greet=False,
        authenticator=authenticator if "login" in given else None,
        tls=TLS if "tls" in given else None,
        binary="binary" in given,
    )
    talk.reception.answers["recipient"] = _judge
    talk.reception.answers["end"] = _end
    if "greeting" in given:
        talk.reception.answers["connected"] = Status(int(given["greeting"]), "5.7.1", "Not you")
    return talk


def _judge(path: ForwardPath) -> Status:
    return _JUDGED.get(path.address.local, ACCEPTED)


def _end(transaction: FakeTransaction) -> list[Status]:
    return [FULL if path.address.local == "full" else TAKEN for path in transaction.paths]


def _octets(text: str) -> bytes:
    return text.encode("ascii").decode("unicode_escape").encode("latin-1")
