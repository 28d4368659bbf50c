"""Checks that each listener of the settings listens, and that this host answers there, and no other
program.

A host that does not run is one finding. Ports that another program has are named with that program,
whether the host runs or not: they are the usual reason why it does not start.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol

from mailhost.concurrency.side_by_side import side_by_side
from mailhost.concurrency.threads import InThread
from mailhost.config.model import Settings
from mailhost.doctor.checks import Check
from mailhost.doctor.finding import Fault, Finding, failure, ok, unknown
from mailhost.doctor.host.probe import (
    ListenerPlace,
    NoHandshake,
    NotReached,
    greeting_of,
    place_of,
)
from mailhost.doctor.host.sockets import ListeningSocket, Process, processes_at
from mailhost.net.control.client import CommandFailed, ControlClient, NoHostRunning, control_path

HOST_DOWN = Fault("host-not-running", "While the host does not run, no mail is received or sent.")
PORT_TAKEN = Fault(
    "port-taken", "Two programs cannot listen on one port, and the host does not start without it."
)
LISTENER_CLOSED = Fault(
    "listener-closed", "The host runs and does not listen there, so clients cannot connect."
)
LISTENER_SILENT = Fault(
    "listener-silent", "Clients that get no greeting give up, and other hosts try again later."
)
HOST_HANGS = Fault(
    "host-does-not-answer", "A host that does not answer its operator may not serve clients either."
)
TOPIC = "Listeners"
SECONDS = 3.8
CONTROL_SECONDS = 1.5
SERVICE_MANAGER = Process(1, "systemd")


class Greeting(Protocol):
    """Returns the greeting of a listener, as `greeting_of` does."""

    def __call__(self, place: ListenerPlace, /) -> str:
        """Return the first line, empty for none in time. Raises NotReached."""


@dataclass(frozen=True, slots=True)
class HostState:
    """The answer of the control socket.

    `pids` are the processes of the host, empty if the host does not run. `trouble` is the reason
    why the host could not be asked. `closed` means that this user may not use the socket, which the
    check of the data folder reports.
    """

    running: bool
    pids: frozenset[int] = frozenset()
    trouble: str = ""
    closed: bool = False


@dataclass(frozen=True, slots=True)
class _Seen:
    """The state of one listener. `other` are processes that are not of this host."""

    place: ListenerPlace
    other: tuple[Process, ...]
    ours: bool
    greeting: str = ""
    closed: str = ""


def host_state(data: str) -> HostState:
    """Ask the host that runs on a data folder. Blocks."""
    try:
        status = ControlClient(control_path(data), CONTROL_SECONDS).call("status")
    except NoHostRunning:
        return HostState(running=False)
    except (CommandFailed, OSError) as error:
        closed = isinstance(error.__cause__, PermissionError)
        return HostState(True, trouble=str(error), closed=closed)
    return HostState(True, _pids(status))


def _pids(status: Any) -> frozenset[int]:
    processes = status.get("processes", ()) if isinstance(status, dict) else ()
    return frozenset(int(each["pid"]) for each in processes)


def listeners_check(
    settings: Settings,
    listening: Sequence[ListeningSocket],
    in_thread: InThread,
    state: Callable[[], HostState] | None = None,
    greeting: Greeting = greeting_of,
) -> Check:
    """Return the check. `listening` are the sockets of this machine; `state` asks the host."""
    ask = state or partial(host_state, settings.data)

    async def run() -> Sequence[Finding]:
        host = await in_thread(ask)
        places = [place for each in settings.listen if (place := place_of(each))]
        if not host.running:
            return _down(settings, listening)
        examining = [partial(_examined, place, listening, host, greeting) for place in places]
        seen = await side_by_side(map(in_thread, examining))
        if host.trouble and seen and all(each.closed for each in seen):
            return _down(settings, listening)  # this user cannot ask, and nothing listens
        return _findings(settings, seen, host)

    return Check(TOPIC, "listeners", SECONDS, run)


def our_places(
    settings: Settings, listening: Sequence[ListeningSocket], host: HostState
) -> list[ListenerPlace]:
    """Return where processes of the running host listen, as far as that is certain."""
    places = [place for each in settings.listen if (place := place_of(each))]
    return [
        place
        for place in places
        if any(process.pid in host.pids for process in _at(place, listening))
    ]


def taken_ports(
    settings: Settings, listening: Sequence[ListeningSocket], before: str = ""
) -> list[Finding]:
    """Return the findings about ports that other programs have, for a host that does not run.

    The text `seen` of each finding begins with `before`.
    """
    places = [place for each in settings.listen if (place := place_of(each))]
    taken = [_Seen(place, found, False) for place in places if (found := _at(place, listening))]
    return _taken(taken, before)


def _down(settings: Settings, listening: Sequence[ListeningSocket]) -> list[Finding]:
    taken = taken_ports(settings, listening, "no host runs, and ")
    if taken:
        return taken
    seen = f"no host runs on the data folder {settings.data}"
    remedy = "Start the host with `mailhost run` or `systemctl start mailhost`. If it ends at once,"
    remedy += " the last line that it prints says why."
    return [failure(HOST_DOWN, "this host", seen, remedy)]


def _at(place: ListenerPlace, listening: Sequence[ListeningSocket]) -> tuple[Process, ...]:
    """Return the processes at a place, without the service manager, which keeps sockets open for
    the host."""
    found = () if place.path else processes_at(listening, place.address, place.port)
    return tuple(process for process in found if process != SERVICE_MANAGER)


def _examined(
    place: ListenerPlace, listening: Sequence[ListeningSocket], host: HostState, greet: Greeting
) -> _Seen:
    """Look at one listener. Blocks."""
    there = _at(place, listening)
    ours = any(process.pid in host.pids for process in there)
    other = tuple(process for process in there if process.pid not in host.pids)
    # without the numbers of our processes, only the greeting tells
    other = other if host.pids and not ours else ()
    try:
        return _Seen(place, other, ours, greeting=greet(place))
    except NoHandshake:
        return _Seen(place, other, ours, greeting="-")  # the check of certificates names that
    except NotReached as error:
        return _Seen(place, other, ours, closed=str(error))


def _findings(settings: Settings, seen: Sequence[_Seen], host: HostState) -> list[Finding]:
    taken = [each for each in seen if _is_other(each, settings.hostname)]
    rest = [each for each in seen if each not in taken]
    closed = [each for each in rest if each.closed]
    silent = [each for each in rest if not each.closed and not each.greeting]
    fine = [each for each in rest if each.greeting]
    found = [*_taken(taken), *_closed(closed), *_silent(silent)]
    if host.trouble and not (silent or host.closed):
        remedy = "Look into the log of the host for its last lines; restart it if it hangs."
        found.append(unknown(HOST_HANGS, "control socket", host.trouble, remedy))
    return [*([ok("listeners", _names(fine))] if fine else []), *found]


def _is_other(seen: _Seen, hostname: str) -> bool:
    """True if another program listens: by its process, or else by a greeting without our name."""
    if seen.other:
        return True
    positive = seen.greeting.startswith(("220", "+OK", "* OK"))
    # a proxy that is not asked yet, and a host that was not reloaded, may greet by another name
    return positive and not seen.ours and hostname.lower() not in seen.greeting.lower()


def _taken(taken: Sequence[_Seen], before: str = "") -> list[Finding]:
    """Return a finding for each other program."""
    programs: defaultdict[str, list[_Seen]] = defaultdict(list)
    for each in taken:
        programs[each.other[0].program if each.other else ""].append(each)
    return [_taken_by(name, places, before) for name, places in programs.items()]


def _taken_by(program: str, places: Sequence[_Seen], before: str) -> Finding:
    first = places[0]
    if program:
        who = f"{program} (process {first.other[0].pid})"
    else:
        who = f"another program, which greets with {first.greeting!r},"
    listens = f"{who} listens for {_names(places)}"
    remedy = "Stop that program, or give the listener another endpoint; then start the host again."
    port = first.place.port
    command = (f"ss -ltnp 'sport = {port}'",) if port else ()
    tried = f"ports that {program or 'another program'} has"
    return failure(PORT_TAKEN, tried, before + listens, remedy, *command)


def _closed(closed: Sequence[_Seen]) -> list[Finding]:
    if not closed:
        return []
    seen = f"{_names(closed)}: {closed[0].closed}"
    remedy = "Run `mailhost reload`; if the port stays closed, the log of the host says why."
    return [failure(LISTENER_CLOSED, "closed ports", seen, remedy)]


def _silent(silent: Sequence[_Seen]) -> list[Finding]:
    if not silent:
        return []
    seen = f"{_names(silent)}: no greeting in time"
    remedy = "Look into the log of the host for its last lines; restart it if it hangs."
    return [failure(LISTENER_SILENT, "greetings", seen, remedy)]


def _names(seen: Sequence[_Seen]) -> str:
    return ", ".join(str(each.place) for each in seen)
