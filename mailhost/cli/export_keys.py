"""The DKIM keys in `mailhost export`: a file for each, and a command that imports it."""

from __future__ import annotations

import os
from collections.abc import Iterator

from mailhost.cli.context import Fail
from mailhost.cli.key_files import key_files
from mailhost.config.model import Settings


def exported_keys(settings: Settings, folder: str | None) -> Iterator[str]:
    """Yield comments about the keys of all domains, and write each private key to a file.

    The keys in use come first: on a new host the first key that is imported signs at once. Keys
    that sign no more have no private half, and are left out. The files have mode 600.
    Raises Fail.
    """
    from mailhost.application.privileges import as_owner
    from mailhost.interfaces.signing import KeyState

    if not os.path.isdir(settings.data):
        return
    files = key_files(settings.data)
    with as_owner(settings.data):
        domains = {name: files.read(name) or () for name in files.domains()}
    pairs = [pair for found in domains.values() for pair in found if pair.pem]
    pairs.sort(key=lambda pair: (pair.public.domain, pair.public.state is not KeyState.ACTIVE))
    if pairs and not folder:
        yield "# The DKIM keys are left out; --secrets DIR exports them."
    for pair in pairs if folder else ():
        key = pair.public
        path = _write(f"{folder}/{key.domain}.{key.selector}.pem", pair.pem)
        yield f"# mailhost dkim import {key.domain} {key.selector} {path}"


def _write(path: str, pem: str) -> str:
    path = os.path.abspath(path)
    if os.path.lexists(path):
        raise Fail(f"{path} is there already; name an empty folder")
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with open(descriptor, "w", encoding="ascii") as file:
        file.write(pem)
    return path
