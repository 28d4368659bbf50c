"""What the commands of one session share: who the client is, what it has enabled, where it is."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from enum import Enum

from mailhost.concurrency.pauses import Pause
from mailhost.concurrency.threads import InThread
from mailhost.imap.grammar.cursor import REV1, Mode
from mailhost.imap.selected import Selected
from mailhost.interfaces.events import IEventSink, Refused
from mailhost.interfaces.folders import IAccountMail, IAccountStore
from mailhost.interfaces.logins import IPasswordLogins
from mailhost.interfaces.wire import IWire
from mailhost.message.address import Address
from mailhost.message.client import Client
from mailhost.message.status import Status


class State(Enum):
    """The states of RFC 9051 §3."""

    NOT_AUTHENTICATED = "log in first"
    AUTHENTICATED = "select a mailbox first"
    SELECTED = "a mailbox is selected"
    LOGOUT = "the connection ends"


@dataclass(frozen=True, slots=True)
class ImapOptions:
    """What all sessions of a listener share. `append_limit` is the largest message in octets,
    `disabled` are capabilities that are switched off, `folder` is where large messages are kept
    while they arrive."""

    hostname: str
    append_limit: int
    message_memory: int
    folder: str
    disabled: frozenset[str] = frozenset()
    tls_available: bool = True


@dataclass(slots=True)
class Context:
    """One session's. `mail` and `account` are there from the login on.

    `condstore` and `qresync` say that the client has enabled them (RFC 7162), `uid_in_fetch` that
    FETCH lines which it did not ask for have the UID. `now` returns seconds since 1970. `tag` is
    that of the command under way.
    """

    wire: IWire
    client: Client
    logins: IPasswordLogins
    store: IAccountStore
    events: IEventSink
    options: ImapOptions
    pause: Pause
    in_thread: InThread
    now: Callable[[], float]
    mode: Mode = REV1
    condstore: bool = False
    qresync: bool = False
    uid_in_fetch: bool = False
    account: Address | None = None
    _mail: IAccountMail | None = field(default=None, repr=False)
    selected: Selected | None = None
    over: bool = False
    tag: bytes = b""

    @property
    def state(self) -> State:
        """Where the session is."""
        if self.over:
            return State.LOGOUT
        if self._mail is None:
            return State.NOT_AUTHENTICATED
        return State.AUTHENTICATED if self.selected is None else State.SELECTED

    @property
    def mail(self) -> IAccountMail:
        """The folders of the account."""
        assert self._mail is not None
        return self._mail

    def log_in(self, account: Address) -> None:
        """Enter the authenticated state."""
        self.account = account
        self._mail = self.store.account(account)

    def deselect(self) -> None:
        """Leave the selected state."""
        selected, self.selected = self.selected, None
        if selected is not None:
            selected.close()

    def refused(self, what: str, status: Status) -> None:
        """Log a refusal."""
        self.events.emit(Refused(self.client, what, status))

    def offers(self, names: Collection[str]) -> list[str]:
        """Return those of `names` that are not switched off for this listener."""
        return [name for name in names if name not in self.options.disabled]
