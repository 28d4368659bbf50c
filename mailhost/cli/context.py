"""Common functions of the commands: finding and loading the settings, reading passwords, opening
the directory."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING, Any, TypeVar

import click

from mailhost.message.address import (
    Address,
    BadAddress,
    parse_address,
    parse_domain,
    parse_own_address,
)

if TYPE_CHECKING:
    from mailhost.config.load import Loaded
    from mailhost.config.model import Settings
    from mailhost.directory.administration import Administration
    from mailhost.directory.sqlite import DirectoryDatabase

F = TypeVar("F", bound=Callable[..., Any])

PLACES = ("mailhost.toml", "/etc/mailhost/mailhost.toml")


class Fail(click.ClickException):
    """The command fails: prints one line, with exit code 1."""


class NoHost(Fail):
    """No host runs on the data folder of the settings."""


def config_option(function: F) -> F:
    """Add the option `--config FILE` to a command."""
    return click.option(
        "--config",
        "config",
        metavar="FILE",
        envvar="MAILHOST_CONFIG",
        help="The settings file. Default: MAILHOST_CONFIG, ./mailhost.toml, "
        "/etc/mailhost/mailhost.toml.",
    )(function)


def find_settings(config: str | None) -> str:
    """Return the path of the settings file to use. Raises Fail if there is none."""
    if config:
        return config
    for place in PLACES:
        if os.path.exists(place):
            if not os.path.isabs(place):
                _refuse_foreign(place)
            return os.path.abspath(place)
    raise Fail(
        "there is no mailhost.toml here or in /etc/mailhost; name one with --config FILE, "
        "or make one with `mailhost init`"
    )


def _refuse_foreign(path: str) -> None:
    """Raise Fail for a settings file that the user did not name and that may come from another
    user."""
    folder = os.path.dirname(path) or "."
    for found in (os.lstat(path), os.stat(path), os.stat(folder)):
        if found.st_uid not in (0, os.geteuid()):
            whose = f"{os.path.abspath(path)} belongs to another user (number {found.st_uid}), "
            raise Fail(f"{whose}or its folder does; to use it nevertheless, add --config {path}")


def load_settings(config: str | None) -> Loaded:
    """Load the settings. Raises Fail with every problem."""
    from mailhost.config.load import BadSettings, load

    try:
        return load(find_settings(config))
    except BadSettings as error:
        raise Fail(str(error)) from error


def data_folder(config: str | None) -> str:
    """Return the data folder, whatever other faults the settings have. It is enough to reach the
    running host."""
    from mailhost.config.load import BadSettings, data_of

    try:
        return data_of(find_settings(config))
    except BadSettings as error:
        raise Fail(str(error)) from error


def address(text: str) -> Address:
    """Parse a mail address of the command line. Raises Fail."""
    try:
        return parse_address(text)
    except BadAddress as error:
        raise Fail(str(error)) from error


def own_address(text: str) -> Address:
    """Parse the address of a new account or alias. Raises Fail."""
    try:
        return parse_own_address(text)
    except BadAddress as error:
        raise Fail(str(error)) from error


def domain(text: str) -> str:
    """Parse a domain name of the command line, and return its normal form. Raises Fail."""
    try:
        return parse_domain(text)
    except BadAddress as error:
        raise Fail(str(error)) from error


class Parsed(click.types.FuncParamType):  # type: ignore[type-arg]  # generic since click 8.4
    """A parameter that a function converts. A Fail that the function raises names the option."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Parse a text. Raises Fail."""
        try:
            return super().convert(value, param, ctx)
        except Fail as error:
            if isinstance(param, click.Option):
                raise type(error)(f"{param.opts[0]}: {error.message}") from error
            raise


ADDRESS = Parsed(address)
OWN_ADDRESS = Parsed(own_address)
DOMAIN = Parsed(domain)


def on_terminal() -> bool:
    """True if standard input is a terminal, so that the command can ask the user."""
    return sys.stdin.isatty()


def new_password(what: str) -> str:
    """Ask for a password twice, or read it from standard input if that is no terminal."""
    if on_terminal():
        prompt: str = click.prompt(
            f"Password for {what}", hide_input=True, confirmation_prompt=True
        )
        return prompt
    return _first_line(sys.stdin.readline())


def known_password(what: str, file: str | None) -> str:
    """Return the password to log in with: from a file, from the user at the terminal, or from
    standard input."""
    if file:
        try:
            with open(file, encoding="utf-8") as source:
                return _first_line(source.readline())
        except UnicodeDecodeError as error:
            raise Fail(f"{file} is not text in UTF-8") from error
    if on_terminal():
        prompt: str = click.prompt(f"Password for {what}", hide_input=True)
        return prompt
    return _first_line(sys.stdin.readline())


def _first_line(line: str) -> str:
    password = line.removesuffix("\n").removesuffix("\r")
    if not password:
        raise Fail("the password is empty; it is read from the first line of standard input")
    return password


@contextmanager
def administration(loaded: Loaded, force_hint: str = "") -> Iterator[Administration]:
    """Give the service that changes the directory, with the rights of the host's user. A running
    host is notified of each change. Refusals become Fail; `force_hint` is added to those that need
    `--force`."""
    from mailhost.directory.administration import Administration
    from mailhost.directory.from_settings import view_of_settings
    from mailhost.interfaces.directory import NeedsForce

    def changed() -> None:
        notify_host(loaded)

    with refusals():
        try:
            view = view_of_settings(loaded.settings, loaded.secrets)
            settings = loaded.settings
            yield Administration(
                view,
                loaded.path,
                lambda: open_database(settings),
                changed,
                settings.report_mailboxes,
            )
        except NeedsForce as error:
            raise Fail(f"{error}{force_hint}") from error


@contextmanager
def refusals() -> Iterator[None]:
    """Turn refusals of the directory into Fail."""
    from mailhost.interfaces.directory import DirectoryError

    try:
        yield
    except DirectoryError as error:
        raise Fail(str(error)) from error


@contextmanager
def open_database(settings: Settings, create: bool = False) -> Iterator[DirectoryDatabase]:
    """Open the directory's database with the rights of the host's user. Raises DirectoryError.

    Root works with the rights of the data folder's owner, so that the host can write the files
    that are made here.
    """
    from mailhost.application.privileges import as_owner
    from mailhost.directory.place import database_path, why_missing
    from mailhost.directory.sqlite import DirectoryDatabase
    from mailhost.interfaces.directory import DirectoryError

    try:
        os.stat(settings.data)
    except FileNotFoundError as error:
        raise DirectoryError(why_missing(settings.data)) from error
    with (
        as_owner(settings.data),
        closing(DirectoryDatabase(database_path(settings.data), create=create)) as opened,
    ):
        yield opened


def ask(config: str | None, name: str, answer_within: float = 60.0, **arguments: Any) -> Any:
    """Send a request to the running host, and return its answer. Raises NoHost, or Fail if the host
    refuses, or does not answer within so many seconds."""
    from mailhost.net.control.client import (
        CommandFailed,
        ControlClient,
        NoHostRunning,
        control_path,
    )

    try:
        path = control_path(data_folder(config))
        return ControlClient(path, answer_within).call(name, **arguments)
    except NoHostRunning as error:
        raise NoHost(str(error)) from error
    except CommandFailed as error:
        raise Fail(str(error)) from error


def notify_host(loaded: Loaded) -> None:
    """Have the running host check the directory for changes. It is no fault if no host runs."""
    from mailhost.net.control.client import (
        CommandFailed,
        ControlClient,
        NoHostRunning,
        control_path,
    )

    try:
        ControlClient(control_path(loaded.settings.data)).call("directory.refresh")
    except NoHostRunning:
        return
    except CommandFailed as error:
        click.echo(f"saved, but the running host says: {error}", err=True)
