"""The facts of the most frequent events, written as JSON at once.

A delivered message has two events, of these two kinds. Writing their text directly takes a third of
the time of a dictionary and its encoding. The names are those of `facts`. The events of a session
have one client, and many outcomes one status: their texts are made once for a batch.
"""

from __future__ import annotations

from json.encoder import encode_basestring_ascii as quoted
from typing import TypeAlias

from mailhost.interfaces.events import Attempted, Received
from mailhost.message.address import Address
from mailhost.message.client import Client
from mailhost.message.status import Status
from mailhost.trace.limits import LONGEST_TEXT, MOST_RECIPIENTS

Texts: TypeAlias = dict[int, str]
"""Texts of clients and statuses by their `id`, for one batch of events, which keeps them alive."""


def received(event: Received, at: int, texts: Texts) -> str:
    """Return the facts of a message that arrived `at` milliseconds since 1970."""
    client = texts.get(id(event.client))
    if client is None:
        client = texts[id(event.client)] = client_text(event.client)
    sender = quoted(str(event.reverse_path)) if event.reverse_path is not None else '""'
    text = (
        f'{{"event":"received","at":{at},"from":{sender},"to":[{_list(event.recipients)}],'
        f'"size":{event.size},{client}'
    )
    if event.message_id:
        text += f',"message_id":{quoted(event.message_id)}'
    if event.subject:
        text += f',"subject":{quoted(event.subject)}'
    if len(event.recipients) > MOST_RECIPIENTS:
        text += f',"more":{len(event.recipients) - MOST_RECIPIENTS}'
    return text + "}"


def attempted(event: Attempted, at: int, texts: Texts) -> str:
    """Return the facts of an attempt `at` milliseconds since 1970."""
    outcome = event.outcome
    path = outcome.recipient
    status = texts.get(id(outcome.status))
    if status is None:
        status = texts[id(outcome.status)] = status_text(outcome.status)
    text = (
        f'{{"event":"attempted","at":{at},"fate":"{outcome.fate}",'
        f'"to":[{quoted(str(path.address))}],{status}'
    )
    if outcome.by:
        text += f',"by":{quoted(outcome.by)}'
    if event.next_hop:
        text += f',"next_hop":{quoted(event.next_hop)}'
    through = event.through or path.through
    if through:
        text += f',"through":[{_list(through)}]'
    return text + "}"


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
