"""A reception whose answers the test sets, and a session on a fake wire."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, TypeVar

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer

from mailhost.interfaces.answer import Answer
from mailhost.interfaces.events import Event, IEventSink
from mailhost.interfaces.extensions import EVERYTHING, Extensions
from mailhost.interfaces.logins import IAuthenticator, ScramKeys
from mailhost.interfaces.reception import ICollector, IReception, ITransaction
from mailhost.message.address import Address
from mailhost.message.client import Client, TLSState
from mailhost.message.content import Content
from mailhost.message.envelope import Envelope, ForwardPath
from mailhost.message.status import OK, Status
from mailhost.net.account_sessions import AccountSessions
from mailhost.net.sasl.mechanisms import Logins
from mailhost.net.sasl.scram_keys import derive_keys
from mailhost.smtp.server.options import SessionOptions
from mailhost.smtp.server.session import Session
from tests.fake_wire import FakeWire, drive

T = TypeVar("T")

TLS = TLSState("TLSv1.3", "TLS_AES_128_GCM_SHA256")
ANN = Address("ann", "example.com")
BUSY = Status(421, "4.3.2", "Come back later")
NOBODY = Status(550, "5.1.1", "Nobody of that name here")
TAKEN = Status(250, "2.0.0", "Taken")
WRONG = Status(535, "5.7.8", "Wrong user name or password")
TERMS = SessionOptions("mx.example.com", 1_000_000)

_REPLY_LINE = re.compile(rb"[2345][0-9]{2}[ -][ -~]*")


@implementer(IEventSink)
class Events:
    """Keeps the events."""

    def __init__(self) -> None:
        self.emitted: list[Event] = []

    def emit(self, event: Event) -> None:
        self.emitted.append(event)

    @property
    def lines(self) -> list[str]:
        return [event.line for event in self.emitted]


@implementer(ITransaction, ICollector)
class FakeTransaction:
    """One message, and what collects it. Recipients come as they were announced. `fate` is `ended`
    or `abandoned` once it is over; a second one raises."""

    def __init__(self, home: FakeReception, envelope: Envelope) -> None:
        self._home = home
        self.envelope = envelope
        self.paths: list[ForwardPath] = []
        self.content = b""
        self.fate = ""
        self.identity = "1"
        self.opened: Status | None = home.answers.get("opened")
        self.announced: list[ForwardPath] = []

    def coming(self, paths: Sequence[ForwardPath]) -> None:
        assert len(paths) > 1 and not self.announced
        self._home.announced.append([str(each.address) for each in paths])
        self.announced = list(paths)

    def recipient(self, path: ForwardPath) -> Answer[Status]:
        assert not self.fate
        if self.announced:
            assert path == self.announced.pop(0)
        status = self._home.answers.get("recipient", OK)
        status = status(path) if callable(status) else status
        if isinstance(status, Status) and status.ok:
            self.paths.append(path)
        return self._home.answer("recipient", path.address, status)

    def begin(self) -> Answer[ICollector | Status]:
        assert not self.fate and not self.announced
        return self._home.answer("begin", None, self._home.answers.get("begin", self))

    def write(self, chunk: bytes) -> Answer[None]:
        assert not self.fate
        assert chunk
        self.content += chunk
        return self._home.answer("write", None, None, record=False)

    def finish(self) -> Answer[Content | Status]:
        assert not self.fate
        answer: Content | Status = self._home.answers.get("finish", Content((self.content,)))
        return answer

    def end(self, content: Content) -> Answer[Sequence[Status]]:
        assert content.read() == self.content
        self._over("ended")
        statuses = self._home.answers.get("end", [TAKEN])
        statuses = statuses(self) if callable(statuses) else statuses
        return self._home.answer("end", self.content, statuses)

    def abandon(self) -> None:
        self._over("abandoned")
        self._home.seen.append(("abandon", None))

    def _over(self, fate: str) -> None:
        assert not self.fate, f"{fate} after {self.fate}"
        self.fate = fate


@implementer(IReception)
class FakeReception:
    """Accepts everything, unless `answers` has an answer by the name of the question: a value, or a
    function that returns it.

    A question in `slow` is answered by a Deferred when `release` is called, one in `quick` by a
    Deferred that has fired. `seen` has every question in order.
    """

    def __init__(self) -> None:
        self.gone = False
        self.answers: dict[str, Any] = {}
        self.slow: set[str] = set()
        self.quick: set[str] = set()
        self.waiting: list[tuple[Deferred[Any], Any]] = []
        self.seen: list[tuple[str, Any]] = []
        self.clients: list[Client] = []
        self.transactions: list[FakeTransaction] = []
        self.announced: list[list[str]] = []

    def connected(self, client: Client) -> Answer[Status | None]:
        return self.answer("connected", None, self.answers.get("connected"))

    def hello(self, client: Client) -> Answer[Extensions | Status | None]:
        self.clients.append(client)
        return self.answer("hello", client.hello, self.answers.get("hello"))

    def transaction(self, client: Client, envelope: Envelope) -> Answer[ITransaction | Status]:
        self.clients.append(client)
        status = self.answers.get("transaction")
        if status is None:
            self.transactions.append(FakeTransaction(self, envelope))
            status = self.transactions[-1]
        return self.answer("transaction", envelope.reverse_path, status)

    def disconnected(self) -> None:
        self.gone = True

    def answer(self, question: str, about: Any, value: T, record: bool = True) -> Answer[T]:
        if record:
            self.seen.append((question, about))
        if question in self.quick:
            quick: Deferred[T] = Deferred()
            quick.callback(value)
            return quick
        if question not in self.slow:
            return value
        slow: Deferred[T] = Deferred()
        self.waiting.append((slow, value))
        return slow

    def release(self) -> None:
        """Answer the question that waits longest."""
        deferred, value = self.waiting.pop(0)
        deferred.callback(value)

    @property
    def questions(self) -> list[str]:
        return [question for question, _ in self.seen]


@implementer(IAuthenticator)
class FakeAuthenticator:
    """Knows `ann@example.com` with the password `secret`. Offers what a test says."""

    def __init__(self, *, in_the_clear: bool = False) -> None:
        self.in_the_clear = in_the_clear
        self.offered: Sequence[str] = ("SCRAM-SHA-256", "PLAIN", "LOGIN")
        self.refusal: Status = WRONG
        self.slow: Deferred[None] | None = None
        self.asked: list[tuple[str, str]] = []

    def mechanisms(self, client: Client) -> Sequence[str]:
        return self.offered if client.tls or self.in_the_clear else ()

    async def password(
        self, client: Client, username: str, password: str, mechanism: str
    ) -> Address | Status:
        self.asked.append((username, password))
        if self.slow is not None:
            await self.slow
        return ANN if (username, password) == ("ann@example.com", "secret") else self.refusal

    async def scram_keys(self, client: Client, username: str) -> ScramKeys | Status:
        return derive_keys("secret", b"some salt", 4096)

    async def scram_result(self, client: Client, username: str, proven: bool) -> Address | Status:
        return ANN if proven and username == "ann@example.com" else self.refusal


class Talk:
    """A session on a fake wire. `say` gives it bytes and returns the replies that it wrote."""

    def __init__(
        self,
        options: SessionOptions = TERMS,
        *,
        authenticator: IAuthenticator | None = None,
        tls: TLSState | None = None,
    ) -> None:
        self.wire = FakeWire()
        self.failures: list[Failure] = []
        self.reception = FakeReception()
        self.events = Events()
        client = Client("192.0.2.7", 4711, tls=tls)
        logins = Logins(authenticator) if authenticator else None
        self.account_sessions = AccountSessions()
        self.session = Session(
            self.wire,
            client,
            self.reception,
            logins,
            options,
            self.events,
            self.account_sessions,
        )

    def begin(self) -> bytes:
        """Greet and return the greeting."""
        self.session.greet()
        return self.wire.take()

    def say(self, data: bytes) -> bytes:
        drive(self.session, data).addErrback(self.failures.append)
        return self.wire.take()

    def lines(self, *lines: str) -> list[str]:
        """Say some lines at once and return the codes of the replies."""
        return codes(self.say("".join(f"{line}\r\n" for line in lines).encode()))

    @property
    def last(self) -> FakeTransaction:
        return self.reception.transactions[-1]


def codes(replies: bytes) -> list[str]:
    """The code of each reply, with the enhanced code where there is one."""
    last_lines = [line for line in replies.decode("ascii").split("\r\n") if line[3:4] == " "]
    return [
        " ".join(line.split(" ")[: 2 if re.match(r"\d{3} \d\.", line) else 1])
        for line in last_lines
    ]


class TalkCase(SynchronousTestCase):
    """Makes sessions, and checks at the end that each transaction had exactly one end."""

    def setUp(self) -> None:
        self.talk = self.new_talk()

    def new_talk(self, options: SessionOptions = TERMS, *, hello: bool = True, **more: Any) -> Talk:
        talk = checked_talk(options, hello=hello, **more)
        self.addCleanup(check_end, talk)
        return talk


def checked_talk(
    options: SessionOptions = TERMS,
    *,
    hello: bool = True,
    greet: bool = True,
    binary: bool = False,
    **more: Any,
) -> Talk:
    """Return a session whose replies are checked.

    `check_end` must be called for it. With `binary`, BINARYMIME is offered too.
    """
    talk = Talk(options, **more)
    if binary:
        everything = Extensions(options.message_size, options.recipients, EVERYTHING)
        talk.reception.answers["hello"] = everything
    written = talk.wire.write

    def write(data: bytes) -> None:
        check_reply(data)
        written(data)

    talk.wire.write = write  # type: ignore[method-assign]  # looks at every reply
    if greet:
        talk.begin()
    if hello:
        talk.lines("LHLO client.example" if options.lmtp else "EHLO client.example")
        talk.reception.seen.clear()
    return talk


def check_reply(data: bytes) -> None:
    """Every line is a proper, printable, short reply line (RFC 5321 §4.2, §4.5.3.1.5)."""
    assert data.endswith(b"\r\n"), data
    for line in data[:-2].split(b"\r\n"):
        assert _REPLY_LINE.fullmatch(line), line
        assert len(line) <= 510 or line.startswith(b"334 "), line


def check_end(talk: Talk) -> None:
    """When the connection is gone, each transaction has had exactly one end."""
    if not talk.reception.gone:
        talk.session.lost("the test is over")
    for failure in talk.failures:
        failure.raiseException()
    talk.reception.slow.clear()
    while talk.reception.waiting:
        talk.reception.release()
    for transaction in talk.reception.transactions:
        assert transaction.fate, "neither ended nor abandoned"
    for line in talk.events.lines:
        assert line.isprintable(), line
