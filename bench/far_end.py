"""The MX host of the domain for other hosts: it has TLS, and its domain a policy of MTA-STS.

The policy is in the data folder before a host starts, as if it had been fetched, so that no mail
waits for it. A checkout that knows no such policies uses TLS with any certificate. The authority of
the certificate is named by a variable of the environment, since not every checkout has a setting
for it.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
import time
from pathlib import Path

from bench.load import ADDRESS, FOREIGN, Sink
from mailhost.mta_sts.policy import Mode, STSPolicy
from mailhost.relay.sts.store import KnownPolicy, PolicyStore
from tests.authority import Authority, write_pem
from tests.directory.fakes import set_up_data
from tests.dns_server import Records
from tests.end_to_end.dns_process import DNSProcess

MX, IDENTITY = f"mx.{FOREIGN}", "one"
AT = "127.0.0.2"
RECORDS: Records = {
    FOREIGN: [["MX", 10, MX]],
    MX: [["A", AT]],
    f"_mta-sts.{FOREIGN}": [["TXT", f"v=STSv1; id={IDENTITY}"]],
}
DAY = 86_400  # seconds


class FarEnd(Sink):
    """`environment` and `settings` are those of a host that sends mail to it."""

    def __init__(self) -> None:
        self._folder = Path(tempfile.mkdtemp())
        authority = Authority.new()
        write_pem(str(self._folder), authority.issue(MX))
        (self._folder / "authority.pem").write_bytes(authority.pem)
        self._dns = DNSProcess(RECORDS)
        super().__init__(AT)
        self.environment = {"SSL_CERT_FILE": str(self._folder / "authority.pem")}
        self.settings = (
            f'port = {self.port}\nallow_loopback = true\n[dns]\nservers = ["{ADDRESS}:'
            f'{self._dns.port}"]\n'
        )

    def command(self) -> list[str]:
        """Return the command that takes the mail."""
        files = (str(self._folder / name) for name in ("chain.pem", "key.pem"))
        return [sys.executable, "-m", "bench.tls_sink", AT, str(self.port), *files]

    def write_policy(self, data: Path) -> None:
        """Make the data folder of a host with an empty directory and the policy of the domain."""
        set_up_data(str(data))
        policy = STSPolicy(Mode.ENFORCE, 7 * DAY, (MX,))
        now = time.time()
        PolicyStore(str(data)).write(FOREIGN, KnownPolicy(IDENTITY, policy, now), now)

    def stop(self) -> None:
        """End it."""
        super().stop()
        self._dns.stop()
        shutil.rmtree(self._folder)
