"""The state that the commands of one session share: client, enabled extensions, mailbox."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from enum import Enum

from twisted.internet.interfaces import IReactorTime

from mailhost.concurrency.pauses import Pause
from mailhost.concurrency.threads import InThread
from mailhost.imap.grammar.cursor import REV1, Mode
from mailhost.imap.grammar.response import OK, UNTAGGED, number_code, status
from mailhost.imap.notifying import Notifying
from mailhost.imap.selected import Selected
from mailhost.interfaces.events import IEventSink, Refused
from mailhost.interfaces.folders import IAccountMail, IAccountStore, IFolder
from mailhost.interfaces.logins import IPasswordLogins
from mailhost.interfaces.wire import IWire
from mailhost.message.address import Address
from mailhost.message.client import Client
from mailhost.message.status import Status
from mailhost.net.account_limit import AccountLimit
from mailhost.net.account_sessions import ENDED, AccountSessions


class State(Enum):
    """The states of RFC 9051 §3."""

    NOT_AUTHENTICATED = "log in first"
    AUTHENTICATED = "select a mailbox first"
    SELECTED = "a mailbox is selected"
    LOGOUT = "the connection ends"


@dataclass(frozen=True, slots=True)
class ImapOptions:
    """The options that all sessions of a listener share. `append_limit` is the largest message in
    octets, `disabled` are capabilities that are switched off, in capitals, `disabled_for` those of
    single accounts; `folder` is where large messages are kept while they arrive, and `data_timeout`
    the seconds of silence within a command after which the connection ends."""

    hostname: str
    append_limit: int
    message_memory: int
    folder: str
    disabled: frozenset[str] = frozenset()
    disabled_for: Mapping[Address, frozenset[str]] = field(default_factory=dict)
    tls_available: bool = True
    data_timeout: float = 600.0


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
    clock: IReactorTime
    account_limit: AccountLimit
    mode: Mode = REV1
    condstore: bool = False
    qresync: bool = False
    uid_in_fetch: bool = False
    account: Address | None = None
    _mail: IAccountMail | None = field(default=None, repr=False)
    selected: Selected | None = None
    appended_to: dict[str, IFolder] = field(default_factory=dict)  # the folder of the last APPEND
    over: bool = False
    tag: bytes = b""
    notifying: Notifying | None = None
    compressed: bool = False
    sessions: AccountSessions = field(default_factory=AccountSessions)
    identified: bool = False  # the client has said which program it is
    login_mark: int = 0  # `sessions.mark` when the login began
    revoked: bool = False  # the password of the login, or its account, is not valid any more
    disabled: frozenset[str] = frozenset()

    def __post_init__(self) -> None:
        self._switch_off(self.options.disabled)

    def _switch_off(self, names: frozenset[str]) -> None:
        """Without CONDSTORE there is no QRESYNC (RFC 7162 §3.2.3)."""
        self.disabled |= names
        if "CONDSTORE" in names:
            self.disabled |= {"QRESYNC"}

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

    def log_in(self, account: Address) -> Status | None:
        """Enter the authenticated state. Returns why not."""
        if not self.sessions.add(account, self._revoke, self.login_mark):
            return ENDED
        refusal = self.account_limit.admit(account)
        if refusal is not None:
            self.sessions.remove(account, self._revoke)
            return refusal
        self.account = account
        self._switch_off(self.options.disabled_for.get(account, frozenset()))
        self._mail = self.store.account(account)
        return None

    def _revoke(self) -> None:
        self.revoked = True
        self.wire.wake()

    def ended(self) -> None:
        """The connection is gone: give back what the session has."""
        self.over = True
        self.deselect()
        if self.notifying is not None:
            self.notifying.stop()
        if self.account is not None:
            self.account_limit.release(self.account)
            self.sessions.remove(self.account, self._revoke)

    def enable_condstore(self) -> None:
        """The client shows that it knows of MODSEQs. With a mailbox selected it is told up to which
        it knows all (RFC 7162 §3.1)."""
        if not self.condstore and self.selected is not None:
            code = number_code(b"HIGHESTMODSEQ", self.selected.modseq)
            self.wire.write(status(UNTAGGED, OK, "All changes up to this one are known", code))
        self.condstore = True

    def deselect(self) -> None:
        """Leave the selected state."""
        selected, self.selected = self.selected, None
        if selected is not None:
            selected.close()

    def refused(self, what: str, status: Status) -> None:
        """Log a refusal."""
        self.events.emit(Refused(self.client, what, status))

    async def send(self, data: bytes) -> None:
        """Send a part of a long answer: wait while the client does not read, and then let other
        connections be served."""
        await self.wire.stream(iter((data,)))
        await self.pause()

    def offers(self, names: Collection[str]) -> list[str]:
        """Return those of `names` that are not switched off. One that is switched off takes along
        all that begin with its name and `=`."""
        return [
            name
            for name in names
            if not {name.upper(), name.upper().partition("=")[0]} & self.disabled
        ]
