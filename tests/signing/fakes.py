"""The step that signs, on the keys of a data folder."""

from __future__ import annotations

from collections.abc import Callable

from zope.interface import implementer

from mailhost.config.model import Settings
from mailhost.durable.blocking import BlockingCommitter
from mailhost.durable.system import OperatingSystem
from mailhost.interfaces.signing import IKeyMaker
from mailhost.outgoing import Completion, Outgoing
from mailhost.signing.key_files import KeyFiles
from mailhost.signing.key_ring import KeyRing
from mailhost.signing.key_work import KeyWork
from mailhost.signing.rules import DomainRules, SigningRules
from mailhost.signing.step import Signing
from tests.fakes import FakeDirectory, RecordingEvents, view_of
from tests.queue.fakes import here


@implementer(IKeyMaker)
class NoMaker:
    """Makes no keys."""

    async def ensure(self, domain: str) -> None:
        """See IKeyMaker."""


def files_of(data: str) -> KeyFiles:
    """The files with keys in a data folder."""
    return KeyFiles(data, BlockingCommitter(OperatingSystem()).commit)


def make_keys(data: str, domain: str, kinds: tuple[str, ...] = ("ed25519",)) -> dict[str, str]:
    """Make keys that sign for a domain; return their records by name."""
    pairs = (
        KeyWork(files_of(data)).tend(domain, DomainRules(kinds, 2048, not_in_dns=True), {}).pairs
    )
    return {each.public.name: each.public.record for each in pairs}


def signing_outgoing(data: str, hostname: str, wall: Callable[[], float]) -> Outgoing:
    """The last steps for mail in the name of a host: it is completed and signed."""
    ring = KeyRing(files_of(data), here, RecordingEvents())
    ring.load()
    settings = Settings.model_validate({"version": 1, "hostname": hostname, "data": data})
    directory = FakeDirectory(view_of())
    signing = Signing(
        ring, SigningRules(settings), NoMaker(), directory, RecordingEvents(), here, wall
    )
    return Outgoing(Completion(hostname, here, wall), [signing])
