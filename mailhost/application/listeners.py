"""A listening socket: opened before privileges are dropped, served when the reactor runs."""

from __future__ import annotations

import errno
import os
import pwd
import socket
from contextlib import suppress
from typing import Any

from OpenSSL import SSL, crypto
from twisted.internet.defer import Deferred
from twisted.internet.endpoints import serverFromString
from twisted.internet.error import CannotListenError
from twisted.internet.interfaces import IListeningPort, IProtocolFactory
from twisted.protocols.tls import TLSMemoryBIOFactory
from twisted.python.failure import Failure

from mailhost.application.privileges import as_user, may_write, only_roots
from mailhost.config.endpoint import parse_endpoint
from mailhost.config.model import Listen
from mailhost.interfaces.reactor import IReactor
from mailhost.interfaces.wire import IServerFactory
from mailhost.net.proxy_protocol import ProxiedFactory
from mailhost.net.tls.server_contexts import answer_alpn

UNIX_MODE = "660"  # of unix sockets; with Twisted's default every user of the machine may connect
BACKLOG = 1000  # connections that the kernel keeps until they are accepted; Twisted's 50 are few


class Listener:
    """One `[[listen]]`: its endpoint and the factory behind it.

    Raises CannotListenError for a socket of systemd's or a key that is not there.
    """

    def __init__(self, reactor: IReactor, listen: Listen, factory: IServerFactory) -> None:
        self.listen = listen
        self.factory = factory
        self._reactor = reactor
        # not Twisted's own wrapper, with which the greeting comes before the proxy's header
        description = listen.endpoint.removeprefix("haproxy:")
        where = parse_endpoint(description)
        if where.kind == "unix" and not where.part("mode"):
            description += f":mode={UNIX_MODE}"
        try:
            self._endpoint = serverFromString(reactor, description)
        except LookupError as error:  # systemd handed over no such socket
            text = "systemd handed over no such socket; compare the .socket unit"
            raise CannotListenError(None, listen.endpoint, text) from error
        except (OSError, crypto.Error, SSL.Error) as error:
            why = (
                str(error) if isinstance(error, OSError) else "its files are no certificate and key"
            )
            text = f"{why}; correct its privateKey and certKey"
            raise CannotListenError(None, listen.endpoint, text) from error
        own_tls = getattr(self._endpoint, "_sslContextFactory", None)  # of an `ssl:` endpoint
        if own_tls is not None:
            answer_alpn(own_tls.getContext())
        self._port: IListeningPort | None = None

    def open(self, user: str = "") -> None:
        """Open the socket. Raises CannotListenError.

        Clients are served once the reactor runs; by then the services are made. As root, a unix
        socket is made with the rights of `user`. It is made with those of root only if these do not
        suffice and no other user can change its folder.
        """
        path = _path(self.listen)
        folder = os.path.dirname(path)
        if path and not os.path.isdir(folder):
            text = f"there is no folder {folder}; make it"
            raise CannotListenError(None, self.listen.endpoint, text)
        by_root = not path or (not may_write(folder, user) and only_roots(folder))
        with as_user("" if by_root else user):
            self._open()
        if path and by_root and user:
            entry = pwd.getpwnam(user)
            os.chown(path, entry.pw_uid, entry.pw_gid, follow_symlinks=False)

    def _open(self) -> None:
        try:
            self._try_open()
        except CannotListenError:
            if not _removed_left_behind(_path(self.listen)):
                raise
            self._try_open()

    def _try_open(self) -> None:
        result: list[object] = []
        factory = outermost(self.factory, self.listen, self._reactor)
        self._endpoint.listen(factory).addCallback(self._opened).addBoth(result.append)
        if result and isinstance(result[0], Failure):
            error = result[0].value
            if isinstance(error, CannotListenError):
                raise error
            raise CannotListenError(None, self.listen.endpoint, error)

    def take_over(self, former: Listener) -> None:
        """Serve the clients of another listener's open socket, instead of opening one."""
        port: Any = former._port
        self._port, former._port = port, None
        replaced, port.factory = port.factory, outermost(self.factory, self.listen, self._reactor)
        port.factory.doStart()
        replaced.doStop()
        backlog = parse_endpoint(self.listen.endpoint).part("backlog")
        port.socket.listen(int(backlog) if backlog else BACKLOG)

    @property
    def shared(self) -> int | None:
        """The descriptor that another process may accept from too; None for unix sockets."""
        port: Any = self._port
        internet = port is not None and hasattr(port.getHost(), "port")
        return port.fileno() if internet else None

    @property
    def address(self) -> str:
        """Where it listens, with the port that the system chose where none was asked for."""
        if self._port is None:
            return self.listen.endpoint
        bound: Any = self._port.getHost()
        if not hasattr(bound, "port"):
            return self.listen.endpoint
        return f"[{bound.host}]:{bound.port}" if ":" in bound.host else f"{bound.host}:{bound.port}"

    async def close(self) -> None:
        """Take no more connections."""
        port, self._port = self._port, None
        stopping = port.stopListening() if port is not None else None
        if isinstance(stopping, Deferred):
            await stopping

    async def drain(self, seconds: float) -> None:
        """Let what is under way end, `seconds` at most."""
        await self.factory.drain(seconds)

    def _opened(self, port: IListeningPort) -> None:
        self._port = port
        own: socket.socket | None = getattr(port, "socket", None)
        if own is not None and not parse_endpoint(self.listen.endpoint).part("backlog"):
            own.listen(BACKLOG)


def outermost(factory: IServerFactory, listen: Listen, reactor: IReactor) -> IProtocolFactory:
    """Return what takes a listener's connections.

    The proxy's header comes first, then with implicit TLS the handshake (RFC 8314 §3).
    """
    outer: IProtocolFactory = factory
    if listen.protocol.implicit_tls:
        outer = TLSMemoryBIOFactory(factory.tls, False, outer)
    proxied = listen.endpoint.startswith("haproxy:")
    return ProxiedFactory(outer, reactor) if proxied else outer


def _path(listen: Listen) -> str:
    """The path of a unix socket, empty for another socket."""
    endpoint = parse_endpoint(listen.endpoint)
    return endpoint.part("address") if endpoint.kind == "unix" else ""


def _removed_left_behind(path: str) -> bool:
    """Remove a unix socket that a killed host left behind. False where there is none such.

    Twisted's lock beside it names a process by a number that another may have by now.
    """
    if not path:
        return False
    with socket.socket(socket.AF_UNIX) as probe:
        try:
            probe.connect(path)
        except (FileNotFoundError, ConnectionRefusedError):
            pass
        except OSError:
            return False
        else:
            return False  # a process listens
    for left in (f"{path}.lock", path):
        with suppress(FileNotFoundError):
            os.unlink(left)
    return True


def cannot_listen(error: CannotListenError) -> str:
    """Return which socket could not be opened, why, and what helps."""
    port, cause = error.port, error.socketError
    where = os.fsdecode(port) if isinstance(port, bytes) else str(port)
    if isinstance(port, int):
        host = str(error.interface or "")
        where = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    number = getattr(cause, "errno", None)
    remedy = ""
    if number == errno.EACCES and isinstance(port, int) and port < 1024:
        remedy = "; ports below 1024 are root's; start mailhost as root, or from systemd"
    elif number == errno.EADDRINUSE and isinstance(port, int):
        remedy = f"; another program listens there: ss -ltnp 'sport = {port}' shows which, to root"
    return f"cannot listen on {where}: {cause}{remedy}"
