"""`[doctor]`: the checks of `mailhost doctor`."""

from __future__ import annotations

from mailhost.config.section import Section
from mailhost.config.types import Switch


class Doctor(Section):
    """`[doctor]`. With `daily` the checks of this host run once a day, and the admin gets mail
    about what changed."""

    daily: Switch = False
