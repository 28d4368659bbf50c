"""`mailhost mail`: sends and reads messages by hand, through the host's own listeners.

For tests by hand. smtplib and poplib are used, so that the messages take the way of any mail
program.
"""

from __future__ import annotations

import os
import poplib
import smtplib
import sys
from base64 import b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from email.message import EmailMessage, Message
from email.parser import BytesParser
from email.policy import SMTP, default

import click

from mailhost.cli.context import (
    ADDRESS,
    Fail,
    config_option,
    known_password,
    load_settings,
)
from mailhost.cli.own_listeners import ListenerAddress, listener_address, own_tls
from mailhost.cli.table import plain
from mailhost.config.model import Demo
from mailhost.config.protocol import ListenProtocol
from mailhost.message.address import Address

password_file_option = click.option(
    "--password-file",
    metavar="FILE",
    help="The file with the password. Default: for accounts of the demo its password file; for "
    "others the password is asked for, or read from standard input.",
)


@click.group("mail")
def command() -> None:
    """Send and read mail by hand."""


@command.command()
@click.option(
    "--from",
    "sender",
    type=ADDRESS,
    required=True,
    metavar="ADDRESS",
    help="The account that sends.",
)
@click.option(
    "--to",
    "recipients",
    type=ADDRESS,
    required=True,
    multiple=True,
    metavar="ADDRESS",
    help="A recipient; may be repeated.",
)
@click.option("--subject", default="", help="The subject.")
@click.option("--body", help="The text. Default: standard input.")
@password_file_option
@config_option
def send(
    sender: Address,
    recipients: tuple[Address, ...],
    subject: str,
    body: str | None,
    password_file: str | None,
    config: str | None,
) -> None:
    """Send a message as an account, through the submission listener."""
    settings = load_settings(config).settings
    address = listener_address(
        settings.listen, (ListenProtocol.SUBMISSION, ListenProtocol.SUBMISSIONS)
    )
    password_file = password_file or _demo_password(settings.demo, sender)
    if body is None and password_file is None and not sys.stdin.isatty():
        raise Fail(
            "standard input cannot be both text and password: give --body or --password-file"
        )
    password = known_password(str(sender), password_file)
    if body is None:
        body = sys.stdin.read()
    message = _message(sender, recipients, subject, body)
    with _connection_errors(address), _submission(address) as wire:
        _log_in(wire, sender, password)
        refused = wire.send_message(message, str(sender), list(map(str, recipients)))
    for recipient, (code, text) in refused.items():
        click.echo(f"{recipient} was refused: {code} {plain(text.decode(errors='replace'))}")
    if refused:
        raise Fail("the message was sent to the other recipients only")
    click.echo(f"the host accepted the message for {', '.join(map(str, recipients))}")


def _demo_password(demo: Demo | None, account: Address) -> str | None:
    """Return the password file of the demo for its accounts, None for other accounts."""
    if demo and account in demo.accounts and os.path.exists(demo.password_file):
        return demo.password_file
    return None


def _message(
    sender: Address, recipients: tuple[Address, ...], subject: str, body: str
) -> EmailMessage:
    message = EmailMessage(policy=SMTP)
    try:
        message["From"] = str(sender)
        message["To"] = ", ".join(map(str, recipients))
        message["Subject"] = subject
    except ValueError as error:
        raise Fail(f"the message cannot be written: {error}") from error
    message.set_content(body)
    return message


@contextmanager
def _submission(address: ListenerAddress) -> Iterator[smtplib.SMTP]:
    tls = own_tls()
    if address.implicit_tls:
        wire: smtplib.SMTP = smtplib.SMTP_SSL(address.host, address.port, timeout=60, context=tls)
    else:
        wire = smtplib.SMTP(address.host, address.port, timeout=60)
    with wire:
        wire.ehlo()
        if not address.implicit_tls and wire.has_extn("starttls"):
            wire.starttls(context=tls)
            wire.ehlo()  # extensions that were offered before TLS do not count
        yield wire


def _log_in(wire: smtplib.SMTP, sender: Address, password: str) -> None:
    """Log in by AUTH PLAIN. This is done by hand since smtplib's login accepts ASCII only."""
    if not wire.has_extn("auth"):
        raise Fail("the host offers no login here, because TLS is missing")
    response = b64encode(f"\0{sender}\0{password}".encode()).decode()
    code, text = wire.docmd("AUTH", f"PLAIN {response}")
    if code != 235:
        raise smtplib.SMTPAuthenticationError(code, text)


@contextmanager
def _connection_errors(address: ListenerAddress) -> Iterator[None]:
    """Turn errors of the connection into Fail."""
    try:
        yield
    except ConnectionRefusedError as error:
        raise Fail(f"no host is running on {address}; start it with `mailhost run`") from error
    except smtplib.SMTPRecipientsRefused as error:
        each = [f"{to}: {reply[0]} {_text(reply[1])}" for to, reply in error.recipients.items()]
        raise Fail(f"the host refused every recipient: {'; '.join(each)}") from error
    except smtplib.SMTPResponseException as error:
        raise Fail(f"the host said {error.smtp_code} {_text(error.smtp_error)}") from error
    except (smtplib.SMTPException, poplib.error_proto, EOFError, OSError) as error:
        text = _text(error.args[0]) if error.args else type(error).__name__
        raise Fail(f"the host at {address} said: {text}") from error


def _text(text: object) -> str:
    if isinstance(text, bytes):
        text = text.decode(errors="replace")
    return plain(str(text).replace("\n", " "))


@command.command()
@click.argument("account", type=ADDRESS)
@password_file_option
@config_option
def read(account: Address, password_file: str | None, config: str | None) -> None:
    """Print the messages in an account's inbox, oldest first. They stay there."""
    settings = load_settings(config).settings
    address = listener_address(settings.listen, (ListenProtocol.POP3S, ListenProtocol.POP3))
    password_file = password_file or _demo_password(settings.demo, account)
    password = known_password(str(account), password_file)
    with _connection_errors(address), _maildrop(address) as wire:
        wire.user(str(account))
        wire.pass_(password)
        count = wire.stat()[0]
        for number in range(1, count + 1):
            _, lines, _ = wire.retr(number)
            _print(number, count, BytesParser(policy=default).parsebytes(b"\r\n".join(lines)))
    if not count:
        click.echo(f"there is no mail for {account}")


@contextmanager
def _maildrop(address: ListenerAddress) -> Iterator[poplib.POP3]:
    poplib._MAXLINE = 1 << 20  # type: ignore[attr-defined]  # lines may be longer than poplib expects
    tls = own_tls()
    if address.implicit_tls:
        wire: poplib.POP3 = poplib.POP3_SSL(address.host, address.port, timeout=60, context=tls)
    else:
        wire = poplib.POP3(address.host, address.port, timeout=60)
        if "STLS" in wire.capa():
            wire.stls(context=tls)
    try:
        yield wire
        wire.quit()
    finally:
        wire.close()


def _print(number: int, count: int, message: Message) -> None:
    click.echo(f"--- message {number} of {count}")
    for name in ("From", "To", "Date", "Subject"):
        if message[name] is not None:
            click.echo(f"{name}: {plain(message[name])}")
    click.echo("")
    for line in _body(message).splitlines():
        click.echo(plain(line.replace("\t", "    ")))
    click.echo("")


def _body(message: Message) -> str:
    if not isinstance(message, EmailMessage):
        return ""
    part = message.get_body(("plain", "html"))
    if part is None:
        return f"({message.get_content_type()}, which is no text)"
    try:
        return str(part.get_content())
    except (LookupError, UnicodeError):
        return "(text in an unknown character set)"
