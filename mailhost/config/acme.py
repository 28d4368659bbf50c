"""`[tls.acme]`: certificates that the host orders from an authority by itself (ACME, RFC 8555)."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any
from urllib.parse import urlsplit

from pydantic import BeforeValidator, Field

from mailhost.config.section import DAY, MINUTE, Positive, Section
from mailhost.config.types import (
    Command,
    Count,
    MailAddress,
    OptionalPath,
    Path,
    SecretSource,
    ServerAddress,
    Switch,
    normal_certificate_name,
)

LETS_ENCRYPT = "https://acme-v02.api.letsencrypt.org/directory"
STAGING = "https://acme-staging-v02.api.letsencrypt.org/directory"
_WORDS = {"letsencrypt": LETS_ENCRYPT, "staging": STAGING}
MOST_NAMES = 90  # with those of a domain itself at most 100, as Let's Encrypt allows


class ChallengeKind(StrEnum):
    """The ways to prove that a name is ours."""

    HTTP_01 = "http-01"
    TLS_ALPN_01 = "tls-alpn-01"
    DNS_01 = "dns-01"


class KeyKind(StrEnum):
    """The kinds of keys for certificates."""

    P256 = "p256"
    P384 = "p384"
    RSA2048 = "rsa2048"
    RSA3072 = "rsa3072"
    RSA4096 = "rsa4096"


def _directory(value: Any) -> str:
    text = 'write "letsencrypt", "staging", or the URL of a directory, beginning with https://'
    if not isinstance(value, str):
        raise ValueError(text)
    url = _WORDS.get(value, value)
    try:
        parts = urlsplit(url)
        good = parts.scheme == "https" and bool(parts.hostname) and parts.port != 0
    except ValueError:
        good = False
    if not good or not url.isascii() or not url.isprintable() or " " in url:
        raise ValueError(text)
    return url


def _optional_directory(value: Any) -> str:
    return "" if value == "" else _directory(value)


def _name(value: Any) -> str:
    text = 'write a host name such as "imap.example.com", or "*.example.com"'
    if not isinstance(value, str):
        raise ValueError(text)
    bare = value.removeprefix("*.")
    name = normal_certificate_name(bare)
    if not name or ":" in name or name.rpartition(".")[2].isdigit() or "." not in name:
        raise ValueError(f"{text}, not {value!r}")
    return f"*.{name}" if bare != value else name


def _line(value: Any) -> str:
    if not isinstance(value, str) or not value or not value.isprintable() or len(value) > 500:
        raise ValueError("write the id as the authority gave it")
    return value


Directory = Annotated[str, BeforeValidator(_directory)]
OptionalDirectory = Annotated[str, BeforeValidator(_optional_directory)]
NameInCertificate = Annotated[str, BeforeValidator(_name)]
Line = Annotated[str, BeforeValidator(_line)]


class ExternalAccount(Section):
    """`[tls.acme.external_account]`: an account that the authority gave otherwise. `key` is in
    base64url (RFC 8555 §7.3.4)."""

    id: Line
    key: SecretSource


class NSUpdate(Section):
    """`[tls.acme.nsupdate]`: a DNS server that takes updates (RFC 2136), and the file of the TSIG
    key for them. `ttl` is in seconds."""

    server: ServerAddress
    key: Path
    ttl: Annotated[Count, Field(ge=0, le=86400)] = 60


class ACME(Section):
    """`[tls.acme]`. Without `agree` no authority is contacted. `try_first` is a directory where an
    order has to succeed first. `dns_wait` is the time until a record has to be at the authoritative
    servers."""

    agree: Switch = False
    contact: tuple[MailAddress, ...] = ()
    directory: Directory = LETS_ENCRYPT
    try_first: OptionalDirectory = ""
    challenges: Annotated[tuple[ChallengeKind, ...], Field(min_length=1)] = (
        ChallengeKind.HTTP_01,
        ChallengeKind.TLS_ALPN_01,
        ChallengeKind.DNS_01,
    )
    names: Annotated[tuple[NameInCertificate, ...], Field(max_length=MOST_NAMES)] = ()
    key: KeyKind = KeyKind.P256
    ca_file: OptionalPath = ""
    external_account: ExternalAccount | None = None
    dns_command: Command = ()
    nsupdate: NSUpdate | None = None
    dns_wait: Annotated[Positive, Field(le=DAY)] = 5 * MINUTE

    @property
    def files(self) -> tuple[str, ...]:
        """The files that are read with each order, besides secrets."""
        return tuple(filter(None, (self.ca_file, self.nsupdate.key if self.nsupdate else "")))

    @property
    def changes_dns(self) -> bool:
        """True if the host can put records for dns-01 into DNS."""
        return bool(self.dns_command) or self.nsupdate is not None

    @property
    def usable_challenges(self) -> tuple[ChallengeKind, ...]:
        """The challenges that can be answered, in the order in which they are tried."""
        return tuple(
            kind
            for kind in dict.fromkeys(self.challenges)
            if kind is not ChallengeKind.DNS_01 or self.changes_dns
        )
