"""Looks for a message by POP3 and IMAP, as a mail program does. Blocks, so it is called in threads.

The connections stay on this machine, so the name in the certificate does not matter; but it has to
be a certificate of the host, or the password is not sent.
"""

from __future__ import annotations

import imaplib
import poplib
import socket
import ssl
from collections.abc import Collection
from contextlib import suppress

from mailhost.doctor.abuse.connecting import Place
from mailhost.doctor.round_trip.identity import verify

TIMEOUT = 20.0  # seconds for each reply
NEWEST = 50  # messages that are looked at


class CannotRead(Exception):
    """The listener cannot be used; the message has its reply."""


def found_by_pop3(
    own: Collection[bytes], place: Place, user: str, password: str, message_id: str
) -> bool:
    """Return whether the maildrop has the message. `own` are the certificates of the host in DER.
    Raises CannotRead; NotOurs before the password is sent."""
    try:
        wire = _pop3(place)
        try:
            verify(_certificate(wire.sock), own)
            return _in_maildrop(wire, user, password, message_id)
        finally:
            wire.close()
    except (OSError, poplib.error_proto, EOFError) as error:
        raise CannotRead(_text(error)) from error


def _pop3(place: Place) -> poplib.POP3:
    if place.implicit_tls:
        return poplib.POP3_SSL(place.ip, place.port, timeout=TIMEOUT, context=_any_certificate())
    wire = poplib.POP3(place.ip, place.port, timeout=TIMEOUT)
    wire.stls(context=_any_certificate())
    return wire


def _in_maildrop(wire: poplib.POP3, user: str, password: str, message_id: str) -> bool:
    wire.user(user)
    wire.pass_(password)
    count = wire.stat()[0]
    wanted = f"message-id: {message_id}".lower().encode()
    for number in range(count, max(count - NEWEST, 0), -1):
        _, lines, _ = wire.top(number, 0)
        if any(line.lower() == wanted for line in lines):
            return True
    return False


def found_by_imap(
    own: Collection[bytes], place: Place, user: str, password: str, message_id: str
) -> bool:
    """Return whether INBOX or the folder for junk has the message. `own` are the certificates of
    the host in DER. Raises CannotRead; NotOurs before the password is sent."""
    try:
        wire = _imap(place)
        try:
            verify(_certificate(wire.sock), own)
            wire.authenticate("PLAIN", lambda _: f"\0{user}\0{password}".encode())
            return any(_in_folder(wire, name, message_id) for name in ("INBOX", "Junk"))
        finally:
            with suppress(OSError, imaplib.IMAP4.error):
                wire.logout()
    except (OSError, imaplib.IMAP4.error) as error:
        raise CannotRead(_text(error)) from error


def _imap(place: Place) -> imaplib.IMAP4:
    if place.implicit_tls:
        context = _any_certificate()
        return imaplib.IMAP4_SSL(place.ip, place.port, timeout=TIMEOUT, ssl_context=context)
    wire = imaplib.IMAP4(place.ip, place.port, timeout=TIMEOUT)
    wire.starttls(_any_certificate())
    return wire


def _in_folder(wire: imaplib.IMAP4, name: str, message_id: str) -> bool:
    kind, _ = wire.select(name, readonly=True)
    if kind != "OK":
        return False
    _, found = wire.search(None, "HEADER", "Message-ID", f'"{message_id}"')
    return any(found)


def _certificate(wire: socket.socket) -> bytes | None:
    """Return the certificate of the TLS session in DER."""
    return wire.getpeercert(binary_form=True) if isinstance(wire, ssl.SSLSocket) else None


def _text(error: Exception) -> str:
    said = error.args[0] if error.args else ""
    return said.decode("utf-8", "replace") if isinstance(said, bytes) else str(error)


def _any_certificate() -> ssl.SSLContext:
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context
