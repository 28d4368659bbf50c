"""Files of networks, addresses, names and globs, and what is looked up in them.

The first line of a case is looked up, the rest is the file.
"""

from __future__ import annotations

from mailhost.config.lists import BadEntry, Names, Networks, entries_of


def target(data: bytes) -> None:
    asked, _, text = data.decode("utf-8", "replace").partition("\n")
    entries = list(entries_of(text))[:50]
    names, networks = list[str](), list[str]()
    for entry in entries:
        assert entry == entry.strip() != ""
        assert "#" not in entry
        if _is_good(Names, entry):
            names.append(entry)
        if _is_good(Networks, entry):
            networks.append(entry)
    _check_all_as_each(asked, names)
    whole = Networks(networks)
    assert whole.has(asked) is any(Networks([each]).has(asked) for each in networks)
    for entry in networks:
        assert whole.has(entry.partition("/")[0])


def _is_good(kind: type[Names] | type[Networks], entry: str) -> bool:
    try:
        kind([entry])
    except BadEntry as bad:
        assert repr(entry) in str(bad)
        return False
    return True


def _check_all_as_each(asked: str, entries: list[str]) -> None:
    whole = Names(entries)
    for name in (asked, asked.upper(), "<>"):
        assert whole.has(name) is any(Names([each]).has(name) for each in entries), name
