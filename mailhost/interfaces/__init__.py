"""Every seam of the host, as Interfaces: what goes over it, what it promises, what it raises."""

from mailhost.interfaces.answer import Answer
from mailhost.interfaces.directory import DirectoryUnavailable, IDirectory
from mailhost.interfaces.events import IEventSink
from mailhost.interfaces.filters import (
    FilterFailed,
    ICounters,
    IFilter,
    IFilterPlugin,
    IRates,
    ISessionFilter,
    IVisit,
    IWitness,
)
from mailhost.interfaces.logins import (
    Challenge,
    IAuthenticator,
    ILoginGuard,
    ILogins,
    ISASLMechanism,
    SASLStep,
    ScramKeys,
)
from mailhost.interfaces.names import (
    IResolver,
    MXRecord,
    NoPossibleHost,
    NoSuchDomain,
    ResolveFailed,
)
from mailhost.interfaces.queue import INotices, IQueue, ITransport, Unfinished
from mailhost.interfaces.reactor import IReactor
from mailhost.interfaces.reception import (
    ICollector,
    IFilterable,
    IHandover,
    IQuarantine,
    IReception,
    ITransaction,
)
from mailhost.interfaces.store import ICommitter, ILock, IMailbox, IMailStore, StoredMessage
from mailhost.interfaces.wire import IMachine, IWire

__all__ = [
    "Answer",
    "Challenge",
    "DirectoryUnavailable",
    "FilterFailed",
    "IAuthenticator",
    "ICollector",
    "ICommitter",
    "ICounters",
    "IDirectory",
    "IEventSink",
    "IFilter",
    "IFilterPlugin",
    "IFilterable",
    "IHandover",
    "ILock",
    "ILoginGuard",
    "ILogins",
    "IMachine",
    "IMailStore",
    "IMailbox",
    "INotices",
    "IQuarantine",
    "IQueue",
    "IRates",
    "IReactor",
    "IReception",
    "IResolver",
    "ISASLMechanism",
    "ISessionFilter",
    "ITransaction",
    "ITransport",
    "IVisit",
    "IWire",
    "IWitness",
    "MXRecord",
    "NoPossibleHost",
    "NoSuchDomain",
    "ResolveFailed",
    "SASLStep",
    "ScramKeys",
    "StoredMessage",
    "Unfinished",
]
