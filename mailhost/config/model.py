"""Every setting, with its type and default, as frozen values.

This model is the grammar of the settings file: all other keys are unknown. etc/mailhost.toml
explains each setting to users.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from ipaddress import ip_network
from typing import Annotated, Any

from pydantic import Field

from mailhost.config.acme import ACME
from mailhost.config.dkim import DKIM, DomainDKIM
from mailhost.config.dmarc import DMARC
from mailhost.config.doctor import Doctor
from mailhost.config.filters.kinds import AnyFilter, Mode
from mailhost.config.metrics import Metrics
from mailhost.config.mta_sts import MTASTS, DomainMTASTS
from mailhost.config.protocol import ListenProtocol
from mailhost.config.relay_tls import RelayTLS
from mailhost.config.section import DAY, HOUR, MEGABYTE, MINUTE, Positive, Section
from mailhost.config.sending import DomainSending, Families, SourceAddresses
from mailhost.config.tls_reports import TLSReports
from mailhost.config.trace import Trace
from mailhost.config.types import (
    AccountId,
    AccountName,
    Bytes,
    Capability,
    CertificateName,
    ClientEndpoint,
    Count,
    DeviceName,
    DomainName,
    DomainPattern,
    MailAddress,
    Network,
    OptionalFieldName,
    Path,
    PublicAddress,
    Seconds,
    SecretSource,
    ServerAddress,
    ServerEndpoint,
    SPFMechanism,
    Switch,
    Target,
    Upstreams,
)
from mailhost.config.web import Web
from mailhost.message.address import Address


class RouteTLS(StrEnum):
    """The use of TLS with another server. `require` also verifies the certificate."""

    NEVER = "never"
    OPPORTUNISTIC = "opportunistic"
    REQUIRE = "require"


class Identity(StrEnum):
    """How the proxy sends the address of the client to the server behind it."""

    NONE = "none"
    XCLIENT = "xclient"
    XFORWARD = "xforward"
    HAPROXY = "haproxy"


class Listen(Section):
    """`[[listen]]`: one listening socket. `endpoint` is a Twisted server endpoint description.
    `disable` are IMAP capabilities that are neither offered nor accepted there.

    The other settings are for proxies: `upstream` are Twisted client endpoints, `upstream_name` is
    the name to expect in the certificate there, empty for the host of the endpoint.
    """

    protocol: ListenProtocol
    endpoint: ServerEndpoint
    upstream: Upstreams = ()
    upstream_tls: RouteTLS = RouteTLS.OPPORTUNISTIC
    upstream_name: CertificateName = ""
    identity: Identity = Identity.NONE
    trace: Switch = True
    disable: tuple[Capability, ...] = ()

    @property
    def socket(self) -> tuple[ListenProtocol, str]:
        """The values that listeners must have in common for one to take over the other's socket."""
        return self.protocol, self.endpoint


class Certificate(Section):
    """`[[tls.certificate]]`: a PEM chain, own certificate first, and its key."""

    chain: Path
    key: Path


class TLSVersion(StrEnum):
    """The oldest TLS version that is accepted from clients."""

    V1_2 = "1.2"
    V1_3 = "1.3"


class SMTPTLSVersion(StrEnum):
    """The oldest TLS version that is accepted from other mail servers. RFC 8996 deprecates 1.0 and
    1.1, but without them such servers send without encryption (RFC 7435)."""

    V1_0 = "1.0"
    V1_1 = "1.1"
    V1_2 = "1.2"
    V1_3 = "1.3"


class TLS(Section):
    """`[tls]`. Without certificates, also those of `acme`, a self-signed one is made below the data
    folder."""

    certificate: tuple[Certificate, ...] = ()
    minimum: TLSVersion = TLSVersion.V1_2
    smtp_minimum: SMTPTLSVersion = SMTPTLSVersion.V1_2
    acme: ACME = ACME()


class OfferDSN(StrEnum):
    """Which clients may ask for reports of success; `known`: logged in, or in relay.networks."""

    EVERYONE = "everyone"
    KNOWN = "known"


class LimitSettings(Section):
    """`[limits]`: the limits for one client, and for all clients together."""

    message_size: Annotated[Bytes, Field(ge=1024)] = 50 * MEGABYTE
    message_memory: Annotated[Bytes, Field(ge=0)] = 256_000
    recipients: Annotated[Count, Field(ge=1)] = 1000
    connections: Annotated[Count, Field(ge=1)] = 10_000
    connections_per_client: Annotated[Count, Field(ge=1)] = 100
    connections_per_account: Annotated[Count, Field(ge=1)] = 50
    errors: Annotated[Count, Field(ge=1)] = 20
    hops: Annotated[Count, Field(ge=1)] = 50
    dsn: OfferDSN = OfferDSN.EVERYONE
    command_timeout: Positive = 5 * MINUTE
    data_timeout: Positive = 10 * MINUTE
    stop_timeout: Seconds = 30.0


class LoginSettings(Section):
    """`[login]`: the rules for logins."""

    plaintext_on_loopback: Switch = False
    failures: Annotated[Count, Field(ge=1)] = 10
    failures_within: Seconds = 10 * MINUTE
    delay: Seconds = 1.0
    gateways: tuple[Network, ...] = (ip_network("127.0.0.0/8"), ip_network("::1"))
    account_failures: Annotated[Count, Field(ge=1)] = 100


class IMAP(Section):
    """`[imap]`. `disable` are capabilities that are neither offered to an account nor accepted."""

    disable: dict[MailAddress, tuple[Capability, ...]] = {}


class DNS(Section):
    """`[dns]`. Without servers, the resolvers of the system are used. `authority_port` is that of
    the authoritative servers of all zones: another than 53 in a test network. The others are for
    `mailhost dns` alone: `addresses` are those at which other hosts reach this one, `spf` are
    mechanisms for the SPF records of all domains, `spf_of` of one domain."""

    servers: tuple[ServerAddress, ...] = ()
    timeout: Positive = 20.0
    authority_port: Annotated[Count, Field(ge=1, le=65535)] = 53
    addresses: tuple[PublicAddress, ...] = ()
    spf: tuple[SPFMechanism, ...] = ()
    spf_of: dict[DomainName, tuple[SPFMechanism, ...]] = {}


class Route(Section):
    """`[[relay.route]]`: the host for mail that is not sent to MX hosts."""

    sender: Annotated[DomainPattern, Field(alias="from")] = "*"
    recipient: Annotated[DomainPattern, Field(alias="to")] = "*"
    via: ClientEndpoint
    user: str = ""
    password: SecretSource | None = None
    tls: RouteTLS = RouteTLS.OPPORTUNISTIC
    after_attempts: Annotated[Count, Field(ge=0)] = 0


class Relay(Section):
    """`[relay]`: mail for domains that this host does not serve. `arc` are the domains to which
    mail that aliases send on gets a seal of ARC. `domain` is by sender domain, for domains that
    are not in the file."""

    port: Annotated[Count, Field(ge=1, le=65535)] = 25
    networks: tuple[Network, ...] = ()
    connections: Annotated[Count, Field(ge=1)] = 100
    connections_per_destination: Annotated[Count, Field(ge=1)] = 5
    messages_per_connection: Annotated[Count, Field(ge=1)] = 100
    connect_timeout: Positive = 30.0
    idle_timeout: Seconds = 5.0
    bind: SourceAddresses = ()
    families: Families = Families.BOTH
    allow_loopback: Switch = False
    arc: tuple[DomainPattern, ...] = ()
    tls: RelayTLS = RelayTLS()
    domain: dict[DomainName, DomainSending] = {}
    route: tuple[Route, ...] = ()


class Queue(Section):
    """`[queue]`: the times of further attempts, and the time after which mail is bounced."""

    first_retry: Positive = 5 * MINUTE
    longest_retry: Positive = 4 * HOUR
    warn_after: Seconds = 4 * HOUR
    expire_after: Positive = 5 * DAY
    concurrency: Annotated[Count, Field(ge=1)] = 50


class DeliverySettings(Section):
    """`[delivery]`: folders other than INBOX. `junk` is the header field that marks junk, empty for
    none."""

    junk: OptionalFieldName = ""


class StoreSettings(Section):
    """`[store]`: the mail of the accounts."""

    keep_expunged: Seconds = 7 * DAY


class AccountSettings(Section):
    """`[domain.NAME.account.NAME]`. `password` is a hash made by `mailhost hash-password`, those of
    `app_passwords` are made by `mailhost hash-password --app`. `id` stays when the account gets
    another name; without it the id is computed from the address."""

    password: SecretSource | None = None
    app_passwords: dict[DeviceName, SecretSource] = {}
    quota: Bytes | None = None
    id: AccountId | None = None


class DomainSettings(Section):
    """`[domain.NAME]`: a domain of the settings file, which the commands cannot change.
    `dmarc_reports` is the address for DMARC reports about the domain, `tls_reports` the one for
    reports about TLS."""

    aliases: tuple[DomainName, ...] = ()
    catch_all: Target | None = None
    account: dict[AccountName, AccountSettings] = {}
    alias: dict[AccountName, tuple[Target, ...]] = {}
    dmarc_reports: MailAddress | None = None
    tls_reports: MailAddress | None = None
    dkim: DomainDKIM = DomainDKIM()
    mta_sts: DomainMTASTS = DomainMTASTS()
    sending: DomainSending = DomainSending()


class Demo(Section):
    """`[demo]`: accounts that the first start makes, all with one random password."""

    accounts: tuple[MailAddress, ...]
    password_file: str = "demo-password"


DEFAULT_LISTEN = (
    Listen(protocol=ListenProtocol.SMTP, endpoint="tcp6:25:interface=\\:\\:"),
    Listen(protocol=ListenProtocol.SUBMISSION, endpoint="tcp6:587:interface=\\:\\:"),
    Listen(protocol=ListenProtocol.SUBMISSIONS, endpoint="tcp6:465:interface=\\:\\:"),
    Listen(protocol=ListenProtocol.IMAP, endpoint="tcp6:143:interface=\\:\\:"),
    Listen(protocol=ListenProtocol.IMAPS, endpoint="tcp6:993:interface=\\:\\:"),
    Listen(protocol=ListenProtocol.POP3, endpoint="tcp6:110:interface=\\:\\:"),
    Listen(protocol=ListenProtocol.POP3S, endpoint="tcp6:995:interface=\\:\\:"),
)
WEB_LISTEN = (
    Listen(protocol=ListenProtocol.HTTP, endpoint="tcp6:80:interface=\\:\\:"),
    Listen(protocol=ListenProtocol.HTTPS, endpoint="tcp6:443:interface=\\:\\:"),
)
"""The default listeners of a file with [web], besides DEFAULT_LISTEN."""


def _default_listen(values: Mapping[str, Any]) -> tuple[Listen, ...]:
    """Return the default listeners. `values` are the settings before `listen` in the model."""
    return DEFAULT_LISTEN if values.get("web") is None else (*DEFAULT_LISTEN, *WEB_LISTEN)


class Settings(Section):
    """The whole file. `web` comes before `listen`, whose default depends on it."""

    version: Annotated[Count, Field(ge=1, le=1)]
    hostname: DomainName
    data: Path
    admin: MailAddress | None = None
    user: str = ""
    workers: Annotated[Count, Field(ge=0, le=16)] = 0
    web: Web | None = None
    listen: tuple[Listen, ...] = Field(default_factory=_default_listen)
    tls: TLS = TLS()
    limits: LimitSettings = LimitSettings()
    login: LoginSettings = LoginSettings()
    imap: IMAP = IMAP()
    dns: DNS = DNS()
    relay: Relay = Relay()
    queue: Queue = Queue()
    delivery: DeliverySettings = DeliverySettings()
    store: StoreSettings = StoreSettings()
    dmarc: DMARC = DMARC()
    tls_reports: TLSReports = TLSReports()
    dkim: DKIM = DKIM()
    mta_sts: MTASTS = MTASTS()
    doctor: Doctor = Doctor()
    trace: Trace = Trace()
    metrics: Metrics | None = None
    domain: dict[DomainName, DomainSettings] = {}
    demo: Demo | None = None
    filter_mode: Mode = Mode.ENFORCE
    filter: tuple[AnyFilter, ...] = ()

    @property
    def listens_by_default(self) -> bool:
        """True if the file has no [[listen]]."""
        return "listen" not in self.model_fields_set

    @property
    def report_addresses(self) -> dict[str, Address]:
        """The addresses for DMARC reports about domains of this host, by domain."""
        tables = self.domain.items()
        in_tables = {name: each.dmarc_reports for name, each in tables if each.dmarc_reports}
        return {**self.dmarc.reports, **in_tables}

    @property
    def sending_by_domain(self) -> dict[str, DomainSending]:
        """The own side of connections that carry mail of a domain, by each of its names."""
        tables = ((name, each.aliases, each.sending) for name, each in self.domain.items())
        in_tables = {also: own for name, names, own in tables for also in (name, *names)}
        return {**self.relay.domain, **in_tables}

    @property
    def tls_report_addresses(self) -> dict[str, Address]:
        """The addresses for reports about TLS (RFC 8460) to domains of this host, by domain."""
        tables = self.domain.items()
        in_tables = {name: each.tls_reports for name, each in tables if each.tls_reports}
        return {**self.tls_reports.addresses, **in_tables}

    @property
    def report_mailboxes(self) -> frozenset[tuple[str, str]]:
        """The addresses for reports of every kind, each as its domain and key."""
        found = (*self.report_addresses.values(), *self.tls_report_addresses.values())
        return frozenset((each.domain, each.key) for each in found)

    @property
    def receives(self) -> bool:
        """True if a listener serves domains of this host: receives their mail, or lets users read
        it."""
        return any(not (each.protocol.proxied or each.protocol.web) for each in self.listen)

    @property
    def needs_domains(self) -> bool:
        """True if all mail comes from or goes to domains of this host, since no networks may
        relay."""
        return self.receives and not self.relay.networks
