"""A private Postfix: its own configuration, queue and Maildirs in one folder, on one loopback port.

Needs root, as Postfix's master does, and Debian's package (`apt-get install postfix`).
"""

from __future__ import annotations

import os
import pwd
import shutil
import socket
import subprocess
import time
from pathlib import Path

from bench.load import ADDRESS, DOMAIN, PASSWORD, USERS, free_port
from mailhost.net.selfsigned import make_self_signed

SERVICES = """
{port} inet n - n - - smtpd
pickup unix n - n 60 1 pickup
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
verify unix - - n - 1 verify
flush unix n - n 1000? 0 flush
proxymap unix - - n - - proxymap
smtp unix - - n - - smtp
relay unix - - n - - smtp
showq unix n - n - - showq
error unix - - n - - error
retry unix - - n - - error
discard unix - - n - - discard
local unix - n n - - local
virtual unix - n n - - virtual
lmtp unix - - n - - lmtp
anvil unix - - n - 1 anvil
scache unix - - n - 1 scache
tlsmgr unix - - n 1000? 1 tlsmgr
"""


def installed() -> bool:
    """True where a Postfix can be started here."""
    return os.geteuid() == 0 and shutil.which("postfix", path="/usr/sbin:/usr/bin") is not None


def can_log_in() -> bool:
    """True where Postfix can be made to check passwords."""
    return shutil.which("saslpasswd2", path="/usr/sbin") is not None


class Postfix:
    """`sink` is the port of the host that foreign mail goes to."""

    name = "Postfix"

    def __init__(self, folder: Path, sink: int) -> None:
        self.port = self.submission_port = self.proxy_port = free_port()
        self._folder = folder
        self._configuration = folder / "etc"
        self._configure(sink)

    @property
    def maildirs(self) -> Path:
        """Where local mail lies."""
        return self._folder / "mail"

    @property
    def pid(self) -> int:
        """Its master."""
        return int((self._folder / "queue" / "pid" / "master.pid").read_text())

    def start(self) -> None:
        """Start it, and return when it listens."""
        self._postfix("start")
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline:
            with socket.socket() as probe:
                if probe.connect_ex((ADDRESS, self.port)) == 0:
                    return
            time.sleep(0.05)
        raise RuntimeError("Postfix does not listen; see its log")

    def stop(self) -> None:
        """Stop it."""
        self._postfix("stop")

    def _login(self) -> dict[str, object]:
        """TLS, and passwords by Cyrus SASL, where its tools are installed."""
        chain, key = make_self_signed(str(self._folder / "tls"), "postfix.example.org")
        settings: dict[str, object] = {
            "smtpd_tls_security_level": "may",
            "smtpd_tls_cert_file": chain,
            "smtpd_tls_key_file": key,
            "smtpd_tls_session_cache_database": "",
        }
        if not can_log_in():
            return settings
        database = self._folder / "sasldb2"
        command = ["/usr/sbin/saslpasswd2", "-p", "-c", "-f", str(database), "-u", DOMAIN, "user"]
        subprocess.run(command, input=PASSWORD.encode(), check=True)
        database.chmod(0o644)
        (self._configuration / "sasl").mkdir()
        (self._configuration / "sasl" / "smtpd.conf").write_text(
            "pwcheck_method: auxprop\nauxprop_plugin: sasldb\nmech_list: PLAIN\n"
            f"sasldb_path: {database}\n"
        )
        return settings | {
            "smtpd_sasl_auth_enable": "yes",
            "smtpd_tls_auth_only": "yes",
            "cyrus_sasl_config_path": self._configuration / "sasl",
        }

    def _postfix(self, command: str) -> None:
        subprocess.run(
            ["/usr/sbin/postfix", "-c", str(self._configuration), command],
            check=True,
            capture_output=True,
        )

    def _configure(self, sink: int) -> None:
        user = pwd.getpwnam("postfix")
        for name in ("etc", "queue", "data", "mail"):
            (self._folder / name).mkdir(parents=True)
        os.chown(self._folder / "data", user.pw_uid, user.pw_gid)
        os.chown(self._folder / "mail", user.pw_uid, user.pw_gid)
        settings = {
            "compatibility_level": "3.6",
            "queue_directory": self._folder / "queue",
            "data_directory": self._folder / "data",
            "command_directory": "/usr/sbin",
            "daemon_directory": "/usr/lib/postfix/sbin",
            "mail_owner": "postfix",
            "setgid_group": "postdrop",
            "inet_interfaces": ADDRESS,
            "inet_protocols": "ipv4",
            "myhostname": "postfix.example.org",
            "mydestination": "",
            "local_recipient_maps": "",
            "alias_maps": "",
            "virtual_mailbox_domains": DOMAIN,
            "virtual_mailbox_base": self._folder / "mail",
            "virtual_mailbox_maps": f"texthash:{self._configuration / 'mailboxes'}",
            "virtual_minimum_uid": "1",
            "virtual_uid_maps": f"static:{user.pw_uid}",
            "virtual_gid_maps": f"static:{user.pw_gid}",
            "virtual_mailbox_limit": "0",
            "message_size_limit": "200000000",
            "mynetworks": "127.0.0.0/8",
            "relayhost": f"[{ADDRESS}]:{sink}",
            "smtpd_client_connection_count_limit": "0",
            "smtpd_client_connection_rate_limit": "0",
            "default_process_limit": "150",
            "smtpd_peername_lookup": "no",
            "smtp_host_lookup": "native",
            "disable_dns_lookups": "yes",
            **self._login(),
            "maillog_file": self._folder / "postfix.log",
            "maillog_file_prefixes": self._folder,
        }
        lines = "".join(f"{key} = {value}\n" for key, value in settings.items())
        (self._configuration / "main.cf").write_text(lines)
        services = SERVICES.format(port=f"{ADDRESS}:{self.port}")
        services += "postlog unix-dgram n - n - 1 postlogd\n"
        (self._configuration / "master.cf").write_text(services.lstrip())
        (self._configuration / "mailboxes").write_text(
            "".join(f"{user}@{DOMAIN} {user}/\n" for user in USERS)
        )
