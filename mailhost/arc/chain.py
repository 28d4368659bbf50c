"""The ARC sets of a header section (RFC 8617 §4.1, §4.2).

A set has three fields with one instance number: ARC-Authentication-Results, ARC-Message-Signature
and ARC-Seal. The sets are numbered from 1, without a gap.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from mailhost.dkim.body import BodyForm
from mailhost.dkim.signature import (
    BadSignature,
    Signature,
    decode_base64,
    parse_selector,
    read_tags,
    signature_of,
    signing_domain,
)
from mailhost.message.address import BadAddress
from mailhost.message.header import Field, named
from mailhost.message.tag_list import BadTagList

MOST_SETS = 50  # RFC 8617 §4.2.1
_INSTANCE = re.compile(r"[ \t]*i[ \t]*=[ \t]*([1-9][0-9]?)[ \t]*;")
_RESULTS, _MESSAGE, _SEAL = "ARC-Authentication-Results", "ARC-Message-Signature", "ARC-Seal"


@dataclass(frozen=True, slots=True)
class Seal:
    """An ARC-Seal field. `validity` (cv=) is what the sealer found of the chain before its own set:
    `none`, `pass` or `fail`."""

    field: Field
    algorithm: str
    domain: str
    selector: str
    validity: str
    signature: bytes


@dataclass(frozen=True, slots=True)
class ArcSet:
    """The three fields of one sealer. `text` is the value of ARC-Authentication-Results behind the
    instance number: what the sealer found when the message arrived there."""

    instance: int
    results: Field
    message: Signature
    seal: Seal

    @property
    def text(self) -> str:
        """The results as the sealer wrote them, unfolded."""
        return self.results.text.partition(";")[2].strip()


@dataclass(frozen=True, slots=True)
class Chain:
    """The sets in the order of their numbers; none, and a reason in `fault`, for a chain that
    cannot be right."""

    sets: tuple[ArcSet, ...] = ()
    fault: str = ""

    @property
    def body_forms(self) -> list[BodyForm]:
        """The forms in which the body is to be hashed for the verification."""
        return [self.sets[-1].message.body_form] if self.sets else []


def read_chain(header: bytes) -> Chain:
    """Return the chain of a header section."""
    try:
        fields = [_by_instance(header, name) for name in (_RESULTS, _MESSAGE, _SEAL)]
        numbers = list(range(1, max(map(len, fields)) + 1))
        if any(sorted(each) != numbers for each in fields):
            return Chain(fault="a field of a set is missing")
        results, messages, seals = fields
        sets = [_set(each, results[each], messages[each], seals[each]) for each in numbers]
    except (BadSignature, BadTagList, BadAddress) as bad:
        return Chain(fault=str(bad)[:200])
    for each in sets:
        if each.seal.validity != ("none" if each.instance == 1 else "pass"):
            text = f"set {each.instance} says that the chain before it is {each.seal.validity}"
            return Chain(fault=text)
    return Chain(tuple(sets))


def _by_instance(header: bytes, name: str) -> dict[int, Field]:
    """Return the fields of a name by their numbers. Raises BadSignature."""
    found = dict[int, Field]()
    for field in named(header, name):
        number = _instance(field)
        if number in found:
            raise BadSignature(f"set {number} has two {name} fields")
        found[number] = field
    return found


def _instance(field: Field) -> int:
    """Return the number of a field. In a tag list it may stand anywhere. Raises
    BadSignature, BadTagList."""
    match = _INSTANCE.match(field.text)
    text = match[1] if match else ""
    if not match and field.name.lower() != _RESULTS.lower().encode():
        text = read_tags(field, ("i",))["i"]
    if not re.fullmatch("[1-9][0-9]?", text) or int(text) > MOST_SETS:
        raise BadSignature(f"a field without a number from 1 to {MOST_SETS}")
    return int(text)


def _set(instance: int, results: Field, message: Field, seal: Field) -> ArcSet:
    """Raises BadSignature, BadTagList, BadAddress."""
    tags = read_tags(message, ("i", "a", "b", "bh", "d", "h", "s"))
    domain = signing_domain(tags["d"])
    signature = signature_of(message, tags, "", domain)
    if b"arc-seal" in signature.names:
        raise BadSignature("an ARC-Message-Signature over ARC-Seal fields")
    return ArcSet(instance, results, signature, _seal(seal))


def _seal(field: Field) -> Seal:
    """Raises BadSignature, BadTagList, BadAddress."""
    tags = read_tags(field, ("i", "a", "b", "cv", "d", "s"))
    if "h" in tags:
        raise BadSignature("an ARC-Seal field with the tag h")
    validity = tags["cv"].lower()
    if validity not in ("none", "pass", "fail"):
        raise BadSignature("an ARC-Seal field with an unknown value of cv")
    return Seal(
        field=field,
        algorithm=tags["a"].lower(),
        domain=signing_domain(tags["d"]),
        selector=parse_selector(tags["s"]),
        validity=validity,
        signature=decode_base64(tags["b"]),
    )
