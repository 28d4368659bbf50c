"""A Postfix to be measured, as its package sets it up as far as that matters."""

from __future__ import annotations

from pathlib import Path

from bench.load import ADDRESS, DOMAIN, PASSWORD, USERS
from tests.end_to_end import postfix
from tests.end_to_end.postfix import can_log_in, installed

__all__ = ["Postfix", "can_log_in", "installed"]


class Postfix(postfix.Postfix):
    """`sink` is the port of the host that foreign mail goes to."""

    name = "Postfix"

    def __init__(self, folder: Path, sink: int) -> None:
        super().__init__(
            folder,
            [f"{user}@{DOMAIN}" for user in USERS],
            {"relayhost": f"[{ADDRESS}]:{sink}"},
            passwords={"user": PASSWORD},
            login_domain=DOMAIN,
        )
        self.port = self.submission_port = self.proxy_port = self.ports["smtp"]
