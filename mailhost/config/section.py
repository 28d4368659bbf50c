"""The base of every table of the settings."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from mailhost.config.types import Seconds

DAY = 86400.0
HOUR = 3600.0
MINUTE = 60.0
MEGABYTE = 1_000_000

Positive = Annotated[Seconds, Field(gt=0)]


class Section(BaseModel):
    """A table of the file: frozen, and with an error for each unknown key."""

    model_config = ConfigDict(frozen=True, extra="forbid")
