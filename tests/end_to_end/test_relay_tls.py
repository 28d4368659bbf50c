"""A host that sends mail to a domain with an MTA-STS policy: the settings, log, queue and file."""

from __future__ import annotations

import smtplib
import stat

from twisted.internet.threads import deferToThread

from tests.end_to_end.running import RunningHost, short_folder, until
from tests.relay.tls.wire import DOMAIN, MX1, WireCase

SETTINGS = """
[dns]
servers = ["127.0.0.1:{dns}"]
[relay]
port = {port}
networks = ["127.0.0.0/8"]
allow_loopback = true
idle_timeout = 0
[relay.tls]
mta_sts_port = {policies}
ca_file = "{authority}"
"""
BY = f"the MTA-STS policy of {DOMAIN} (mode enforce)"


class RelayTLS(WireCase):
    async def test_a_policy_is_obeyed(self) -> None:
        self.dns.records[""] = [["NS", "a.root-servers.net"]]
        await self.publish_sts("mode: enforce", f"mx: *.{DOMAIN}", "max_age: 86400")
        host = await deferToThread(self.start_host)
        self.addCleanup(deferToThread, host.stop)
        await deferToThread(self.send_one, host)
        await deferToThread(self.check_good, host)
        self.one.pem = self.two.pem = self.authority.issue(MX1, begins=-9, ends=-1)
        await deferToThread(self.send_one, host)
        await deferToThread(self.check_bad, host)
        self.assertEqual(([True], []), (self.one.secure, self.two.mail))

    def start_host(self) -> RunningHost:
        """Start a host with this DNS and this authority."""
        folder = short_folder(self)
        (folder / "authority.pem").write_bytes(self.authority.pem)
        values = {"dns": self.dns_port, "port": self.port, "policies": self.policy_port}
        settings = SETTINGS.format(**values, authority="authority.pem")
        host = RunningHost(folder, settings, protocols=("smtp",))
        host.set_up()
        return host.start()

    def send_one(self, host: RunningHost) -> None:
        with smtplib.SMTP("127.0.0.1", host.ports["smtp"], timeout=60) as client:
            client.sendmail("sue@source.example", [f"a@{DOMAIN}"], "Subject: x\r\n\r\nx\r\n")

    def check_good(self, host: RunningHost) -> None:
        host.wait_for("the resolver 127.0.0.1 validates DNSSEC: TLSA records (DANE)")
        host.wait_for(f"the MTA-STS policy of {DOMAIN} is mode enforce")
        host.wait_for(f"TLS to {DOMAIN} at {MX1} [127.0.0.2]: TLSv1.3")
        host.wait_for(f"decided by {BY}")
        until(lambda: bool(self.one.mail), "the host got no mail")
        used = f"TLSv1.3 TLS_AES_256_GCM_SHA384, decided by {BY}"
        until(lambda: used in host.command("trace", DOMAIN).stdout, "the trace has no TLS")
        asked = ("--from", "sue@source.example", "--to", f"a@{DOMAIN}", "--client", "127.0.0.1")
        explained = " ".join(host.command("explain", *asked).stdout.split())
        self.assertIn(f"the certificate for {MX1} (decided by {BY})", explained)
        file = host.data / "mta-sts.sqlite"
        self.assertEqual(0o600, stat.S_IMODE(file.stat().st_mode))

    def check_bad(self, host: RunningHost) -> None:
        line = host.wait_for("no mail is sent, decided by")
        self.assertIn(f"{BY}: the certificate has expired", line)
        host.wait_for("delayed")
        shown = host.command("queue", "list", "--json").stdout
        self.assertIn(f"the TLS that {BY} requires: the certificate has expired", shown)
        failed = f"no TLS, decided by {BY}; certificate-expired, no mail is sent: the certificate"

        def traced() -> bool:
            return failed in host.command("trace", "--outcome", "deferred").stdout

        until(traced, "the trace has no failure of TLS")
