"""The faults of the playground, by name."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

from mailhost.playground import wrong_records
from mailhost.playground.certificates import Validity, new_authority
from mailhost.playground.fault_actions import (
    FaultAction,
    InventingDNS,
    SilentDNS,
    WrongCertificate,
    WrongRecords,
    WrongSettings,
)
from mailhost.playground.hosts import ALPHA_HOST, BETA_HOST
from mailhost.playground.ports import USUAL
from mailhost.playground.settings import MoreSettings
from mailhost.playground.wrong_host import WrongHost
from mailhost.playground.wrong_servers import (
    broken_login,
    broken_login_over_tls,
    hidden_starttls,
    late_greeting,
    smuggling,
    tls_at_once,
)

BETA = BETA_HOST.domains[0]
BOB = BETA_HOST.accounts[0]
# the filter of the kind "greylist" lets programs of the same machine pass
_GREYLIST = f"""
[[filter]]
kind      = "list"
listeners = ["smtp"]
look_at   = "recipient"
entries   = ["{BETA}"]
action    = "defer"
words     = "Greylisted, please try again in 300 seconds"
"""
_BLOCKLIST = """
[[filter]]
kind      = "list"
listeners = ["smtp"]
entries   = ["127.0.0.0/8"]
words     = "Blocked - see https://www.spamhaus.org/query/ip/127.0.0.2"
"""


@dataclass(frozen=True, slots=True)
class PlaygroundFault:
    """`description` is a sentence about the fault. `command` has the arguments of the `mailhost`
    command that finds the fault, run with the settings of alpha; `finding` is the name of its
    finding."""

    name: str
    description: str
    command: str
    finding: str
    action: FaultAction


FAULTS = (
    PlaygroundFault(
        "dns-silent",
        "The DNS server of both hosts gives no answer.",
        "doctor",
        "resolver-silent",
        SilentDNS(),
    ),
    PlaygroundFault(
        "dns-inventing",
        "The DNS server of both hosts has an address for names that do not exist.",
        "doctor",
        "resolver-rewrites",
        InventingDNS(),
    ),
    PlaygroundFault(
        "no-ptr",
        f"The address of {ALPHA_HOST.hostname} has no name in DNS (PTR).",
        "doctor",
        "ptr-missing",
        WrongRecords(wrong_records.no_ptr),
    ),
    PlaygroundFault(
        "ptr-of-provider",
        f"The name of the address of {ALPHA_HOST.hostname} does not lead back to it.",
        "doctor",
        "ptr-not-confirmed",
        WrongRecords(wrong_records.ptr_of_provider),
    ),
    PlaygroundFault(
        "own-certificate",
        f"The certificate of {ALPHA_HOST.hostname} expired two days ago.",
        "doctor",
        "certificate-expired",
        WrongCertificate(ALPHA_HOST, validity=Validity(-92, -2)),
    ),
    PlaygroundFault(
        "expired-certificate",
        f"The certificate of {BETA_HOST.hostname} expired two days ago.",
        f"doctor {BETA_HOST.hostname}",
        "server-certificate-expired",
        WrongCertificate(validity=Validity(-92, -2)),
    ),
    PlaygroundFault(
        "certificate-of-tomorrow",
        f"The certificate of {BETA_HOST.hostname} is not valid yet.",
        f"doctor {BETA_HOST.hostname}",
        "server-certificate-expired",
        WrongCertificate(validity=Validity(1, 90)),
    ),
    PlaygroundFault(
        "certificate-name",
        f"The certificate of {BETA_HOST.hostname} is for another name.",
        f"doctor {BETA_HOST.hostname}",
        "server-certificate-name",
        WrongCertificate(names=("www.beta.internal",)),
    ),
    PlaygroundFault(
        "certificate-untrusted",
        f"The certificate of {BETA_HOST.hostname} is by an authority that no program trusts.",
        f"doctor {BETA_HOST.hostname}",
        "server-certificate-untrusted",
        WrongCertificate(by=partial(new_authority, "Unknown authority")),
    ),
    PlaygroundFault(
        "starttls-stripped",
        f"A proxy in front of {BETA_HOST.hostname} hides STARTTLS.",
        f"doctor {BETA_HOST.hostname}",
        "starttls-hidden",
        WrongHost({"smtp": hidden_starttls}),
    ),
    PlaygroundFault(
        "port-filtered",
        f"A firewall drops packets to the SMTP port of {BETA_HOST.hostname}.",
        f"doctor {BOB}",
        "port-25-blocked",
        WrongHost(filtered=frozenset({"smtp"})),
    ),
    PlaygroundFault(
        "port-closed",
        f"No server listens at the SMTP port of {BETA_HOST.hostname}.",
        f"doctor {BOB}",
        "port-closed",
        WrongHost(closed=frozenset({"smtp"})),
    ),
    PlaygroundFault(
        "host-filtered",
        f"A firewall drops all packets to {BETA_HOST.hostname}.",
        f"doctor {BETA_HOST.hostname}",
        "server-silent",
        WrongHost(filtered=frozenset(USUAL)),
    ),
    PlaygroundFault(
        "tls-at-once",
        f"The submission port of {BETA_HOST.hostname} begins with TLS, where STARTTLS is usual.",
        f"doctor {BETA_HOST.hostname}",
        "tls-mode-wrong",
        WrongHost({"submission": tls_at_once}),
    ),
    PlaygroundFault(
        "greeting-late",
        f"{BETA_HOST.hostname} greets after six seconds.",
        f"doctor {BETA_HOST.hostname}",
        "greeting-delayed",
        WrongHost({"smtp": late_greeting}),
    ),
    PlaygroundFault(
        "login-broken",
        f"{BETA_HOST.hostname} cannot check any password.",
        f"doctor {BETA_HOST.hostname} --user {BOB}",
        "login-broken",
        WrongHost({"submission": broken_login, "submissions": broken_login_over_tls}),
    ),
    PlaygroundFault(
        "greylisting",
        f"{BETA_HOST.hostname} defers the mail of all clients, as greylisting does for new ones.",
        f"doctor {BOB}",
        "greylisted",
        WrongSettings(MoreSettings(filters=_GREYLIST)),
    ),
    PlaygroundFault(
        "blocklist",
        f"{BETA_HOST.hostname} refuses the addresses of this machine as those of a blocklist.",
        f"doctor {BOB}",
        "blocklisted",
        WrongSettings(MoreSettings(filters=_BLOCKLIST)),
    ),
    PlaygroundFault(
        "open-relay",
        f"{BETA_HOST.hostname} relays mail of any client to any domain.",
        f"doctor {BETA} --abuse",
        "open-relay",
        WrongSettings(MoreSettings(relay='networks = ["127.0.0.0/8"]\n')),
    ),
    PlaygroundFault(
        "smuggling",
        f"{BETA_HOST.hostname} takes a dot between bare line feeds for the end of a message.",
        f"doctor {BETA} --abuse --to {BOB}",
        "smuggling",
        WrongHost({"smtp": smuggling}),
    ),
    PlaygroundFault(
        "cname-mx",
        f"The MX record of {BETA} names an alias (CNAME).",
        f"doctor {BETA}",
        "mx-alias",
        WrongRecords(wrong_records.cname_mx),
    ),
    PlaygroundFault(
        "dangling-mx",
        f"The MX record of {BETA} names a host without an address.",
        f"doctor {BETA}",
        "mx-dangling",
        WrongRecords(wrong_records.dangling_mx),
    ),
    PlaygroundFault(
        "null-mx",
        f"{BETA} says in DNS that it takes no mail.",
        f"doctor {BETA}",
        "mx-null",
        WrongRecords(wrong_records.null_mx),
    ),
    PlaygroundFault(
        "spf-lookups",
        f"The SPF record of {BETA} needs eleven look-ups.",
        f"doctor {BETA}",
        "spf-lookups",
        WrongRecords(wrong_records.spf_lookups),
    ),
    PlaygroundFault(
        "spf-twice",
        f"{BETA} has two SPF records.",
        f"doctor {BETA}",
        "spf-several",
        WrongRecords(wrong_records.spf_twice),
    ),
    PlaygroundFault(
        "spf-syntax",
        f"The SPF record of {BETA} has a term that is not valid.",
        f"doctor {BETA}",
        "spf-syntax",
        WrongRecords(wrong_records.spf_syntax),
    ),
    PlaygroundFault(
        "dmarc-missing",
        f"{BETA} has no DMARC record.",
        f"doctor {BETA}",
        "dmarc-missing",
        WrongRecords(wrong_records.without_text(f"_dmarc.{BETA}", "v=DMARC1")),
    ),
    PlaygroundFault(
        "dmarc-twice",
        f"{BETA} has two DMARC records.",
        f"doctor {BETA}",
        "dmarc-several",
        WrongRecords(wrong_records.dmarc_twice),
    ),
    PlaygroundFault(
        "mta-sts-id",
        f"The MTA-STS record of {BETA} has an id with hyphens.",
        f"doctor {BETA}",
        "mta-sts-record",
        WrongRecords(wrong_records.sts_id),
    ),
    PlaygroundFault(
        "mta-sts-former",
        f"The MTA-STS record of {ALPHA_HOST.domains[0]} has the id of a former policy.",
        "doctor",
        "dns-mta-sts",
        WrongRecords(wrong_records.former_policy),
    ),
    PlaygroundFault(
        "mta-sts-mx",
        f"The MTA-STS policy of {BETA} does not name one of its MX hosts.",
        f"doctor {BETA}",
        "mta-sts-mx",
        WrongRecords(wrong_records.other_mx),
    ),
    PlaygroundFault(
        "mta-sts-certificate",
        f"The certificate of mta-sts.{BETA} is for another name.",
        f"doctor {BETA}",
        "mta-sts-policy",
        WrongCertificate(names=(BETA_HOST.hostname,)),
    ),
    PlaygroundFault(
        "web-certificate",
        f"The certificate of {ALPHA_HOST.hostname} is not for the names of its domains.",
        "doctor",
        "certificate-domain-names",
        WrongCertificate(ALPHA_HOST, names=(ALPHA_HOST.hostname,)),
    ),
    PlaygroundFault(
        "tls-reports-missing",
        f"No record asks for reports about TLS with {ALPHA_HOST.domains[0]}.",
        "doctor",
        "dns-tls-reports",
        WrongRecords(wrong_records.without_tls_reports),
    ),
    PlaygroundFault(
        "tlsa-former",
        f"The TLSA record of {ALPHA_HOST.hostname} is for a former key.",
        "doctor",
        "dns-tlsa",
        WrongRecords(wrong_records.former_key(ALPHA_HOST)),
    ),
    PlaygroundFault(
        "tlsa-mismatch",
        f"The TLSA record of {BETA_HOST.hostname} does not fit its certificate.",
        f"doctor {BETA_HOST.hostname}",
        "tlsa-mismatch",
        WrongRecords(wrong_records.former_key(BETA_HOST)),
    ),
    PlaygroundFault(
        "dkim-missing",
        f"The DKIM keys of {ALPHA_HOST.domains[0]} are not in DNS.",
        "doctor",
        "dns-dkim",
        WrongRecords(wrong_records.without_keys(ALPHA_HOST.domains[0])),
    ),
)
BY_NAME = {fault.name: fault for fault in FAULTS}
