"""Reads the request of autodiscover in XML (MS-OXDSCLI §2.2.3), without I/O.

A document type declaration is refused, so there are no entities to expand and no files to load. The
parser (expat) keeps no tree: only the texts of two elements are kept, each of at most LONGEST_TEXT
characters. The web listener bounds the size of the whole document.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from xml.parsers import expat

LONGEST_TEXT = 1000  # characters of one element
_DEEPEST = 10  # levels of elements
_ADDRESS = ["Autodiscover", "Request", "EMailAddress"]
_SCHEMA = ["Autodiscover", "Request", "AcceptableResponseSchema"]


class BadRequest(ValueError):
    """A body that is no request; the text of the exception says why."""


@dataclass(frozen=True, slots=True)
class SetupRequest:
    """`address` is the mail address as it was sent, `schema` the name of the response schema that
    the program wants; either is empty if it is missing."""

    address: str
    schema: str


def read_request(xml: bytes) -> SetupRequest:
    """Read a request. The namespace of its elements is not checked, since programs differ in it.

    Raises BadRequest.
    """
    reading = _Reading()
    parser = expat.ParserCreate(namespace_separator=" ")
    parser.buffer_text = True
    parser.StartDoctypeDeclHandler = _refuse_doctype
    parser.StartElementHandler = reading.begin
    parser.EndElementHandler = reading.end
    parser.CharacterDataHandler = reading.text
    try:
        parser.Parse(xml, True)
    except BadRequest:
        raise
    except (expat.ExpatError, LookupError, ValueError) as error:
        raise BadRequest(f"the request is not valid XML: {error}") from error
    return SetupRequest(*("".join(each).strip() for each in (reading.address, reading.schema)))


def _refuse_doctype(*_: object) -> None:
    raise BadRequest("the request has a document type declaration")


@dataclass(slots=True)
class _Reading:
    """The state of the parser: the path of open elements, and the parts of the two texts."""

    path: list[str] = field(default_factory=list)
    address: list[str] = field(default_factory=list)
    schema: list[str] = field(default_factory=list)
    length: int = 0

    def begin(self, name: str, attributes: Mapping[str, str]) -> None:
        """An element begins. Raises BadRequest."""
        self.path.append(name.rpartition(" ")[2])
        if len(self.path) > _DEEPEST or self.path[0] != _ADDRESS[0]:
            raise BadRequest("the XML is no request of autodiscover")
        if self.path in (_ADDRESS, _SCHEMA):
            self._kept().clear()
            self.length = 0

    def end(self, name: str) -> None:
        """An element ends."""
        self.path.pop()

    def text(self, data: str) -> None:
        """Some text of the element that is open."""
        if self.path in (_ADDRESS, _SCHEMA) and self.length < LONGEST_TEXT:
            self._kept().append(data[: LONGEST_TEXT - self.length])
            self.length += len(data)

    def _kept(self) -> list[str]:
        return self.address if self.path == _ADDRESS else self.schema
