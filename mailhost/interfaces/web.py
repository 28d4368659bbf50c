"""The event of the web listener."""

from __future__ import annotations

from dataclasses import dataclass

from mailhost.interfaces.events import CountKey, Event, count_key


@dataclass(frozen=True, slots=True)
class WebAnswered(Event):
    """A page of the web listener was asked for. `client` is an IP address, empty if it is not
    known. `where` is the host name and the path, without the query, which may have a mail address.
    Requests for other addresses are no events: strangers send thousands of them."""

    client: str
    protocol: str
    method: str
    where: str
    code: int

    @property
    def line(self) -> str:
        return f"{self.protocol} {self.method} {self.where} from [{self.client}]: {self.code}"

    @property
    def key(self) -> CountKey:
        return count_key("web answered", self.protocol, f"{self.code // 100}xx")
