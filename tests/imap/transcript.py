"""Whole IMAP dialogues as text: reading them, and holding sessions upon a store to them.

A transcript has a line for each step:

    # a comment
    % maildir                  what is tried here is the Maildir's alone, see `is_for_maildirs`
    % clear new append_limit=100 quota=2048 connections=2 disable=IDLE,QRESYNC
                               what all sessions are made with: `clear` without TLS, `new` before
                               the login (else each has logged in), see `_begin`
    C: a NOOP                  the client sends this line, CRLF is added
    C| a\\n.\\n                  the client sends these octets, as in a Python literal
    S: a OK Done               the server's next line; `...` stands for anything within the line
    2C: ...  2S: ...           the same of a second session, which begins here; up to 9
    = deliver INBOX Subject: one\\r\\n     a message arrives, and sessions are notified
    = write INBOX Subject: ... another program writes one, and notifies nobody
    = remove INBOX             another program removes the messages of a folder
    = wait 60                  so many seconds pass
    = tls | compressed | closed | lost | silent | stop  of the first session; `2= lost` of another
    = messages INBOX 2         so many messages lie in a folder

At each step all that this session said before must have been expected. `{name}` in a line of the
server is a word that is not known before, such as a MODSEQ; the same name means the same word from
there on, also in a line of a client. `{name+1}` is a number one higher.
"""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass, replace
from pathlib import Path

from tests.imap.host import TLS, Host, Talk

_STEP = re.compile(r"([1-9]?)(C:|C\||S:|=|%)(?: (.*))?")
_NAME = re.compile(r"\{([a-z][a-z0-9]*)(?:\+([0-9]+))?\}")
_CONTROL = re.compile(r"[\0-\x1f\x7f]")
_ANY = re.compile(r"\.\.\.")


@dataclass(frozen=True, slots=True)
class Step:
    """One line: where it stands, the session, what it is, the rest."""

    number: int
    session: int
    kind: str
    text: str


class Mismatch(AssertionError):
    """The session did otherwise; the message has the file and the line."""


def read_transcript(path: Path) -> list[Step]:
    """Return the steps. Raises ValueError for a line that is none."""
    steps = []
    for number, line in enumerate(path.read_text("utf-8").splitlines(), 1):
        if not line.strip() or line.startswith("#"):
            continue
        found = _STEP.fullmatch(line)
        if not found:
            raise ValueError(f"{path}:{number}: {line!r} is no step")
        steps.append(Step(number, int(found[1] or 1), found[2], found[3] or ""))
    return steps


class Runner:
    """Runs one transcript upon `host`. The client sends `octets` octets at once, 0 for all."""

    def __init__(self, path: Path, host: Host, octets: int = 0) -> None:
        self._path = path
        self._host = host
        self._octets = octets
        self._options: dict[str, str] = {}
        self._talks: dict[int, Talk] = {}
        self._lines: dict[int, list[str]] = {}
        self._known: dict[str, str] = {}

    def run(self) -> None:
        """Raises Mismatch."""
        steps = read_transcript(self._path)
        for step in steps:
            if step.kind == "%":
                self._options |= dict(word.partition("=")[::2] for word in step.text.split())
        for step in steps:
            if step.kind != "%":
                self._begin(step)
                self._take(step)
        for session, lines in self._lines.items():
            if lines:
                self._fail(steps[-1], f"at the end session {session} said {lines[0]!r}")

    def _begin(self, step: Step) -> None:
        if step.session in self._talks:
            return
        options = self._host.options
        if "append_limit" in self._options:
            options = replace(options, append_limit=int(self._options["append_limit"]))
        if "disable" in self._options:
            options = replace(options, disabled=frozenset(self._options["disable"].split(",")))
        if "connections" in self._options:
            self._host.account_limit.most = int(self._options["connections"])
        if "quota" in self._options:
            self._host.quota = int(self._options["quota"])
        talk = self._host.talk(tls="clear" not in self._options, options=options)
        self._talks[step.session], self._lines[step.session] = talk, []
        if "new" not in self._options:
            talk.log_in()

    def _take(self, step: Step) -> None:
        self._hear()
        if step.kind == "S:":
            self._expect(step)
            return
        lines = self._lines[step.session]
        if lines:
            self._fail(step, f"before this line the server said {lines[0]!r}")
        if step.kind == "C:":
            self._send(step, self._filled(step).encode() + b"\r\n")
        elif step.kind == "C|":
            self._send(step, _octets(self._filled(step)))
        else:
            name, _, text = step.text.partition(" ")
            check = getattr(self, f"_is_{name}", None)
            if check is None:
                raise ValueError(f"{self._path}:{step.number}: {step.text!r} is not known")
            check(step, text)

    def _filled(self, step: Step) -> str:
        return _NAME.sub(lambda found: self._value(step, found), step.text)

    def _value(self, step: Step, found: re.Match[str]) -> str:
        value = self._known.get(found[1])
        if value is None:
            self._fail(step, f"{found[0]} is not known here")
            raise AssertionError
        return str(int(value) + int(found[2])) if found[2] else value

    def _send(self, step: Step, data: bytes) -> None:
        size = self._octets or len(data)
        talk = self._talks[step.session]
        for start in range(0, len(data), size):
            said = talk.say(data[start : start + size])
            self._lines[step.session] += _lines(said)

    def _hear(self) -> None:
        for session, talk in self._talks.items():
            self._lines[session] += _lines(talk.wire.take())

    def _expect(self, step: Step) -> None:
        lines = self._lines[step.session]
        found = lines.pop(0) if lines else "(nothing)"
        names: list[str] = []
        pattern = ""
        last = 0
        for mark in re.finditer(rf"{_NAME.pattern}|{_ANY.pattern}", step.text):
            pattern += re.escape(step.text[last : mark.start()])
            last = mark.end()
            if mark[0] == "...":
                pattern += ".*"
            elif mark[1] in self._known:
                pattern += re.escape(self._value(step, mark))
            else:
                names.append(mark[1])
                pattern += r"([^\s()\]]+)"
        match = re.fullmatch(pattern + re.escape(step.text[last:]), found, re.DOTALL)
        if not match:
            self._fail(step, f"expected {step.text!r}, the server said {found!r}")
            return
        self._known |= dict(zip(names, match.groups(), strict=True))

    def _fail(self, step: Step, explanation: str) -> None:
        raise Mismatch(f"{self._path}:{step.number}: {explanation}")

    def _require(self, step: Step, holds: bool, explanation: str) -> None:
        if not holds:
            self._fail(step, explanation)

    # --- lines that begin with `=` ---------------------------------------------------------------

    def _is_deliver(self, _: Step, text: str) -> None:
        folder, message = text.split(" ", 1)
        self._host.deliver(folder, _octets(message))

    def _is_write(self, _: Step, text: str) -> None:
        folder, message = text.split(" ", 1)
        self._host.deliver(folder, _octets(message), notify=False)

    def _is_remove(self, _: Step, text: str) -> None:
        self._host.remove_all(text)

    def _is_wait(self, _: Step, text: str) -> None:
        self._host.clock.advance(float(text))
        self._host.settle()

    def _is_tls(self, step: Step, _: str) -> None:
        talk = self._talks[step.session]
        self._require(step, talk.wire.handshakes > talk.secured, "no handshake was started")
        talk.secured += 1
        talk.session.secured(TLS)

    def _is_closed(self, step: Step, _: str) -> None:
        self._require(step, self._talks[step.session].wire.hung_up, "the connection is open")

    def _is_compressed(self, step: Step, _: str) -> None:
        self._require(step, self._talks[step.session].wire.compressed, "nothing is compressed")

    def _is_lost(self, step: Step, _: str) -> None:
        self._talks.pop(step.session).lost()

    def _is_silent(self, step: Step, _: str) -> None:
        talk = self._talks[step.session]
        talk.session.timed_out()
        talk.wire.hang_up()

    def _is_stop(self, step: Step, _: str) -> None:
        self._talks[step.session].session.stopping()

    def _is_messages(self, step: Step, text: str) -> None:
        folder, _, count = text.rpartition(" ")
        found = self._host.count(folder)
        self._require(step, found == int(count), f"there are {found}")


def is_for_maildirs(path: Path) -> bool:
    """True for a transcript that a store in memory does not pass."""
    return any(step.kind == "%" and "maildir" in step.text for step in read_transcript(path))


def _lines(said: bytes) -> list[str]:
    lines = said.decode("utf-8", "backslashreplace").split("\r\n")[:-1]
    return [_CONTROL.sub(lambda found: f"\\x{ord(found[0]):02x}", line) for line in lines]


def _octets(text: str) -> bytes:
    """The octets of a text with the escapes of a Python literal."""
    return ast.literal_eval('b"' + text.replace('"', '\\"') + '"') if text else b""
