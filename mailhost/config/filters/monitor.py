"""The settings of filters that record mail and never refuse it."""

from __future__ import annotations

from typing import Literal

from mailhost.config.filters.common import Filter
from mailhost.config.types import MailAddress, Path


class Journal(Filter):
    """`kind = "journal"`: a copy of each message to an address, or into a Maildir."""

    kind: Literal["journal"]
    to: MailAddress | None = None
    maildir: Path | None = None


class Events(Filter):
    """`kind = "events"`: one line of JSON for each message, added to a file."""

    kind: Literal["events"]
    file: Path
