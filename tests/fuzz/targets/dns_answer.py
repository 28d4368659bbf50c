"""Answers of a DNS server: compression loops, CNAMEs in a circle, names that no host can have."""

from __future__ import annotations

from ipaddress import ip_address
from typing import Any, cast

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.names import dns

from mailhost.config.model import DNS
from mailhost.interfaces.dns import (
    NoPossibleHost,
    NoSuchDomain,
    Question,
    ResolveFailed,
    TLSARecord,
    ptr_of,
    tlsa_of,
    txt_of,
)
from mailhost.message.address import parse_domain
from mailhost.net.dns.client import Response
from mailhost.net.dns.question import QuestionMessage
from mailhost.net.dns.records import MOST_RECORDS, TYPES
from mailhost.net.dns.resolver import MOST_CNAMES, Resolver

NAME = "a.example"
KINDS = (dns.MX, dns.A, dns.AAAA)
OTHERS: dict[int, Question[Any]] = {
    TYPES["TXT"]: txt_of(NAME),
    TYPES["PTR"]: ptr_of(NAME),
    TYPES["TLSA"]: tlsa_of(NAME),
}


def target(data: bytes) -> None:
    for kind in (*KINDS, *OTHERS):
        query = dns.Query(NAME.encode(), kind, dns.IN)
        asking = QuestionMessage(query)
        id_and_flags, question = bytes(asking)[:4], bytes(asking)[12:]
        assert asking.read(data) is None or data[:2] == id_and_flags[:2]
        answer = asking.read(id_and_flags[:2] + b"\x81\x80\0\1" + data[:6] + question + data[6:])
        if answer is not None:
            assert len(answer.answers) <= len(data)
            _check(answer.answers, kind)


class _Client:
    """Answers each question with the same records."""

    def __init__(self, answers: list[Any]) -> None:
        self.answers = answers
        self.asked = 0

    async def ask(self, query: dns.Query) -> Response:
        self.asked += 1
        return Response(self.answers)


def _check(answers: list[Any], kind: int) -> None:
    resolver = Resolver(cast(Any, Clock()), DNS(servers=("192.0.2.53:53",)))
    client = _Client(answers)
    resolver._client = client  # type: ignore[assignment] # no socket
    if kind in OTHERS:
        reply = _result_of(resolver.look_up(OTHERS[kind]))
        assert all(type(each) in (bytes, str, TLSARecord) for each in reply.records)
        assert reply.trouble.isprintable()
        assert client.asked <= MOST_CNAMES
        return
    if kind == dns.MX:
        records = _result(resolver.mx(NAME))
        assert all(not each.host or parse_domain(each.host) == each.host for each in records)
        assert [each.preference for each in records] == sorted(each.preference for each in records)
    else:
        records = _result(resolver.addresses(NAME))
        assert all(ip_address(each) for each in records)
    assert len(records) <= 2 * MOST_RECORDS
    assert client.asked <= 2 * MOST_CNAMES


def _result_of(asked: Any) -> Any:
    done = list[Any]()
    Deferred.fromCoroutine(asked).addCallbacks(done.append, done.append)
    assert len(done) == 1, "it waits"
    return done[0]


def _result(asked: Any) -> list[Any]:
    done = _result_of(asked)
    if hasattr(done, "trap"):
        done.trap(NoPossibleHost, NoSuchDomain, ResolveFailed)
        text = done.getErrorMessage()
        assert len(text) < 500
        assert text.isprintable(), text
        return []
    return list(done)
