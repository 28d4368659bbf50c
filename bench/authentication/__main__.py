"""Measures signing and judging in turn with Postfix, and DKIM on large messages alone.

`python -m bench.authentication [--rounds N] [--only WORDS] [--folder PATH]`
"""

from __future__ import annotations

import argparse
import shutil
import statistics
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table

from bench.authentication.hosts import Host, Mailhost, Postfix, dns_server, missing
from bench.authentication.large import rates
from bench.load import ADDRESS, DOMAIN, FOREIGN, PASSWORD, Sink, delivered, wait_until
from bench.place import add_folder_option, file_system, make_place
from mailhost.dkim.body import hash_body
from mailhost.dkim.keys import SigningKey, make_rsa_key
from mailhost.dkim.sign import BODY_FORM, Signer, sign
from mailhost.message.content import Content

SENDER_DOMAIN = "bench-sender.net"  # no test domain: nothing is looked up for these
USER = f"user@{DOMAIN}"
SESSIONS, MESSAGES = 20, 2000


@dataclass(frozen=True, slots=True)
class Work:
    """One row of the table: submitted mail is signed, other mail is judged."""

    name: str
    submitted: bool


WORKS = (Work("submission, signed", True), Work("reception, judged", False))


def message(sender: str) -> bytes:
    """Return a message of 4 KB with all fields that a mail program writes."""
    return (
        f"From: Ann <{sender}>\r\nTo: Bob <user@{DOMAIN}>\r\nSubject: A message of usual size\r\n"
        "Date: Sat, 28 Nov 2026 10:00:00 +0000\r\nMessage-ID: <1@bench-sender.net>\r\n"
        "MIME-Version: 1.0\r\nContent-Type: text/plain; charset=us-ascii\r\n\r\n"
    ).encode() + b"A line of text  as people write it, with some words in it.\r\n" * 64


def signed(octets: bytes, key: SigningKey) -> bytes:
    """Return a message signed by its sender's domain."""
    content = Content((octets,))
    header = content.header()
    body = hash_body(content, header, [BODY_FORM])[BODY_FORM]
    return sign(header, body, [Signer(SENDER_DOMAIN, "bench", key)], time.time()) + octets


def records(key: SigningKey) -> dict[str, list[list[str | int]]]:
    """Return what DNS has for the sender's domain."""
    record = key.record()
    return {
        SENDER_DOMAIN: [["TXT", f"v=spf1 ip4:{ADDRESS} -all"], ["MX", 10, f"mx.{SENDER_DOMAIN}"]],
        f"mx.{SENDER_DOMAIN}": [["A", ADDRESS], ["TXT", f"v=spf1 ip4:{ADDRESS} -all"]],
        f"bench._domainkey.{SENDER_DOMAIN}": [["TXT", record[:250], record[250:]]],
        f"_dmarc.{SENDER_DOMAIN}": [["TXT", "v=DMARC1; p=reject"]],
        "1.0.0.127.in-addr.arpa": [["PTR", f"mx.{SENDER_DOMAIN}"]],
    }


def send(host: Host, work: Work, file: Path, messages: int, recipient: str) -> None:
    """Send messages by a process of its own."""
    port = host.submission_port if work.submitted else host.port
    login = [USER, PASSWORD] if work.submitted else []
    sender = USER if work.submitted else f"ann@{SENDER_DOMAIN}"
    arguments = [str(port), str(messages), str(min(SESSIONS, messages)), str(file), sender]
    command = [sys.executable, "-m", "bench.authentication.client", *arguments, recipient, *login]
    subprocess.run(command, check=True, timeout=300)


def check(host: Host, work: Work, file: Path) -> None:
    """Send one message to a mailbox here, and see that it was signed or judged. Raises
    RuntimeError."""
    send(host, work, file, 1, USER)
    wait_until(lambda: delivered(host.maildirs) == 1)
    text = next(host.maildirs.glob("*/new/*")).read_text().partition("\n\n")[0].lower()
    wanted = ("dkim-signature:",) if work.submitted else ("dkim=pass", "spf=pass", "dmarc=pass")
    for each in wanted:
        if each not in text:
            raise RuntimeError(f"{host.name}: the message has no {each}:\n{text}")


def measure(host: Host, work: Work, file: Path, sink: Sink) -> float:
    """Return messages a second, until the last is at the other host, or in its mailbox."""
    check(host, work, file)
    before = sink.count
    begun = time.monotonic()
    if work.submitted:
        send(host, work, file, MESSAGES, f"user@{FOREIGN}")
        wait_until(lambda: sink.count - before >= MESSAGES)
    else:
        send(host, work, file, MESSAGES, USER)
        wait_until(lambda: delivered(host.maildirs) >= MESSAGES + 1)
    return MESSAGES / (time.monotonic() - begun)


def compare(work: Work, rounds: int, file: Path, sink: Sink, folder: Path) -> tuple[str, ...]:
    """Measure both hosts in turn, and return a row of the table."""
    figures: dict[str, list[float]] = {Mailhost.name: [], Postfix.name: []}
    kinds: list[type[Mailhost] | type[Postfix]] = [Mailhost] if missing() else [Mailhost, Postfix]
    for number in range(rounds):
        for kind in kinds:
            host = kind(folder / f"{kind.name}-{WORKS.index(work)}-{number}", sink.port)
            host.start()
            try:
                figures[kind.name].append(measure(host, work, file, sink))
            finally:
                host.stop()
    ours, theirs = figures[Mailhost.name], figures[Postfix.name]
    ratios = [one / other for one, other in zip(ours, theirs, strict=False)]
    shown = f"{statistics.median(ratios):.2f} ({min(ratios):.2f})" if ratios else missing()
    return work.name, *(f"{statistics.median(each):,.0f}" for each in (ours, theirs) if each), shown


def main() -> None:
    """Read the command line, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--only", default="")
    add_folder_option(parser)
    wanted = parser.parse_args()
    folder = make_place(wanted.folder)
    key = make_rsa_key()
    title = "messages a second, medians; the worst round in brackets"
    shown = Table(title=f"{title}; {file_system(folder)}")
    for column in ("work", "mailhost", "Postfix", "ratio"):
        shown.add_column(column, justify="left" if column == "work" else "right")
    sink, dns = Sink(), dns_server(records(key), folder)
    try:
        for work in WORKS:
            if wanted.only in work.name:
                file = folder / work.name
                octets = message(USER if work.submitted else f"ann@{SENDER_DOMAIN}")
                file.write_bytes(octets if work.submitted else signed(octets, key))
                shown.add_row(*compare(work, wanted.rounds, file, sink, folder))
    finally:
        dns.stop()
        sink.stop()
        shutil.rmtree(folder, ignore_errors=True)
    Console(width=120).print(shown)
    if wanted.only in "large":
        for line in rates(wanted.rounds):
            print(line)


if __name__ == "__main__":
    main()
