"""`[trace]`: what happens to each message, kept for `mailhost trace`."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from mailhost.config.section import DAY, MEGABYTE, Positive, Section
from mailhost.config.types import Bytes, Switch


class Trace(Section):
    """`[trace]`. Entries that are older than `keep` are removed; if the trace has more than `size`
    octets, its oldest entries are removed too. `subject` keeps the subjects of messages too; `off`
    keeps nothing new."""

    keep: Positive = 30 * DAY
    size: Annotated[Bytes, Field(ge=10 * MEGABYTE)] = 1000 * MEGABYTE
    subject: Switch = False
    off: Switch = False
