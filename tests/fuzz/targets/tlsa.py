"""TLSA records and the chain of certificates that a host sends.

A case has parts, each behind its length in two octets: first the octets of a record, then a chain.
"""

from __future__ import annotations

from collections.abc import Iterator

from mailhost.dane.matching import problems
from mailhost.dane.records import DANE_EE, FULL, text_of, usable
from mailhost.interfaces.dns import TLSARecord

MOST_CERTIFICATES = 4
LONGEST_REASON = 300


def target(data: bytes) -> None:
    octets, *chain = [*_parts(data), b""][: MOST_CERTIFICATES + 1]
    whole = b"\0\0\0" + octets if len(octets) < 3 else octets
    record = TLSARecord(whole[0] % 5, whole[1] % 3, whole[2] % 4, whole[3:])
    assert text_of(record).isascii()
    good = usable([record, record])
    assert good in ((), (record, record))
    found = problems(good, ("mx.example.org", "example.org"), tuple(chain))
    for problem in found:
        assert len(problem.text) < LONGEST_REASON
        assert problem.text.isprintable()
    if good and record.usage == DANE_EE and record.matching == FULL and record.selector == 0:
        assert bool(found) is (chain[:1] != [record.data])


def _parts(data: bytes) -> Iterator[bytes]:
    while len(data) >= 2:
        size = int.from_bytes(data[:2])
        yield data[2 : 2 + size]
        data = data[2 + size :]
