"""Findings of `mailhost check-config` about the files with DKIM keys: mail of a domain whose keys
cannot be read leaves without a signature."""

from __future__ import annotations

import os
from collections.abc import Iterator

from mailhost.cli.key_files import key_files
from mailhost.config.model import Settings
from mailhost.dkim.keys import BadPrivateKey
from mailhost.doctor.host.readable import unreadable_by, user_of_host
from mailhost.signing.key_files import KeyFiles, KeysUnreadable


def key_findings(settings: Settings) -> Iterator[str]:
    """Yield a text for each fault of the files with keys. Blocks for the disk."""
    files = key_files(settings.data)
    try:
        domains = files.domains()
    except OSError as error:
        yield f"dkim: the folder of keys cannot be read: {error}"
        return
    for domain in domains:
        yield from _of_domain(files, domain)
    yield from _unreadable(settings, [files.path(domain) for domain in domains])


def _of_domain(files: KeyFiles, domain: str) -> Iterator[str]:
    try:
        pairs = files.read(domain) or ()
        for_others = files.open_to_others(domain)
    except KeysUnreadable as damaged:
        yield f"dkim: {damaged}"
        return
    except OSError as error:
        yield f"dkim: the keys of {domain} cannot be read: {error}"
        return
    if for_others:
        yield f"dkim: other users may read {for_others}; run: chmod 600 {for_others}"
    for pair in pairs:
        try:
            if pair.pem:
                pair.private()
        except BadPrivateKey as bad:
            where = f"the private key {pair.public.selector} in {files.path(domain)}"
            yield f"dkim: {where} is damaged: {bad}; restore the file from a backup"


def _unreadable(settings: Settings, paths: list[str]) -> Iterator[str]:
    """Yield the files that the host's user cannot read, where root runs the command."""
    user = user_of_host(settings)
    there = [path for path in paths if os.path.exists(path)]
    if os.geteuid() != 0 or not user or not there:
        return
    try:
        found = unreadable_by(user, there)
    except OSError:
        return  # reported with the other files
    for path, each in found.items():
        text = f"dkim: the user {user} cannot read {path} ({each.reason})"
        yield f"{text}; run: chown {user} {path}"
