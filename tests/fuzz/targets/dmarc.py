"""DMARC: a hostile record at each domain, a hostile author."""

from __future__ import annotations

from mailhost.dmarc.author import NoAuthorDomain, author_domain
from mailhost.dmarc.evaluate import PassingDomains, evaluate
from mailhost.dmarc.record import is_dmarc, parse_record
from mailhost.interfaces.dns import Found, Reply

MOST_QUESTIONS = 8 + 3 + 8 * 2


def target(data: bytes) -> None:
    record, _, header = data.partition(b"\n")
    record = b"v=DMARC1;" + record
    assert is_dmarc(record)
    parse_record(record)
    try:
        author = author_domain(header)
    except NoAuthorDomain as bad:
        assert str(bad).isprintable()
        author = "a.b.c.d.e.f.g.h.example"
    by = PassingDomains(f"x.{author}", ["example", f"y.{author}"])
    machine = evaluate(author, by)
    questions = [next(machine)]
    try:
        while True:
            assert len(questions) <= MOST_QUESTIONS
            questions.append(machine.send(Reply(Found.RECORDS, (record,))))
    except StopIteration as end:
        assert end.value.domain == author
