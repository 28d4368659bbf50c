"""A private Postfix: configuration, queue and Maildirs in one folder, on loopback ports of its own.

Needs root, as Postfix's master does, and Debian's package (`apt-get install postfix`); passwords
need `sasl2-bin` and `libsasl2-modules` besides. The folder must be open to other users.
"""

from __future__ import annotations

import contextlib
import grp
import os
import pwd
import shutil
import signal
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from mailhost.net.tls.selfsigned import make_self_signed
from tests.end_to_end.running import free_port, until

ADDRESS = "127.0.0.1"
HOSTNAME = "postfix.example.org"
PATHS = "/usr/sbin:/usr/bin"
DAEMONS = Path("/usr/lib/postfix/sbin")
INTERNAL = """
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
postlog unix-dgram n - n - 1 postlogd
"""
OF_POSTFIX = """
active bounce corrupt defer deferred flush hold incoming private saved trace
"""

Service = Mapping[str, object]
"""The settings of a listener that differ from main.cf."""


def installed() -> bool:
    """True where a Postfix can be started here."""
    return os.geteuid() == 0 and shutil.which("postfix", path=PATHS) is not None


def can_log_in() -> bool:
    """True where Postfix can be made to check passwords."""
    plain = Path("/usr/lib").glob("*/sasl2/libplain.so")
    return shutil.which("saslpasswd2", path=PATHS) is not None and any(plain)


class Postfix:
    """`mailboxes` are addresses with a Maildir each, all else in their domains is unknown.

    `settings` go to main.cf, `services` are listeners by name, with a port each in `ports`.
    `passwords` are of users in `login_domain`.
    """

    def __init__(
        self,
        folder: Path,
        mailboxes: Sequence[str],
        settings: Service | None = None,
        services: Mapping[str, Service] | None = None,
        passwords: Mapping[str, str] | None = None,
        login_domain: str = "",
    ) -> None:
        self._folder = folder
        self._configuration = folder / "etc"
        self._services = services or {"smtp": {}}
        self.ports = {name: free_port(ADDRESS) for name in self._services}
        self._make_folders()
        lines = (f"{address} {address.partition('@')[0]}/\n" for address in mailboxes)
        (self._configuration / "mailboxes").write_text("".join(lines))
        domains = {address.partition("@")[2]: None for address in mailboxes}
        own = self._settings(" ".join(domains)) | self._tls()
        if passwords and can_log_in():
            own |= self._login(passwords, login_domain)
        self._write({**own, **(settings or {})})

    # --- what others may want to look at ---------------------------------------------------------

    @property
    def maildirs(self) -> Path:
        """Where local mail lies."""
        return self._folder / "mail"

    @property
    def pid(self) -> int:
        """Its master."""
        return int((self._folder / "queue" / "pid" / "master.pid").read_text())

    @property
    def log(self) -> str:
        """All that it logged so far."""
        return (self._folder / "postfix.log").read_text()

    def inbox(self, user: str) -> list[bytes]:
        """The messages of a mailbox; its name is what stands before the @. They have bare LFs."""
        return [path.read_bytes() for path in (self.maildirs / user).glob("new/*")]

    def processes(self, name: str) -> list[int]:
        """Those of its processes that run the program `name`, such as smtpd."""
        return [pid for pid in self._of_master() if program(pid) == name]

    def queue_file(self, identity: str) -> str:
        """The output of postcat for a message in the queue."""
        command = ["/usr/sbin/postcat", "-c", str(self._configuration), "-q", identity]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout

    # --- its life --------------------------------------------------------------------------------

    def start(self) -> None:
        """Start it. It listens at once."""
        subprocess.run(
            [str(DAEMONS / "master"), "-c", str(self._configuration), "-w"],
            check=True,
            capture_output=True,
        )

    def stop(self) -> None:
        """Stop it, and all its processes."""
        self.signal(signal.SIGTERM)

    def kill(self) -> None:
        """Let it vanish, with all its processes."""
        self.signal(signal.SIGKILL)

    def signal(self, number: int) -> None:
        """Send a signal to all its processes; with one that ends them, wait until they are gone."""
        group = self._of_master()
        with contextlib.suppress(ProcessLookupError, FileNotFoundError):
            os.killpg(self.pid, number)
        if number in (signal.SIGTERM, signal.SIGKILL):
            until(lambda: not any(map(_runs, group)), "Postfix does not end")

    def _of_master(self) -> list[int]:
        """Its processes: they are one group."""
        try:
            group = self.pid
        except FileNotFoundError:
            return []
        found = []
        for pid in (int(path.name) for path in Path("/proc").glob("[0-9]*")):
            with contextlib.suppress(ProcessLookupError):
                if os.getpgid(pid) == group:
                    found.append(pid)
        return found

    # --- how it is made --------------------------------------------------------------------------

    def _make_folders(self) -> None:
        """All that `postfix check` would make, in much longer."""
        user = pwd.getpwnam("postfix").pw_uid
        queue = self._folder / "queue"
        for path in (self._configuration, queue / "pid"):
            path.mkdir(parents=True)
        for path in (
            self.maildirs,
            self._folder / "data",
            *(queue / name for name in OF_POSTFIX.split()),
        ):
            path.mkdir(mode=0o700)
            os.chown(path, user, -1)
        for name, mode in (("maildrop", 0o730), ("public", 0o710)):
            (queue / name).mkdir()
            os.chown(queue / name, user, grp.getgrnam("postdrop").gr_gid)
            (queue / name).chmod(mode)

    def _settings(self, domains: str) -> dict[str, object]:
        user = pwd.getpwnam("postfix")
        return {
            "compatibility_level": "3.6",
            "queue_directory": self._folder / "queue",
            "data_directory": self._folder / "data",
            "command_directory": "/usr/sbin",
            "daemon_directory": DAEMONS,
            "mail_owner": "postfix",
            "setgid_group": "postdrop",
            "inet_interfaces": ADDRESS,
            "inet_protocols": "ipv4",
            "myhostname": HOSTNAME,
            "mydestination": "",
            "local_recipient_maps": "",
            "alias_maps": "",
            "virtual_mailbox_domains": domains,
            "virtual_mailbox_base": self.maildirs,
            "virtual_mailbox_maps": f"texthash:{self._configuration / 'mailboxes'}",
            "virtual_minimum_uid": "1",
            "virtual_uid_maps": f"static:{user.pw_uid}",
            "virtual_gid_maps": f"static:{user.pw_gid}",
            "virtual_mailbox_limit": "0",
            "message_size_limit": "200000000",
            "mynetworks": "127.0.0.0/8",
            "smtpd_client_connection_count_limit": "0",
            "smtpd_client_connection_rate_limit": "0",
            "default_process_limit": "150",
            "smtpd_peername_lookup": "no",
            "smtp_host_lookup": "native",
            "disable_dns_lookups": "yes",
            "maillog_file": self._folder / "postfix.log",
            "maillog_file_prefixes": self._folder,
        }

    def _tls(self) -> dict[str, object]:
        """A certificate that nobody trusts."""
        chain, key = make_self_signed(str(self._folder / "tls"), HOSTNAME)
        return {
            "smtpd_tls_security_level": "may",
            "smtpd_tls_cert_file": chain,
            "smtpd_tls_key_file": key,
            "smtpd_tls_session_cache_database": "",
        }

    def _login(self, passwords: Mapping[str, str], domain: str) -> dict[str, object]:
        """Passwords by Cyrus SASL."""
        database = self._folder / "sasldb2"
        for user, password in passwords.items():
            command = ["/usr/sbin/saslpasswd2", "-p", "-c", "-f", str(database), "-u", domain, user]
            subprocess.run(command, input=password.encode(), check=True)
        database.chmod(0o644)
        folder = self._configuration / "sasl"
        folder.mkdir()
        (folder / "smtpd.conf").write_text(
            "pwcheck_method: auxprop\nauxprop_plugin: sasldb\nmech_list: PLAIN LOGIN\n"
            f"sasldb_path: {database}\n"
        )
        return {
            "smtpd_sasl_auth_enable": "yes",
            "smtpd_tls_auth_only": "yes",
            "cyrus_sasl_config_path": folder,
        }

    def _write(self, settings: Service) -> None:
        lines = "".join(f"{key} = {value}\n" for key, value in settings.items())
        (self._configuration / "main.cf").write_text(lines)
        listeners = "".join(
            f"{ADDRESS}:{port} inet n - n - - smtpd{_options(self._services[name])}\n"
            for name, port in self.ports.items()
        )
        (self._configuration / "master.cf").write_text(listeners + INTERNAL.lstrip())


def _options(service: Service) -> str:
    return "".join(f"\n  -o {{ {key} = {value} }}" for key, value in service.items())


def program(pid: int) -> str:
    """The program that a process runs, nothing where it is gone."""
    try:
        return Path(f"/proc/{pid}/comm").read_text().strip()
    except (FileNotFoundError, ProcessLookupError):
        return ""


def _runs(pid: int) -> bool:
    """False for one that is gone, or that only its parent still has to hear of."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False
