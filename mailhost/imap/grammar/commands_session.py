"""Commands about the connection, its login and what is enabled."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Capability:
    """CAPABILITY"""


@dataclass(frozen=True, slots=True)
class Noop:
    """NOOP"""


@dataclass(frozen=True, slots=True)
class Logout:
    """LOGOUT"""


@dataclass(frozen=True, slots=True)
class StartTls:
    """STARTTLS"""


@dataclass(frozen=True, slots=True)
class Idle:
    """IDLE; the line DONE ends it."""


@dataclass(frozen=True, slots=True)
class Namespace:
    """NAMESPACE"""


@dataclass(frozen=True, slots=True)
class Login:
    """LOGIN. Octets as they came; UTF-8 if all is well."""

    user: bytes
    password: bytes

    def __repr__(self) -> str:
        return f"Login({self.user!r})"


@dataclass(frozen=True, slots=True)
class Authenticate:
    """AUTHENTICATE. `mechanism` is in capitals. `initial` is base64, `=` for an empty response,
    b"" for none, as SASLExchange takes it."""

    mechanism: bytes
    initial: bytes

    def __repr__(self) -> str:
        return f"Authenticate({self.mechanism!r})"


@dataclass(frozen=True, slots=True)
class Enable:
    """ENABLE; the capabilities are in capitals."""

    capabilities: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Id:
    """ID. Fields are in lower case; () for NIL. Texts are what the client says of itself."""

    fields: tuple[tuple[str, str | None], ...]


@dataclass(frozen=True, slots=True)
class Compress:
    """COMPRESS; `mechanism` is in capitals."""

    mechanism: str


SessionCommand = (
    Capability
    | Noop
    | Logout
    | StartTls
    | Idle
    | Namespace
    | Login
    | Authenticate
    | Enable
    | Id
    | Compress
)
