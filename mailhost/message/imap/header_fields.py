"""The fields of one header section by name, found in one pass."""

from __future__ import annotations

from mailhost.message.header import raw_fields
from mailhost.message.imap.strings import unfolded

LONGEST = 1 << 20  # octets of a header section that are looked at


class HeaderFields:
    """Raw values by the name in lower case, each as often as it stands there, in order.

    `kept` has the fields with a name that is in `keep`, as they stand in the header.
    """

    __slots__ = ("_values", "kept")

    def __init__(self, header: bytes, keep: frozenset[bytes] = frozenset()) -> None:
        self._values = dict[bytes, list[bytes]]()
        self.kept = list[bytes]()
        for name, value, whole in raw_fields(header):
            self._values.setdefault(name, []).append(value)
            if name in keep:
                self.kept.append(whole)

    def first(self, name: bytes) -> bytes | None:
        """The first value of that name as one line, None where there is none."""
        found = self._values.get(name)
        return unfolded(found[0]) if found else None

    def joined(self, name: bytes) -> bytes | None:
        """All values of that name as one list, None where there is none."""
        found = self._values.get(name)
        if found is None or len(found) == 1:
            return unfolded(found[0]) if found else None
        return b", ".join(map(unfolded, found))
