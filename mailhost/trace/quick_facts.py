"""The facts of the most frequent events, written as JSON at once.

A delivered message has two events, of these two kinds. Writing their text directly takes a third of
the time of a dictionary and its encoding. The names are those of `facts`. The events of a session
have one client, and many outcomes one status: their texts are made once and kept for a while.

The text is made where the event is emitted. An event that waits for its batch would be a dozen
objects that Python's garbage collector visits again and again; a text is none.
"""

from __future__ import annotations

from json.encoder import encode_basestring_ascii as quoted
from typing import TypeAlias

from mailhost.interfaces.events import Attempted, Event, Received
from mailhost.message.address import Address
from mailhost.message.client import Client
from mailhost.message.status import Status
from mailhost.trace.facts import OTHER_KINDS
from mailhost.trace.limits import LONGEST_TEXT, MOST_RECIPIENTS
from mailhost.trace.marks import OF_FATE, RECEIVED

Fact: TypeAlias = tuple[str, int, int, str]
"""The name of a message, the time of an event in milliseconds since 1970, its mark, and its facts
in JSON."""
Timed: TypeAlias = tuple[int, Event]
"""The time of an event in milliseconds since 1970, and the event."""
Waiting: TypeAlias = Fact | Timed
"""A value that waits for the batch with which it is written."""

KEPT = OTHER_KINDS | {Received, Attempted}
"""The kinds of events that are kept."""
MOST_TEXTS = 1_000  # that are kept


class QuickFacts:
    """Makes the facts of Received and Attempted events; other events wait as they are."""

    def __init__(self) -> None:
        # by the id of the client or status, which is kept too: no other object can get its id
        self._clients: dict[int, tuple[Client, str]] = {}
        self._statuses: dict[int, tuple[Status, str]] = {}

    def forget(self) -> None:
        """Give up the texts that are kept."""
        self._clients.clear()
        self._statuses.clear()

    def of(self, event: Event, at: int) -> Waiting:
        """Return what is kept of an event `at` milliseconds since 1970."""
        if type(event) is Received:
            return self._received(event, at)
        if type(event) is Attempted:
            return self._attempted(event, at)
        return at, event

    def _received(self, event: Received, at: int) -> Fact:
        client = event.client
        known = self._clients.get(id(client))
        if known is None:
            if len(self._clients) >= MOST_TEXTS:
                self._clients.clear()
            known = self._clients[id(client)] = client, client_text(client)
        sender = quoted(str(event.reverse_path)) if event.reverse_path is not None else '""'
        text = (
            f'{{"event":"received","at":{at},"from":{sender},"to":[{_list(event.recipients)}],'
            f'"size":{event.size},{known[1]}'
        )
        if event.message_id:
            text += f',"message_id":{quoted(event.message_id)}'
        if event.subject:
            text += f',"subject":{quoted(event.subject)}'
        if len(event.recipients) > MOST_RECIPIENTS:
            text += f',"more":{len(event.recipients) - MOST_RECIPIENTS}'
        return event.identity, at, RECEIVED, text + "}"

    def _attempted(self, event: Attempted, at: int) -> Fact:
        outcome = event.outcome
        path, status = outcome.recipient, outcome.status
        known = self._statuses.get(id(status))
        if known is None:
            if len(self._statuses) >= MOST_TEXTS:
                self._statuses.clear()
            known = self._statuses[id(status)] = status, status_text(status)
        text = (
            f'{{"event":"attempted","at":{at},"fate":"{outcome.fate}",'
            f'"to":[{quoted(str(path.address))}],{known[1]}'
        )
        if outcome.by:
            text += f',"by":{quoted(outcome.by)}'
        if event.next_hop:
            text += f',"next_hop":{quoted(event.next_hop)}'
        through = event.through or path.through
        if through:
            text += f',"through":[{_list(through)}]'
        return event.identity, at, OF_FATE[outcome.fate], text + "}"


def client_text(client: Client) -> str:
    """Return the members of a JSON object about a client."""
    text = f'"protocol":"{client.protocol}","session":{quoted(client.session)}'
    if client.ip:
        text += f',"ip":{quoted(client.ip)},"port":{client.port}'
    if client.hello:
        text += f',"hello":{quoted(client.hello)}'
    if client.tls is not None:
        text += f',"tls":{quoted(f"{client.tls.version} {client.tls.cipher}")}'
    if client.account is not None:
        text += f',"account":{quoted(str(client.account))}'
    return text


def status_text(status: Status) -> str:
    """Return the members of a JSON object about a reply: its text, its cause, and the reply of the
    other host unless the former has it."""
    text = f"{status.code} {status.enhanced} {status.text}"[:LONGEST_TEXT]
    said = ""
    if status.answer is not None:
        text = " ".join(text.split())
        said = " ".join(str(status.answer)[:LONGEST_TEXT].split())
    members = f'"status":{quoted(text)}'
    if status.cause:
        members += f',"cause":{quoted(status.cause[:LONGEST_TEXT])}'
    if said and said not in text:
        members += f',"said":{quoted(said)}'
    return members


def _list(addresses: tuple[Address, ...]) -> str:
    if len(addresses) == 1:
        return quoted(str(addresses[0]))
    return ",".join([quoted(str(each)) for each in addresses[:MOST_RECIPIENTS]])
