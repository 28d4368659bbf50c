"""A running playground: its folder, its control socket, and its present fault.

The control socket is at a place that depends on the user alone, so that a second terminal finds it;
each user can have one playground at a time.
"""

from __future__ import annotations

import os
import shutil
import stat
import tempfile
from collections.abc import Callable
from pathlib import Path

from twisted.internet.defer import DeferredLock, maybeDeferred
from twisted.internet.interfaces import IListeningPort

from mailhost.interfaces.reactor import IReactor
from mailhost.net.control.client import ControlClient, NoHostRunning, control_path
from mailhost.net.control.server import CommandRefused, Commands, listen_control
from mailhost.playground.faults import BY_NAME, PlaygroundFault
from mailhost.playground.host_process import HostFailed
from mailhost.playground.network import Network
from mailhost.playground.ports import free_ports


class CannotStart(Exception):
    """The playground cannot be started; the message has the remedy."""


def usual_folder() -> Path:
    """Return the folder of this user's playground."""
    return Path(tempfile.gettempdir()) / f"mailhost-playground-{os.geteuid()}"


def make_folder(kept: Path | None) -> Path:
    """Make the folder of the control socket, and return that of the network: `kept`, or the same.
    The folder that a killed playground left is removed. Raises CannotStart."""
    if kept is not None and kept.exists() and any(kept.iterdir()):
        raise CannotStart(f"{kept} is not empty; name a new folder")
    place = usual_folder()
    _remove_left_behind(place)
    place.mkdir(mode=0o700)
    if kept is None:
        return place
    kept.mkdir(mode=0o700, parents=True, exist_ok=True)
    return kept.resolve()


def _remove_left_behind(place: Path) -> None:
    try:
        found = os.lstat(place)
    except FileNotFoundError:
        return
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid():
        raise CannotStart(f"{place} is not a folder of yours; remove it, or set TMPDIR")
    try:
        ControlClient(control_path(str(place))).call("list")
    except NoHostRunning:
        shutil.rmtree(place)
        return
    raise CannotStart("a playground of yours runs already; end it by Ctrl-C in its terminal")


class Playground:
    """`kept` is a folder that stays, None for one that is removed at the end. `died` is called with
    a text if a host ends by itself. Raises CannotStart, NoPorts, OSError."""

    def __init__(self, reactor: IReactor, kept: Path | None, died: Callable[[str], None]) -> None:
        self._reactor = reactor
        self._ready = False
        self._broken: PlaygroundFault | None = None
        self._turn = DeferredLock()
        self._control: IListeningPort | None = None
        ports = free_ports()
        self.network = Network(reactor, make_folder(kept), ports, died)

    async def start(self) -> None:
        """Return when all is ready. Raises HostFailed, OSError, CannotListenError."""
        commands: Commands = {"list": self._list, "break": self.break_one, "mend": self.mend}
        self._control = listen_control(self._reactor, str(usual_folder()), commands)
        await self.network.start()
        self._ready = True

    async def stop(self) -> None:
        """End all, and remove the folder unless it is kept."""
        if self._control is not None:
            await maybeDeferred(self._control.stopListening)
        try:
            await self.network.stop()
        finally:
            shutil.rmtree(usual_folder(), ignore_errors=True)

    def _list(self) -> str:
        return self._broken.name if self._broken else ""

    async def break_one(self, name: str) -> str:
        """Apply a fault, and return the name of the fault that was removed before, empty for none.

        Raises CommandRefused.
        """
        if name not in BY_NAME:
            raise CommandRefused(f"{name!r} is no fault; `mailhost playground list` shows all")
        return await self._change(BY_NAME[name])

    async def mend(self) -> str:
        """Remove the fault, and return its name, empty for none. Raises CommandRefused."""
        return await self._change(None)

    async def _change(self, fault: PlaygroundFault | None) -> str:
        if not self._ready:
            raise CommandRefused("the playground has not started yet; try again in some seconds")
        await self._turn.acquire()
        try:
            former, self._broken = self._broken, None
            if former is not None:
                await former.action.end(self.network)
            if fault is not None:
                self._broken = fault
                await fault.action.begin(self.network)
        except HostFailed as error:
            raise CommandRefused(str(error)) from error
        finally:
            self._turn.release()
        return former.name if former else ""
