"""A small strict reader of IMAP data, and the grammar of envelopes and bodies (RFC 9051 §9)."""

from __future__ import annotations

import re
from typing import TypeAlias

Value: TypeAlias = "bytes | int | list[Value] | None"

_QUOTED = re.compile(rb'"((?:[\x01-\x09\x0b\x0c\x0e-\x21\x23-\x5b\x5d-\x7f]|\\["\\])*)"')
_UTF8 = re.compile(rb'"((?:[\x01-\x09\x0b\x0c\x0e-\x21\x23-\x5b\x5d-\xff]|\\["\\])*)"')
_LITERAL = re.compile(rb"\{([0-9]+)\}\r\n")
_NUMBER = re.compile(rb"[0-9]+")
_PAIR = re.compile(rb"\\(.)")


class BadReply(Exception):
    """The octets are not what the grammar allows."""


def read(data: bytes, *, utf8: bool = False) -> Value:
    """Return the one value that `data` is: lists, strings as octets, numbers, None for NIL."""
    value, at = value_at(data, 0, _UTF8 if utf8 else _QUOTED)
    if at != len(data):
        raise BadReply(f"{data[at : at + 40]!r} behind the value")
    return value


def value_at(data: bytes, start: int, quoted: re.Pattern[bytes] = _QUOTED) -> tuple[Value, int]:
    """Return the value that begins at `start`, and where it ends."""
    stack: list[list[Value]] = [[]]
    at = start
    while True:
        if data.startswith(b"(", at):
            stack.append([])
            at += 1
            continue
        if data.startswith(b")", at) and len(stack) > 1:
            inside = stack.pop()
            stack[-1].append(inside)
            at += 1
        else:
            value, at = _single(data, at, quoted)
            stack[-1].append(value)
        if len(stack) == 1:
            return stack[0][0], at
        if data.startswith(b" ", at) and not data.startswith(b" )", at):
            at += 1
        elif not data.startswith((b")", b"("), at):
            raise BadReply(f"a blank is missing: {data[at - 20 : at + 20]!r}")


def _single(data: bytes, at: int, quoted: re.Pattern[bytes]) -> tuple[Value, int]:
    if data.startswith(b"NIL", at):
        return None, at + 3
    if match := quoted.match(data, at):
        if not match[1].isascii():
            match[1].decode("utf-8")
        return _PAIR.sub(rb"\1", match[1]), match.end()
    if match := _LITERAL.match(data, at):
        text = data[match.end() : match.end() + int(match[1])]
        if b"\0" in text or len(text) < int(match[1]):
            raise BadReply(f"a bad literal: {data[at : at + 40]!r}")
        return text, match.end() + len(text)
    if match := _NUMBER.match(data, at):
        return int(match[0]), match.end()
    raise BadReply(f"no value: {data[at : at + 40]!r}")


def _want(condition: object, value: Value) -> None:
    if not condition:
        raise BadReply(f"not allowed: {str(value)[:200]}")


def _nstring(value: Value) -> bool:
    return value is None or isinstance(value, bytes)


def _listed(value: Value) -> list[Value]:
    _want(isinstance(value, list) and value, value)
    assert isinstance(value, list)
    return value


def check_envelope(value: Value) -> None:
    """Raise BadReply for what is no envelope."""
    fields = _listed(value)
    _want(len(fields) == 10, value)
    _want(all(_nstring(fields[each]) for each in (0, 1, 8, 9)), value)
    for addresses in fields[2:8]:
        in_group = False
        for address in _listed(addresses) if addresses is not None else []:
            parts = _listed(address)
            _want(len(parts) == 4 and all(map(_nstring, parts)), address)
            if parts[3] is None:
                _want(in_group == (parts[2] is None) and parts[:2] == [None, None], addresses)
                in_group = parts[2] is not None
            else:
                _want(parts[2] is not None, address)
        _want(not in_group, addresses)


def check_body(value: Value, *, extended: bool) -> None:
    """Raise BadReply for what is no body; `extended` is for BODYSTRUCTURE."""
    waiting = [value]
    while waiting:
        body = _listed(waiting.pop())
        count = next((n for n, each in enumerate(body) if not isinstance(each, list)), len(body))
        if count:
            waiting += body[:count]
            _check_multipart(body[count:], extended)
        else:
            waiting += _check_single(body, extended)


def _check_multipart(rest: list[Value], extended: bool) -> None:
    _want(rest and isinstance(rest[0], bytes), rest)
    _want(len(rest) == (5 if extended else 1), rest)
    if extended:
        _check_parameters(rest[1])
        _check_extension(rest[2:])


def _check_single(body: list[Value], extended: bool) -> list[Value]:
    _want(len(body) >= 7 and isinstance(body[0], bytes) and isinstance(body[1], bytes), body)
    _check_parameters(body[2])
    _want(_nstring(body[3]) and _nstring(body[4]) and isinstance(body[5], bytes), body)
    _want(isinstance(body[6], int), body)
    kind, subtype = bytes(body[0] or b"").lower(), bytes(body[1] or b"").lower()  # type: ignore[arg-type]
    at, inside = 7, list[Value]()
    if kind == b"message" and subtype in (b"rfc822", b"global"):
        check_envelope(body[7])
        inside = [body[8]]
        _want(isinstance(body[9], int), body)
        at = 10
    elif kind == b"text":
        _want(isinstance(body[7], int), body)
        at = 8
    _want(kind != b"multipart", body)
    _want(len(body) == at + (4 if extended else 0), body)
    if extended:
        _want(_nstring(body[at]), body)
        _check_extension(body[at + 1 :])
    return inside


def _check_parameters(value: Value) -> None:
    if value is not None:
        words = _listed(value)
        _want(len(words) % 2 == 0 and all(isinstance(each, bytes) for each in words), value)


def _check_extension(rest: list[Value]) -> None:
    disposition, languages, location = rest
    if disposition is not None:
        pair = _listed(disposition)
        _want(len(pair) == 2 and isinstance(pair[0], bytes), disposition)
        _check_parameters(pair[1])
    if isinstance(languages, list):
        _want(languages and all(isinstance(each, bytes) for each in languages), languages)
    else:
        _want(_nstring(languages), languages)
    _want(_nstring(location), location)
