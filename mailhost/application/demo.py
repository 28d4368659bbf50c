"""The demo: accounts to try mail with, made at the first start, and a banner that explains it."""

from __future__ import annotations

import os
import secrets
import shlex
import shutil
import sys

from mailhost.config.endpoint import parse_endpoint
from mailhost.config.load import Loaded
from mailhost.config.model import Demo, Settings
from mailhost.directory.place import database_path
from mailhost.directory.sqlite import DirectoryDatabase
from mailhost.logins.stored_secret import hash_password


def make_demo(settings: Settings, demo: Demo) -> None:
    """Make the demo's domains, accounts and password where they are missing. Blocks."""
    database = DirectoryDatabase(database_path(settings.data))
    view = database.view()
    missing = [address for address in demo.accounts if view.account(address) is None]
    if not missing:
        return
    secret = hash_password(_password(demo.password_file))
    for address in missing:
        if address.domain not in database.view().domains:
            database.add_domain(address.domain)
        database.add_account(address, secret, None)


def _password(path: str) -> str:
    """Return the password kept at `path`, made at the first call, readable by its owner alone."""
    try:
        with open(path, encoding="ascii") as file:
            return file.read().strip()
    except FileNotFoundError:
        password = secrets.token_urlsafe(12)
        fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(fd, "w", encoding="ascii") as file:
            file.write(password + "\n")
        return password


def banner(loaded: Loaded, demo: Demo) -> str:
    """Return the text that a new user needs: the listeners, the accounts, commands to try."""
    settings = loaded.settings
    listening = "\n".join(
        f"    {listen.protocol.value:<12} {_where(listen.endpoint)}" for listen in settings.listen
    )
    people = ", ".join(map(str, demo.accounts))
    first, last = demo.accounts[0], demo.accounts[-1]
    config = shlex.quote(os.path.relpath(loaded.path))
    command = f"{shlex.quote(_command())} {{}} --config {config}"
    return f"""
    mailhost is running. It listens for
{listening}
    Accounts: {people}
    Their password is in {os.path.relpath(demo.password_file)}

    Try this in another terminal, in this folder:
    {command.format("mail send")} --from {first} --to {last} --subject Hello --body "It works."
    {command.format("mail read")} {last}
    {command.format("queue list")}

    Ctrl-C stops it. Delivered mail stays in {os.path.relpath(settings.data)}.
"""


def _where(endpoint: str) -> str:
    parsed = parse_endpoint(endpoint)
    return f"{parsed.part('interface') or '*'} port {parsed.part('port')}"


def _command() -> str:
    """How to call `mailhost` so that it works when pasted."""
    beside = os.path.join(os.path.dirname(sys.argv[0]), "mailhost")
    if shutil.which("mailhost") == os.path.abspath(beside):
        return "mailhost"
    return os.path.relpath(beside) if os.path.exists(beside) else "mailhost"
