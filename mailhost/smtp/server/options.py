"""The settings of a listener that its SMTP sessions use: extensions, limits and timeouts."""

from __future__ import annotations

from dataclasses import dataclass, field

from mailhost.interfaces.extensions import Extensions


@dataclass(frozen=True, slots=True)
class SessionOptions:
    """Sizes are in octets, times in seconds.

    `errors` limits the refused commands of one session, `idle_commands` the commands between two
    messages that do not belong to a transaction. `extensions` are offered to a client unless the
    reception offers fewer.
    """

    hostname: str
    message_size: int
    recipients: int = 1000
    errors: int = 20
    idle_commands: int = 1000
    command_timeout: float = 300.0
    data_timeout: float = 600.0
    starttls: bool = True
    lmtp: bool = False
    extensions: Extensions = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "extensions", Extensions(self.message_size, self.recipients))


LONGEST_COMMAND_LINE = 4096  # octets; RFC 5321 §4.5.3.1.4 and its extensions require less
