"""The calls between head and workers: each with its name, its arguments and its result.

Both sides use these values, so that mypy compares the arguments of the caller and the function that
answers with one declaration. Three kinds exist: a Call has a result, a Notification has none and
is not waited for, and a DescriptorCall is a notification that brings a file descriptor. To add
one, declare it here, answer it in `application/head.py` or `application/worker.py`, and make it
through a Channel. A name is what goes over the socket, so it is short, and no two are the same.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Concatenate, Generic, ParamSpec, TypeVar

from mailhost.config.model import Listen
from mailhost.config.protocol import ListenProtocol
from mailhost.interfaces.events import CountKey
from mailhost.interfaces.logins import ScramKeys
from mailhost.interfaces.sightings import Sightings
from mailhost.message.address import Address
from mailhost.message.client import Client
from mailhost.message.status import Status
from mailhost.net.tls.server import CertificateSource
from mailhost.observe.counts import FilterKey
from mailhost.observe.metrics.snapshot import WorkerMeasures
from mailhost.workers.folder_changes import FolderChange

P = ParamSpec("P")
R = TypeVar("R")


@dataclass(frozen=True, slots=True)
class Answerer:
    """A function that answers the call with this name."""

    name: str
    function: Callable[..., object]


Answers = Sequence[Answerer]


@dataclass(frozen=True, slots=True)
class Call(Generic[P, R]):
    """A call that takes P and is answered with R."""

    name: str

    def answered_by(self, function: Callable[P, R | Awaitable[R]]) -> Answerer:
        """Return `function` as what answers this call, at once or later."""
        return Answerer(self.name, function)


@dataclass(frozen=True, slots=True)
class Notification(Generic[P]):
    """A call that takes P and has no result. The caller does not learn of a fault."""

    name: str

    def answered_by(self, function: Callable[P, object]) -> Answerer:
        """Return `function` as what is called for this notification."""
        return Answerer(self.name, function)


@dataclass(frozen=True, slots=True)
class DescriptorCall(Generic[P]):
    """A notification with a file descriptor, which the function gets first and has to close."""

    name: str

    def answered_by(self, function: Callable[Concatenate[int, P], object]) -> Answerer:
        """Return `function` as what is called with the descriptor and the arguments."""
        return Answerer(self.name, function)


# --- from a worker to the head -------------------------------------------------------------------

READY: Notification[[]] = Notification("ready")
"""The worker can serve, and asks for its sockets."""

SERVING: Notification[[]] = Notification("serving")
"""The worker has taken all sockets that it was handed."""

RETIRING: Notification[[]] = Notification("retiring")
"""The worker has received RETIRE. A worker that does not send this in time hangs, and is killed."""

PASSWORD: Call[[Client, str, str, str], Address | Status] = Call("password")
"""Client, user name, password, mechanism; see IAuthenticator."""

SCRAM_KEYS: Call[[Client, str], ScramKeys | Status] = Call("scram_keys")
"""Client, user name."""

SCRAM_RESULT: Call[[Client, str, bool], Address | Status] = Call("scram_result")
"""Client, user name, whether the client proved that it knows the password."""

LOGIN_BEGINS: Call[[Client, str, str], Status | None] = Call("login_begins")
"""Client, user name, mechanism; the result is a refusal, or None. See ILoginGuard."""

LOGIN_FAILED: Call[[Client, str, Status, bool, str], None] = Call("login_failed")
"""Client, user name, the reply, whether the password may have been guessed, mechanism."""

LOGIN_SUCCEEDED: Notification[[Client, str]] = Notification("login_succeeded")
"""Client, user name."""

LOGIN_UNDECIDED: Notification[[Client, str]] = Notification("login_undecided")
"""Client, user name."""

RESERVE: Call[[str, int, int], bool] = Call("reserve")
"""Path of an account, octets, its quota; see OctetCounts."""

RELEASE: Notification[[str, int]] = Notification("release")
"""Path of an account, octets."""

REMOVED: Notification[[str, int]] = Notification("removed")
"""Path of an account, octets of messages that were removed."""

LEFT: Call[[str, int, int], int] = Call("left")
"""Path of an account, octets, its quota; the result is how many octets are left."""

QUEUED: Notification[[str, bytes, bytes | None]] = Notification("queued")
"""Id of a new entry in the queue's folder, its first line, and its content where that is small."""

QUEUED_LARGE: Notification[[str]] = Notification("queued_large")
"""Id of a new entry whose first line is too long for a message: the head reads the file."""

RATE: Call[[str, int, float], bool] = Call("rate")
"""Key, limit, seconds; see IRates."""

MAKE_KEYS: Call[[str], None] = Call("make_keys")
"""Domain that has no DKIM keys yet; see IKeyMaker."""

COUNTED: Notification[[Mapping[CountKey, int], Mapping[FilterKey, int]]] = Notification("counted")
"""The events, and what filters did, since the last such notification."""

CLIENTS_SEEN: Notification[[Sightings]] = Notification("clients_seen")
"""New names of clients at inner addresses, since the last such notification."""

LOG: Notification[[Sequence[tuple[bool, str]]]] = Notification("log")
"""Log lines: whether each is serious, and its text."""

FOLDERS_CHANGED: Notification[[Sequence[FolderChange]]] = Notification("folders_changed")
"""Folders that may have changed, from a worker to the head, and from the head to each worker."""

# --- from the head to a worker -------------------------------------------------------------------

SERVE: DescriptorCall[[Listen]] = DescriptorCall("serve")
"""A listening socket, and the listener of the settings that it belongs to."""

SERVE_ALL_SENT: Notification[[]] = Notification("serve_all_sent")
"""All sockets were sent; the worker answers SERVING."""

SESSIONS: Call[[], Mapping[tuple[ListenProtocol, str], int]] = Call("sessions")
"""The result has the number of open connections by the sockets of listeners (`Listen.socket`)."""

MEASURES: Call[[], WorkerMeasures] = Call("measures")
"""The result has what the worker measures itself, for the metrics of the host."""

SETTINGS: DescriptorCall[[]] = DescriptorCall("settings")
"""A file with new settings and certificates, pickled; RELOAD follows."""

RELOAD: Call[[], None] = Call("reload")
"""Serve by the new settings. Raises what keeps the worker from it."""

CERTIFICATES: Notification[[Sequence[CertificateSource]]] = Notification("certificates")
"""Renewed certificates."""

KEYS_CHANGED: Notification[[str]] = Notification("keys_changed")
"""Domain whose DKIM keys are to be read again."""

END_SESSIONS: Notification[[Sequence[Address]]] = Notification("end_sessions")
"""Accounts whose passwords were revoked. It follows the results of logins with those passwords."""

STOPPED: Notification[[frozenset[str]]] = Notification("stopped")
"""All client addresses for which nothing is relayed. The names of clients that were seen are
forgotten, so that an address can be noticed again."""

RETIRE: Notification[[float | None]] = Notification("retire")
"""Take nothing new and end within so many seconds; None for no limit."""
