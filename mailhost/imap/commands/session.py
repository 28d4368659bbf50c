"""Commands about the connection: NOOP, CHECK, LOGOUT, STARTTLS, LOGIN, NAMESPACE."""

from __future__ import annotations

from mailhost.concurrency.answers import then
from mailhost.imap.completion import Completion, bad, no, ok
from mailhost.imap.context import Context
from mailhost.imap.exchange import ENCRYPT_FIRST, logged_in
from mailhost.imap.grammar import response
from mailhost.imap.grammar.commands_mailbox import Check
from mailhost.imap.grammar.commands_session import (
    Compress,
    Login,
    Logout,
    Namespace,
    Noop,
    StartTls,
)
from mailhost.interfaces.answer import Answer


def noop(context: Context, _: Noop | Check) -> Completion:
    """NOOP and CHECK: a look at what other programs have changed."""
    if context.selected is not None:
        context.selected.changed = True
    return ok("Completed")


def logout(context: Context, _: Logout) -> Completion:
    """LOGOUT."""
    context.wire.write(response.status(response.UNTAGGED, response.BYE, "Goodbye"))
    context.deselect()
    context.over = True
    return ok("Logged out")


def start_tls(context: Context, _: StartTls) -> Completion:
    """STARTTLS; the session does the rest."""
    if not context.options.tls_available or context.client.tls is not None:
        return bad("TLS is not offered now")
    return ok("Start the handshake")


def compress(context: Context, command: Compress) -> Completion:
    """COMPRESS (RFC 4978); the session does the rest."""
    if command.mechanism != "DEFLATE":
        return no("DEFLATE is the only algorithm here", b"CANNOT")
    if context.compressed:
        return no("DEFLATE is in use already", b"COMPRESSIONACTIVE")
    context.compressed = True
    return ok("Compression begins")


def login(context: Context, command: Login) -> Answer[Completion]:
    """LOGIN."""
    if not context.logins.mechanisms(context.client):
        return no(ENCRYPT_FIRST, b"PRIVACYREQUIRED")
    try:
        user, password = command.user.decode(), command.password.decode()
    except UnicodeDecodeError:
        return no("The name and the password must be UTF-8", b"AUTHENTICATIONFAILED")
    if not user or not password or "\0" in user + password:
        return no("LOGIN takes a name and a password", b"AUTHENTICATIONFAILED")
    answer = context.logins.password(context.client, user, password, "LOGIN")
    return then(answer, lambda result: logged_in(context, result))


def namespace(context: Context, _: Namespace) -> Completion:
    """NAMESPACE (RFC 2342): the personal one, without a prefix."""
    context.wire.write(response.namespace([("", "/")]))
    return ok("Completed")
