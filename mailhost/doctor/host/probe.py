"""Connects to a listener of this host as a client does, and reads its greeting, or the certificate
that it offers by STARTTLS or from the first octet. Blocks, so it is called in a thread.
"""

from __future__ import annotations

import socket
import ssl
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from mailhost.config.endpoint import Endpoint, parse_endpoint
from mailhost.config.model import Listen
from mailhost.config.protocol import ListenProtocol

SECONDS = 2.0  # for the connection, for the TLS handshake, and for each whole reply
LONGEST_REPLY = 16_384  # octets
_LOOPBACK = {"0.0.0.0": "127.0.0.1", "::": "::1"}
_SMTP = ("EHLO {}", "STARTTLS")
_HTTP = b"OPTIONS * HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
_STARTTLS = {
    ListenProtocol.SMTP: _SMTP,
    ListenProtocol.SUBMISSION: _SMTP,
    ListenProtocol.PROXY: _SMTP,
    ListenProtocol.LMTP: ("LHLO {}", "STARTTLS"),
    ListenProtocol.IMAP: ("a1 CAPABILITY", "a2 STARTTLS"),
    ListenProtocol.POP3: ("CAPA", "STLS"),
}
"""Of each protocol: the command whose reply says whether TLS is offered, and the one for TLS."""


class NotReached(Exception):
    """No connection can be made, or the connection was lost; the message has the reason."""


class NoHandshake(NotReached):
    """The connection was made, and the handshake of TLS failed."""


@dataclass(frozen=True, slots=True)
class ListenerPlace:
    """Where a listener of this host can be reached from this machine: an address and port, or the
    `path` of a unix socket. `proxied`: a PROXY header comes first."""

    protocol: ListenProtocol
    address: str = ""
    port: int = 0
    path: str = ""
    proxied: bool = False
    own_tls: bool = False

    def __str__(self) -> str:
        if self.path:
            return f"{self.protocol.value} at {self.path}"
        host = f"[{self.address}]" if ":" in self.address else self.address
        return f"{self.protocol.value} at {host}:{self.port}"


def place_of(listen: Listen) -> ListenerPlace | None:
    """Return the address of a listener; None if the settings do not have the address: the system
    chooses the port, or the endpoint is of a kind that another package provides."""
    endpoint, protocol = parse_endpoint(listen.endpoint), listen.protocol
    if endpoint.kind == "unix":
        return ListenerPlace(protocol, path=endpoint.part("address"), proxied=endpoint.proxied)
    if endpoint.kind == "systemd":
        return _systemd(endpoint, protocol)
    if endpoint.port is None:
        return None
    own_tls = endpoint.kind in ("ssl", "tls")
    place = (protocol, endpoint.interface, endpoint.port)
    return ListenerPlace(*place, proxied=endpoint.proxied, own_tls=own_tls)


def _systemd(endpoint: Endpoint, protocol: ListenProtocol) -> ListenerPlace | None:
    """A socket of systemd is taken to be at the usual port of its protocol."""
    if endpoint.part("domain") == "UNIX" or protocol.usual_port is None:
        return None
    return ListenerPlace(protocol, "0.0.0.0", protocol.usual_port, proxied=endpoint.proxied)


def greeting_of(place: ListenerPlace) -> str:
    """Return the first line that a listener sends, empty for none in time. The web listener is
    asked first, since its clients speak first. Raises NotReached."""
    with _connected(place) as wire:
        try:
            if place.protocol.implicit_tls or place.own_tls:
                with _encrypted(wire, "") as encrypted:
                    return _first_line(encrypted, place)
            return _first_line(wire, place)
        except TimeoutError:
            return ""


def certificate_of(place: ListenerPlace, name: str) -> bytes:
    """Return the certificate in DER that a listener offers to clients that ask for `name`; empty if
    it does not offer TLS. Raises NotReached."""
    with _connected(place) as wire:
        if not (place.protocol.implicit_tls or place.own_tls) and not _starts_tls(wire, place):
            return b""
        with _encrypted(wire, name) as encrypted:
            return encrypted.getpeercert(binary_form=True) or b""


@contextmanager
def _connected(place: ListenerPlace) -> Iterator[socket.socket]:
    try:
        with _connection(place) as wire:
            if place.proxied:
                wire.sendall(b"PROXY UNKNOWN\r\n")
            yield wire
    except ssl.SSLError as error:
        raise NoHandshake(f"the TLS handshake fails: {error.reason or error}") from error
    except (OSError, ValueError) as error:  # ssl raises ValueError for some names
        raise NotReached(_reason(error)) from error


def _connection(place: ListenerPlace) -> socket.socket:
    if place.path:
        wire = socket.socket(socket.AF_UNIX)
        wire.settimeout(SECONDS)
        try:
            wire.connect(place.path)
        except OSError:
            wire.close()
            raise
        return wire
    address = _LOOPBACK.get(place.address, place.address)
    try:
        return socket.create_connection((address, place.port), SECONDS)
    except OSError:
        if address != "::1":
            raise
        return socket.create_connection(("127.0.0.1", place.port), SECONDS)  # no IPv6 here


def _reason(error: Exception) -> str:
    if isinstance(error, TimeoutError):
        return f"no answer within {SECONDS:g} s"
    return str(getattr(error, "strerror", "") or error)


def _encrypted(wire: socket.socket, name: str) -> ssl.SSLSocket:
    """Do the TLS handshake. The certificate is not verified: other checks examine it."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    wire.settimeout(SECONDS)  # for all of the handshake
    return context.wrap_socket(wire, server_hostname=name or None)


def _starts_tls(wire: socket.socket, place: ListenerPlace) -> bool:
    """Send the command that begins TLS. Return False if the listener does not offer TLS."""
    if place.protocol not in _STARTTLS:
        return False
    ask, start = _STARTTLS[place.protocol]
    _reply(wire, place.protocol, "")
    offers = _reply(wire, place.protocol, ask.format("localhost"))
    if start.split()[-1] not in offers.upper().split() and f"-{start}" not in offers.upper():
        return False
    return _agrees(_reply(wire, place.protocol, start))


def _agrees(reply: str) -> bool:
    return reply.startswith(("220", "+OK", "a2 OK"))


def _reply(wire: socket.socket, protocol: ListenProtocol, command: str) -> str:
    """Send a command, for an empty one nothing, and return the whole reply."""
    if command:
        wire.sendall(command.encode() + b"\r\n")
    return _until(wire, lambda text: _whole(text, protocol, command)).decode("ascii", "replace")


def _whole(text: bytes, protocol: ListenProtocol, command: str) -> bool:
    """True if `text` is a whole reply. Nothing is pipelined, so it ends with its last line."""
    if not text.endswith(b"\r\n"):
        return False
    last = text[:-2].rpartition(b"\r\n")[2]
    if protocol is ListenProtocol.IMAP and command:
        return last.startswith(command.split()[0].encode())
    if command == "CAPA" and text.startswith(b"+OK"):
        return last == b"."
    return protocol is ListenProtocol.POP3 or last[3:4] != b"-"


def _first_line(wire: socket.socket, place: ListenerPlace) -> str:
    if place.protocol.web:
        wire.sendall(_HTTP)
    text = _until(wire, lambda text: b"\n" in text)
    return text.partition(b"\n")[0].decode("utf-8", "replace").strip()


def _until(wire: socket.socket, whole: Callable[[bytes], bool]) -> bytes:
    """Read until the text is `whole`, has LONGEST_REPLY octets, or the connection ends. Raises
    TimeoutError after SECONDS for all of it, whatever comes meanwhile."""
    text, deadline = b"", time.monotonic() + SECONDS
    while not whole(text) and len(text) < LONGEST_REPLY:
        left = deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError
        wire.settimeout(left)
        octets = wire.recv(4096)
        if not octets:
            break
        text += octets
    wire.settimeout(SECONDS)
    return text
