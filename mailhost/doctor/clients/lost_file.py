"""The file `lost-addresses.json` in the data folder: addresses that were noticed, until the
operator runs `mailhost doctor looked`. All methods block for the disk."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict
from typing import Any

from mailhost.doctor.clients.lost_address import LostAddress
from mailhost.durable.replacing import replace_file
from mailhost.interfaces.changes import Change, Results

NAME = "lost-addresses.json"


class LostFile:
    """`data` is the data folder; `commit` makes changes durable."""

    def __init__(self, data: str, commit: Callable[[Sequence[Change]], Results]) -> None:
        self.path = os.path.join(data, NAME)
        self._commit = commit

    def read(self) -> list[LostAddress]:
        """Return the addresses; none for a missing file. Raises OSError, ValueError."""
        try:
            with open(self.path, encoding="utf-8") as file:
                entries = json.load(file)
        except FileNotFoundError:
            return []
        if not isinstance(entries, list):
            raise ValueError("the file has no list")
        return [_entry(each) for each in entries]

    def write(self, addresses: Iterable[LostAddress]) -> None:
        """Replace the file. Raises OSError."""
        text = json.dumps([asdict(each) for each in addresses], indent=1) + "\n"
        replace_file(self._commit, self.path, text.encode())


def _entry(value: Any) -> LostAddress:
    try:
        return LostAddress(
            str(value["address"]),
            int(value["since"]),
            tuple(map(str, value["hello"])),
            tuple(map(str, value["senders"])),
            alone=bool(value["alone"]),
            gateway=bool(value["gateway"]),
            mailed=bool(value["mailed"]),
        )
    except (KeyError, TypeError) as error:
        raise ValueError(f"an entry lacks {error}") from error
