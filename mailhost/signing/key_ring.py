"""The keys of all domains in the memory of one process.

The files are read at the start, and those of a domain again when the head says that they changed.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import partial

from twisted.internet.defer import DeferredLock
from zope.interface import implementer

from mailhost.concurrency.threads import InThread
from mailhost.dkim.keys import BadPrivateKey
from mailhost.dkim.sign import Signer
from mailhost.interfaces.events import Faulted, IEventSink
from mailhost.interfaces.signing import DomainKey, IDomainKeys, KeyState
from mailhost.signing.key_files import KeyFiles, KeyPair, KeysUnreadable
from mailhost.signing.rules import SigningRules


class KeyRing:
    """Outlives a reload."""

    def __init__(self, files: KeyFiles, in_thread: InThread, events: IEventSink) -> None:
        self.files = files
        self._in_thread = in_thread
        self._one_at_a_time = DeferredLock()
        self._events = events
        self._keys: dict[str, tuple[KeyPair, ...]] = {}
        self._active: dict[str, tuple[Signer, ...]] = {}

    def load(self) -> None:
        """Read the keys of all domains. Those that cannot be read are logged, and sign nothing.
        Blocks for the disk; raises OSError where the folder cannot be read."""
        for domain in self.files.domains():
            try:
                self.use(domain, self._read(domain))
                for_others = self.files.open_to_others(domain)
            except OSError as error:
                self.use(domain, ())
                self._fail(domain, error)
            else:
                if for_others:
                    text = f"other users may read {for_others}, which has private keys"
                    self._events.emit(Faulted("dkim", f"{text}; run: chmod 600 {for_others}"))

    async def read_again(self, domain: str) -> None:
        """Use the keys of a domain as they are in its file now. A failure is logged.

        Reads one after another, so that the last one always has the newest keys.
        """
        read = partial(self._read, domain)
        try:
            self.use(domain, await self._one_at_a_time.run(lambda: self._in_thread(read)))
        except OSError as error:
            self._fail(domain, error)

    def _fail(self, domain: str, error: OSError) -> None:
        self._events.emit(Faulted("dkim", f"cannot read the keys of {domain}: {error}"))

    def _read(self, domain: str) -> tuple[KeyPair, ...] | None:
        """Return the keys of a domain as they are in its file. A damaged file is logged, and holds
        no keys. Blocks for the disk; raises OSError."""
        try:
            return self.files.read(domain)
        except KeysUnreadable as damaged:
            self._events.emit(Faulted("dkim", str(damaged)))
            return ()

    def use(self, domain: str, keys: Sequence[KeyPair] | None) -> None:
        """Have these keys for a domain from now on."""
        self._active.pop(domain, None)
        if keys is None:
            self._keys.pop(domain, None)
        else:
            self._keys[domain] = tuple(keys)

    @property
    def domains(self) -> list[str]:
        """The domains that have keys."""
        return sorted(self._keys)

    def keys(self, domain: str) -> tuple[KeyPair, ...] | None:
        """Return the keys of a domain; None for a domain that never had any."""
        return self._keys.get(domain)

    def signers(self, domain: str) -> tuple[Signer, ...]:
        """Return the keys by which a domain signs now."""
        found = self._active.get(domain)
        if found is None:
            pairs = self._keys.get(domain, ())
            active = (each for each in pairs if each.public.state is KeyState.ACTIVE)
            found = self._active[domain] = tuple(self._signers(active))
        return found

    def _signers(self, pairs: Iterable[KeyPair]) -> list[Signer]:
        signers = list[Signer]()
        for pair in pairs:
            key = pair.public
            try:
                signers.append(Signer(key.domain, key.selector, pair.private()))
            except BadPrivateKey as bad:
                self._events.emit(Faulted("dkim", f"{key.name}: {bad}"))
        return signers


@implementer(IDomainKeys)
class DomainKeys:
    """The keys of a process by the rules of one generation of the settings."""

    def __init__(self, ring: KeyRing, rules: SigningRules) -> None:
        self._ring = ring
        self._rules = rules

    def keys_of(self, domain: str) -> Sequence[DomainKey]:
        pairs = self._ring.keys(self._rules.signing_domain(domain))
        return [pair.public for pair in pairs or ()]
