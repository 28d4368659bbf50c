"""SPF: hostile records, in which each name has the same records again."""

from __future__ import annotations

from typing import Any

from mailhost.interfaces.dns import Found, Lookups, MXRecord, Question, Reply
from mailhost.spf.check import (
    LONGEST_EXPLANATION,
    MOST_HOSTS,
    MOST_TERMS,
    SPFResult,
    SPFStatus,
    check_mail_from,
)

LONGEST_REASON = 400
MOST_QUESTIONS = (MOST_TERMS + 2) * (MOST_HOSTS + 2) + MOST_HOSTS


def target(data: bytes) -> None:
    for ip in ("192.0.2.1", "2001:db8::1"):
        record, _, text = data.partition(b"\n")
        hello = text.decode("utf-8", "replace") or "mx.b.example"
        machine = check_mail_from(ip, "ann@a.example", hello)
        result, asked = _answered(machine, record, text)
        assert len(asked) <= MOST_QUESTIONS
        assert len(result.reason) < LONGEST_REASON
        assert result.reason.isprintable()
        assert len(result.explanation) <= LONGEST_EXPLANATION
        assert not result.explanation or result.status is SPFStatus.FAIL
        assert all(len(question.name) <= 4096 for question in asked)


def _answered(
    machine: Lookups[SPFResult], record: bytes, text: bytes
) -> tuple[SPFResult, list[Question[Any]]]:
    asked: list[Question[Any]] = []
    try:
        question = next(machine)
        while True:
            asked.append(question)
            question = machine.send(Reply(Found.RECORDS, _records(question, record, text)))
    except StopIteration as end:
        return end.value, asked


def _records(question: Question[Any], record: bytes, text: bytes) -> tuple[Any, ...]:
    if question.kind == "TXT":
        # names of explanations have a label of their own in the corpus
        return (text if question.name.startswith("exp.") else b"v=spf1 " + record,)
    if question.kind == "MX":
        return tuple(MXRecord(number, f"mx{number}.a.example") for number in range(MOST_HOSTS))
    if question.kind == "PTR":
        return ("mx.a.example", "b.example")
    return ("2001:db8::2",) if question.kind == "AAAA" else ("192.0.2.2",)
