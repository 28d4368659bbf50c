"""dns-01 (RFC 8555 §8.4): a TXT record, which a command or nsupdate puts into DNS.

The authority asks the authoritative servers of the zone, so the host waits until all of them show
the record. `_acme-challenge.NAME` may be a CNAME to a name in a zone that is easier to change: then
the record is put there.
"""

from __future__ import annotations

import hashlib
from base64 import urlsafe_b64encode
from collections.abc import Awaitable, Sequence
from dataclasses import dataclass

from twisted.internet.defer import TimeoutError
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import deferLater
from zope.interface import Interface, implementer

from mailhost.certificates.program import KILLED, Ended, RunProgram
from mailhost.certificates.provers import IProver
from mailhost.interfaces.dns import (
    AuthorityReply,
    Found,
    IAuthoritativeServers,
    ILookUp,
    cname_of,
    txt_of,
)

LABEL = "_acme-challenge"
FIRST_WAIT, LONGEST_WAIT = 1.0, 15.0  # seconds between two questions to the servers
MOST_CNAMES = 8
PROGRAM_SECONDS = 120.0


class IRecordChanger(Interface):
    """Changes TXT records in DNS."""

    def present(name: str, value: str) -> Awaitable[str]:
        """Add a record. Return an empty text, or why that failed. Raises nothing."""

    def cleanup(name: str, value: str) -> Awaitable[str]:
        """Remove the record. Return an empty text, or why that failed. Raises nothing."""


@implementer(IRecordChanger)
class CommandChanger:
    """Calls a program with `present` or `cleanup`, the name and the value."""

    def __init__(self, command: Sequence[str], run: RunProgram) -> None:
        self._command = command
        self._run = run

    async def present(self, name: str, value: str) -> str:
        return await self._call("present", name, value)

    async def cleanup(self, name: str, value: str) -> str:
        return await self._call("cleanup", name, value)

    async def _call(self, word: str, name: str, value: str) -> str:
        return await _outcome(self._run, [*self._command, word, name, value])


@implementer(IRecordChanger)
class UpdateChanger:
    """Sends dynamic updates (RFC 2136) by nsupdate. `server` is an address and a port, `key` the
    file of a TSIG key, `ttl` in seconds."""

    def __init__(self, server: tuple[str, int], key: str, ttl: int, run: RunProgram) -> None:
        self._server = server
        self._key = key
        self._ttl = ttl
        self._run = run

    async def present(self, name: str, value: str) -> str:
        return await self._send(f'update add {name}. {self._ttl} TXT "{value}"')

    async def cleanup(self, name: str, value: str) -> str:
        return await self._send(f'update delete {name}. TXT "{value}"')

    async def _send(self, line: str) -> str:
        host, port = self._server
        text = f"server {host} {port}\n{line}\nsend\n"
        return await _outcome(self._run, ["nsupdate", "-k", self._key], text)


async def _outcome(run: RunProgram, arguments: Sequence[str], text: str = "") -> str:
    """Return an empty text for a program that succeeded, else why it did not."""
    program = arguments[0]
    try:
        ended: Ended = await run(arguments, text)
    except TimeoutError:
        return f"{program} did not end in time"
    except OSError as error:
        return f"{program} cannot be run: {error.strerror}"
    if ended.code == 0:
        return ""
    how = "was ended by a signal" if ended.code == KILLED else f"ended with the code {ended.code}"
    return f"{program} {how}: {ended.output or 'no output'}"


@dataclass(frozen=True, slots=True)
class Zone:
    """Where records are looked up. A record has `seconds` to appear at all servers."""

    resolver: ILookUp
    servers: IAuthoritativeServers
    seconds: float


@implementer(IProver)
class DNSProver:
    """dns-01. `changer` puts records into DNS."""

    def __init__(self, clock: IReactorTime, changer: IRecordChanger, zone: Zone) -> None:
        self._clock = clock
        self._changer = changer
        self._zone = zone

    async def present(self, name: str, token: str, authorization: str) -> str:
        return await self._changer.present(await self._target(name), value_of(authorization))

    async def visible(self, name: str, token: str, authorization: str) -> str:
        target = await self._target(name)
        return await self._wait(target, value_of(authorization).encode("ascii"))

    async def remove(self, name: str, token: str, authorization: str) -> None:
        await self._changer.cleanup(await self._target(name), value_of(authorization))

    async def _target(self, name: str) -> str:
        """Return the name of the record, after CNAMEs."""
        target = f"{LABEL}.{name}"
        for _ in range(MOST_CNAMES):
            reply = await self._zone.resolver.look_up(cname_of(target))
            if not reply.records:
                break
            target = reply.records[0]
        return target

    async def _wait(self, target: str, value: bytes) -> str:
        """Wait until all servers show the record. Return an empty text, or which do not."""
        end = self._clock.seconds() + self._zone.seconds
        pause = FIRST_WAIT
        while True:
            found = await self._zone.servers.ask_all(txt_of(target))
            missing = _missing(found, value)
            if not missing:
                return ""
            if self._clock.seconds() >= end:
                return f"the TXT record of {target} did not appear: {missing}"
            await deferLater(self._clock, pause)
            pause = min(pause * 1.5, LONGEST_WAIT)


def value_of(authorization: str) -> str:
    """Return the text of the TXT record for a key authorization."""
    digest = hashlib.sha256(authorization.encode("ascii")).digest()
    return urlsafe_b64encode(digest).decode("ascii").rstrip("=")


def _missing(found: AuthorityReply[bytes], value: bytes) -> str:
    """Return the servers without the record, an empty text if all have it. Servers that do not
    answer do not count, unless none does."""
    if not found.replies:
        return found.trouble or "no server of its zone is found"
    answered = {
        host: reply for host, reply in found.replies.items() if reply.found is not Found.FAILED
    }
    if not answered:
        return f"no server of {found.zone} answers"
    without = [host for host, reply in answered.items() if value not in reply.records]
    return f"{', '.join(sorted(without))} of {found.zone} does not show it" if without else ""
