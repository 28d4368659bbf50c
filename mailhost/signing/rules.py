"""By which domain a message is signed, and which keys a domain has, as the settings say."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from mailhost.config.dkim import DomainDKIM
from mailhost.config.model import Settings
from mailhost.config.section import DAY
from mailhost.interfaces.accounts import DirectoryView
from mailhost.interfaces.dns import is_for_tests
from mailhost.message.domains import names_above

# seconds that other hosts keep mail in their queues (RFC 5321 §4.5.4)
TIME_IN_OTHER_QUEUES = 5 * DAY
OFF = "the settings say that it does not sign"


@dataclass(frozen=True, slots=True)
class DomainRules:
    """The keys of one domain: their kinds, the size of RSA keys in bits, how selectors of new keys
    begin, and the times after which a key is replaced (0: never) and a retired one is removable, in
    seconds. Keys of a domain that is `not_in_dns` sign at once."""

    algorithms: tuple[str, ...]
    rsa_bits: int
    selector: str = ""
    rotate_after: float = 0.0
    retire_for: float = 10 * DAY
    not_in_dns: bool = False


class SigningRules:
    """The rules of one generation of the settings."""

    def __init__(self, settings: Settings) -> None:
        dkim = settings.dkim
        self._on = dkim.sign
        self._hostname = settings.hostname
        self._algorithms = tuple(each.value for each in dkim.algorithms)
        self._rsa_bits = dkim.rsa_bits
        self._sign_as: Mapping[str, str] = dkim.sign_as
        self._tables: dict[str, DomainDKIM] = {
            **{name: domain.dkim for name, domain in settings.domain.items()},
            **dkim.domain,
        }
        self._asks_dns = settings.demo is None
        self.validity = int(dkim.expire_after) or None
        self.convert_8bit = dkim.convert_8bit
        self._rotate_after = dkim.rotate_after
        self._retire_for = settings.queue.expire_after + max(
            dkim.expire_after, TIME_IN_OTHER_QUEUES
        )

    def of(self, domain: str) -> DomainRules:
        """Return the rules for the keys of a domain."""
        table = self._tables.get(domain, DomainDKIM())
        return DomainRules(
            self._algorithms,
            table.rsa_bits or self._rsa_bits,
            table.selector,
            self._rotate_after,
            self._retire_for,
            not self._asks_dns or is_for_tests(domain),
        )

    def signing_domain(self, author: str) -> str:
        """Return the domain that signs for mail of authors in the domain `author`: that domain
        itself, unless `sign_as` names another one."""
        found = self._sign_as.get(author)
        if found is not None or not self._sign_as:
            return found or author
        for above in names_above(author):
            found = self._sign_as.get(f"*.{above}")
            if found is not None:
                return found
        return self._sign_as.get("*", author)

    def choose(self, author: str, view: DirectoryView) -> tuple[str, str]:
        """Return the domain that signs for authors in the domain `author`, and why it does not
        sign; the reason is empty where it does."""
        domain = self.signing_domain(author)
        if self.is_off(domain):
            return domain, OFF
        return domain, "" if self.signs(domain, view) else "it is no domain that signs here"

    def signs(self, domain: str, view: DirectoryView) -> bool:
        """True for a domain that is to have keys: of this host, its name, or one of `sign_as`."""
        if self.is_off(domain) or domain.startswith("["):
            return False
        return (
            domain == self._hostname
            or view.domain(domain) is not None
            or domain in self._sign_as.values()
        )

    def domains(self, view: DirectoryView) -> list[str]:
        """Return all domains that are to have keys."""
        names: Iterable[str] = {
            self._hostname,
            *view.domains,
            *view.also,
            *self._sign_as.values(),
        }
        return sorted(name for name in names if self.signs(name, view))

    def is_off(self, domain: str) -> bool:
        """True if the settings say that a domain has no keys."""
        table = self._tables.get(domain)
        return not self._on or (table is not None and table.off)
