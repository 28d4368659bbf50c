"""The DKIM keys on the disk, for commands that read or change them without the host."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mailhost.signing.key_files import KeyFiles


def key_files(data: str) -> KeyFiles:
    """Return the keys of all domains in a data folder. Changes are synced at once."""
    from mailhost.durable.blocking import BlockingCommitter
    from mailhost.durable.system import OperatingSystem
    from mailhost.signing.key_files import KeyFiles

    return KeyFiles(data, BlockingCommitter(OperatingSystem()).commit)
