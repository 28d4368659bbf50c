"""What a listener offers and how much it bears: handed to every session."""

from __future__ import annotations

from dataclasses import dataclass, field

from mailhost.interfaces.extensions import Extensions


@dataclass(frozen=True, slots=True)
class SessionOptions:
    """Sizes in octets, times in seconds.

    `errors` and `idle_commands` bound the bad, and the useless, commands of one session.
    `extensions` is what a client may ask for where nobody behind us says otherwise.
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


COMMAND_LINE = 4096  # octets; RFC 5321 §4.5.3.1.4 and its extensions ask for less
