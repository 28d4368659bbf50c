"""Makes the folder of a host of the playground: certificate, settings, accounts and DKIM keys.

All of this blocks: for the disk, and for about a second that the keys take.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from mailhost.application.privileges import make_data_folder
from mailhost.config.load import load
from mailhost.config.model import Settings
from mailhost.directory.place import database_path
from mailhost.directory.sqlite import DirectoryDatabase
from mailhost.dns_records.facts import CertificateKey
from mailhost.dns_records.record import DNSPlan
from mailhost.durable.blocking import BlockingCommitter
from mailhost.durable.system import OperatingSystem
from mailhost.interfaces.signing import DomainKey
from mailhost.logins.stored_secret import hash_password
from mailhost.message.address import parse_address
from mailhost.net.tls.certificate import PEM
from mailhost.playground.certificates import CURRENT, Authority, Validity, new_authority, new_key
from mailhost.playground.dns_server import Records
from mailhost.playground.hosts import HOSTS, HostNames
from mailhost.playground.ports import Ports
from mailhost.playground.records import plans_of, records_of
from mailhost.playground.settings import settings_text
from mailhost.signing.key_files import KeyFiles
from mailhost.signing.key_work import KeyWork
from mailhost.signing.rules import SigningRules

AUTHORITY_FILE, PASSWORD_FILE = "authority.pem", "password"
SETTINGS_FILE = "mailhost.toml"


@dataclass(frozen=True, slots=True)
class Prepared:
    """The authority of the certificates, the password of all accounts, the DNS records, and the
    keys of the certificates by the names of the hosts."""

    authority: Authority
    password: str = field(repr=False)
    records: Records
    keys: Mapping[str, EllipticCurvePrivateKey] = field(repr=False)

    def certificate(
        self,
        host: HostNames,
        names: Sequence[str] = (),
        validity: Validity = CURRENT,
        by: Authority | None = None,
    ) -> PEM:
        """Return a certificate with the key of a host, for all its names unless others are
        given."""
        authority = by or self.authority
        return authority.issue(names or host.certificate_names, validity, self.keys[host.name])


def prepare(folder: Path, ports: Ports) -> Prepared:
    """Make the folders of both hosts in `folder`, which is empty."""
    authority, password = new_authority(), secrets.token_urlsafe(9)
    folder.joinpath(AUTHORITY_FILE).write_bytes(authority.pem)
    _write_secret(folder / PASSWORD_FILE, f"{password}\n".encode())
    secret = hash_password(password)
    plans: list[DNSPlan] = []
    keys = {host.name: new_key() for host in HOSTS}
    for host, other in zip(HOSTS, reversed(HOSTS), strict=True):
        place = folder / host.name
        place.mkdir(mode=0o700)
        key = keys[host.name]
        write_certificate(place, authority.issue(host.certificate_names, key=key))
        write_settings(place, settings_text(host, other, ports))
        settings = load(str(place / SETTINGS_FILE)).settings
        _make_accounts(settings, host, secret)
        plans += plans_of(host, settings, _make_keys(settings, host), _public(key))
    return Prepared(authority, password, records_of(plans), keys)


def _public(key: EllipticCurvePrivateKey) -> CertificateKey:
    form = (Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return CertificateKey(key.public_key().public_bytes(*form))


def write_settings(place: Path, text: str) -> None:
    """Write the settings file of a host."""
    place.joinpath(SETTINGS_FILE).write_text(text)


def write_certificate(place: Path, pem: PEM) -> None:
    """Write the certificate of a host, and its key for its owner alone."""
    place.joinpath("chain.pem").write_bytes(pem.chain)
    _write_secret(place / "key.pem", pem.key)


def _write_secret(path: Path, octets: bytes) -> None:
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        file.write(octets)


def _make_accounts(settings: Settings, host: HostNames, secret: str) -> None:
    make_data_folder(settings.data, settings.user)
    database = DirectoryDatabase(database_path(settings.data), create=True)
    for account in map(parse_address, host.accounts):
        database.add_domain(account.domain)
        database.add_account(account, secret, None)
    database.close()


def _make_keys(settings: Settings, host: HostNames) -> list[DomainKey]:
    """Make the keys of all names of a host, which sign at once."""
    files = KeyFiles(settings.data, BlockingCommitter(OperatingSystem()).commit)
    files.prepare(new_host=True)
    rules, work = SigningRules(settings), KeyWork(files)
    made = [work.tend(each, replace(rules.of(each), not_in_dns=True), {}) for each in host.names]
    return [pair.public for changed in made for pair in changed.pairs]
