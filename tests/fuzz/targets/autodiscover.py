"""Requests of autodiscover in XML, and the document that answers them."""

from __future__ import annotations

from datetime import UTC, datetime
from xml.parsers import expat

from mailhost.web.autodiscover import response
from mailhost.web.autodiscover.request import LONGEST_TEXT, BadRequest, read_request
from mailhost.web.offers import Offer, Offers

TIME = datetime(2026, 11, 28, tzinfo=UTC)
OFFERS = Offers("mx.example.org", (Offer("imap", 993, True),), (Offer("smtp", 587, False),))


def target(data: bytes) -> None:
    try:
        found = read_request(data)
    except BadRequest as bad:
        answer = response.error(response.INVALID, str(bad), TIME)
    else:
        assert max(len(found.address), len(found.schema)) <= LONGEST_TEXT
        answer = response.settings(OFFERS, found.address)
    expat.ParserCreate().Parse(answer, True)
