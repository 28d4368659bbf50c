"""Reads the commands of `commands_session`. A reader begins behind the name of its command."""

from __future__ import annotations

from mailhost.imap.grammar.commands_session import Authenticate, Compress, Enable, Id, Login
from mailhost.imap.grammar.cursor import BadSyntax, Cursor

MOST_ID_FIELDS = 30  # RFC 2971 §3.3
_LONGEST_ID_FIELD = 30
_LONGEST_ID_VALUE = 1024


def login(cursor: Cursor) -> Login:
    """ "LOGIN" SP userid SP password;  userid = astring"""
    cursor.space()
    user = cursor.astring("a user name")
    cursor.space()
    return Login(user, cursor.astring("a password"))


def authenticate(cursor: Cursor) -> Authenticate:
    """ "AUTHENTICATE" SP auth-type [SP initial-resp]"""
    cursor.space()
    mechanism = cursor.word("the name of a mechanism")
    return Authenticate(mechanism, cursor.base64() if cursor.take(b" ") else b"")


def enable(cursor: Cursor) -> Enable:
    """ "ENABLE" 1*(SP capability)"""
    cursor.space()
    return Enable(cursor.spaced(_capability))


def _capability(cursor: Cursor) -> str:
    return cursor.word("a capability").decode("ascii")


def compress(cursor: Cursor) -> Compress:
    """ "COMPRESS" SP algorithm (RFC 4978)"""
    cursor.space()
    return Compress(cursor.word("an algorithm").decode("ascii"))


def identify(cursor: Cursor) -> Id:
    """ "ID" SP id-params-list;  "(" [string SP nstring *(SP string SP nstring)] ")" / nil"""
    cursor.space()
    if cursor.take_word(b"NIL"):
        return Id(())
    fields = cursor.listed_or_empty(_id_field)
    if len(fields) > MOST_ID_FIELDS:
        raise BadSyntax(f"ID may have {MOST_ID_FIELDS} fields")
    return Id(fields)


def _id_field(cursor: Cursor) -> tuple[str, str | None]:
    name = cursor.string("the name of a field")
    cursor.space()
    value = cursor.nstring()
    if len(name) > _LONGEST_ID_FIELD or (value and len(value) > _LONGEST_ID_VALUE):
        raise BadSyntax("A field of ID is too long")
    text = None if value is None else value.decode("utf-8", "replace")
    return name.decode("utf-8", "replace").lower(), text
