"""The `mailhost dkim` commands in the running host."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

from mailhost.application.head import Head
from mailhost.net.control.server import CommandRefused, Commands
from mailhost.signing.commands import Entry, change_of, entry_of
from mailhost.signing.key_work import KeyRefused


def key_commands(head: Head) -> Commands:
    """Return the commands by name. All but the list change the keys of one domain, and return its
    keys."""

    def entries(*domains: str) -> list[Entry]:
        ring = head.foundation.key_ring
        keys = (pair.public for name in domains for pair in ring.keys(name) or ())
        return [entry_of(key, head.keys.shown(key)) for key in keys]

    async def list_(domain: str = "", check: bool = False) -> list[Entry]:
        await head.keys.ensure_all()
        domains = [domain] if domain else head.foundation.key_ring.domains
        for name in domains if check else ():
            await head.keys.check(name)
        found = entries(*domains)
        if domain and not found:
            await _check_readable(head, domain)
        return found

    def changing(command: str) -> Callable[..., Awaitable[list[Entry]]]:
        async def change(domain: str, **arguments: Any) -> list[Entry]:
            rules = head.services.signing_rules.of(domain)
            try:
                work = change_of(command, rules, head.key_work, arguments)
                await head.keys.change(domain, work)
            except (KeyRefused, OSError) as refused:
                raise CommandRefused(str(refused)) from refused
            await head.keys.ensure(domain)  # a retired key needs a successor
            if command == "import" or rules.not_in_dns:  # the record is mostly in DNS already
                await head.keys.check(domain)
            return entries(domain)

        return change

    commands = {f"dkim.{name}": changing(name) for name in ("make", "rotate", "retire", "import")}
    return {"dkim.list": list_, **commands}


async def _check_readable(head: Head, domain: str) -> None:
    """Raises CommandRefused for a file of keys that cannot be read."""
    foundation = head.foundation
    try:
        await foundation.in_thread(partial(foundation.key_ring.files.read, domain))
    except OSError as error:  # it was so at the start too, and is in the log
        raise CommandRefused(str(error)) from error
