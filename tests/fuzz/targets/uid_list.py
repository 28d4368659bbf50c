"""dovecot-uidlist as other programs, and power cuts, leave it; also one that grew since it was
read."""

from __future__ import annotations

from mailhost.store.maildir.uid_list import (
    LARGEST,
    UidList,
    can_be_listed,
    extensions_of,
    parse,
    whole_lines,
)


def target(data: bytes) -> None:
    found = parse(data)
    if found is None:
        return
    _check(found)
    _check_growth(data, found)
    again = parse(found.text().encode("utf-8", "surrogateescape"))
    assert again is not None
    assert (again.uids, again.extensions) == (found.uids, found.extensions)
    assert (again.next_uid, again.damaged) == (found.next_uid, False)
    assert again.header.others == found.header.others
    _check_append(found)


def _check(found: UidList) -> None:
    uids = list(found.uids.values())
    assert uids == sorted(set(uids))
    assert not uids or 0 < uids[0] <= uids[-1] <= LARGEST
    assert found.next_uid > found.last_uid >= max(uids, default=0)
    assert all(map(can_be_listed, found.uids))
    assert found.extensions.keys() <= set(uids)
    for fields in found.extensions.values():
        values = extensions_of(fields)
        assert values.size is None or values.size >= 0


def _check_growth(data: bytes, whole: UidList) -> None:
    data = whole_lines(data)
    cut = data.find(b"\n", len(data) // 2) + 1
    grown = parse(data[:cut])
    if grown is not None:
        grown.read_lines(data[cut:].decode("utf-8", "surrogateescape"))
        assert (grown.uids, grown.extensions) == (whole.uids, whole.extensions)
        assert (grown.next_uid, grown.lines) == (whole.next_uid, whole.lines)


def _check_append(found: UidList) -> None:
    uid = found.next_uid
    if uid <= LARGEST:
        text = found.text()
        assert found.add("the new one") == uid
        assert found.lines_from(uid) == f"{uid} :the new one\n"
        appended = parse((text + found.lines_from(uid)).encode("utf-8", "surrogateescape"))
        assert appended is not None
        assert appended.uids == found.uids
