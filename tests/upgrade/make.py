"""Makes what an installation of this version leaves on disk, for later versions to start on.

`python -m tests.upgrade.make` writes `tests/upgrade/VERSION.tar.gz`: settings, secrets and a data
folder with a directory, mail, a waiting entry, a quarantined entry and a greylist. Run it once for
a release, and add the file; `test_upgrade` starts on each of them.
"""

from __future__ import annotations

import base64
import json
import smtplib
import sys
import tarfile
import tempfile
import time
from pathlib import Path

import mailhost
from mailhost.logins.stored_secret import hash_password
from tests.end_to_end.running import RunningHost, free_port
from tests.end_to_end.shared import Raw

PASSWORD = "correct horse battery"
FAR = 9  # in the settings: the port of the far end, where nothing listens
SMTP = 10  # in the settings: the port of the `smtp` listener
STRANGER = "PROXY TCP4 198.51.100.7 192.0.2.1 40000 25\r\n"  # greylisting spares loopback clients
SETTINGS = f"""
admin = "ann@example.com"
[[listen]]
protocol = "smtp"
endpoint = "haproxy:tcp:{SMTP}:interface=127.0.0.1"
[queue]
warn_after = "3650 days"
expire_after = "3650 days"
[login]
plaintext_on_loopback = true
[[relay.route]]
via = "127.0.0.1:{FAR}"
[[filter]]
kind = "list"
look_at = "sender"
entries = ["suspect@far.example"]
action = "quarantine"
listeners = ["smtp"]
[[filter]]
kind = "greylist"
delay = "1 second"
remember = "3650 days"
listeners = ["smtp"]
[domain."example.com".account.ann]
password = {{ file = "secret" }}
[domain."example.com".account.bob]
"""
PROTOCOLS = ("submission", "pop3")


def mail(sender: str, subject: str) -> bytes:
    """A message as it goes over the wire."""
    return f"From: {sender}\r\nSubject: {subject}\r\n\r\nHello\r\n".encode()


def send(port: int, sender: str, recipient: str, subject: str) -> str:
    """Send one message from outside to the `smtp` listener; return the last reply."""
    client = Raw(("127.0.0.1", port))
    client.send(STRANGER)
    client.reply()
    client.say("EHLO client.example\r\n")
    client.say(f"MAIL FROM:<{sender}>\r\n")
    reply = client.say(f"RCPT TO:<{recipient}>\r\n")
    if reply.startswith(b"250"):
        client.say("DATA\r\n")
        reply = client.say(mail(sender, subject) + b".\r\n")
    client.close()
    return reply.decode()


def submit(host: RunningHost, sender: str, recipient: str, subject: str) -> None:
    """Log in as `sender` and send one message."""
    with smtplib.SMTP(host.address, host.ports["submission"], "client.example", 30) as client:
        client.ehlo()
        plain = base64.b64encode(f"\0{sender}\0{PASSWORD}".encode()).decode()
        code, words = client.docmd("AUTH", f"PLAIN {plain}")
        assert code == 235, words
        client.sendmail(sender, [recipient], mail(sender, subject))


def fill(host: RunningHost, smtp: int) -> None:
    """Have a host keep something of each kind. `smtp` is the port of its `smtp` listener."""
    _command(host, "domain", "add", "example.net")
    _command(host, "domain", "add", "example.edu", "--alias-of", "example.net")
    _command(host, "account", "add", "carol@example.net", "--quota", "10 MB", text=PASSWORD + "\n")
    _command(host, "alias", "add", "team@example.net", "carol@example.net", "ann@example.com")
    host.start()
    submit(host, "ann@example.com", "team@example.edu", "to the team")
    submit(host, "ann@example.com", "ann@example.com", "read already")
    (read,) = (
        path for path in host.inbox("ann@example.com") if b"read already" in path.read_bytes()
    )
    (read.parent.parent / "cur").mkdir(exist_ok=True)
    read.rename(read.parent.parent / "cur" / f"{read.name}:2,S")
    submit(host, "ann@example.com", "dave@elsewhere.example", "waits in the queue")
    host.wait_for(" delayed ")
    refused = send(smtp, "sue@far.example", "ann@example.com", "greylisted")
    assert refused.startswith("451"), refused
    time.sleep(1.5)
    for sender, subject in (("sue@far.example", "greylisted"), ("suspect@far.example", "held")):
        taken = send(smtp, sender, "ann@example.com", subject)
        assert taken.startswith("250"), taken
    states = {entry["state"] for entry in json.loads(_command(host, "queue", "list", "--json"))}
    assert len(states) == 2, states
    host.stop()


def _command(host: RunningHost, *arguments: str, text: str = "") -> str:
    done = host.command(*arguments, text=text)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def main() -> None:
    """Make the archive of this version."""
    target = Path(__file__).parent / f"{mailhost.__version__}.tar.gz"
    if target.exists():
        sys.exit(f"{target} exists: an archive stays as that version made it")
    with tempfile.TemporaryDirectory(prefix="mailhost-") as folder:
        path = Path(folder, "host")
        path.mkdir(mode=0o700)
        secret = path / "secret"
        secret.touch(mode=0o600)
        secret.write_text(hash_password(PASSWORD))
        smtp = free_port("127.0.0.1")
        settings = SETTINGS.replace(f":{SMTP}:", f":{smtp}:")
        fill(RunningHost(path, settings, protocols=PROTOCOLS), smtp)
        (path / "mailhost.toml").unlink()  # its ports are those of a moment: tests write their own
        (path / "settings.toml").write_text(SETTINGS)
        with tarfile.open(target, "w:gz") as archive:
            archive.add(path, "", filter=_wanted)


def _wanted(member: tarfile.TarInfo) -> tarfile.TarInfo | None:
    """Leave out sockets, and the names of the user and group."""
    member.uid = member.gid = 0
    member.uname = member.gname = ""
    return member if member.isfile() or member.isdir() else None


if __name__ == "__main__":
    main()
