"""Reads NOTIFY (RFC 5465)."""

from __future__ import annotations

from mailhost.imap.grammar.commands_mailbox import EventGroup, Notify, NotifyEvent, Which
from mailhost.imap.grammar.cursor import BadEvent, BadSyntax, Cursor
from mailhost.imap.grammar.fetch_att import read_item
from mailhost.imap.grammar.fetch_items import FetchItem
from mailhost.imap.grammar.names import read_mailbox

_WHICH = {which.value.upper().encode(): which for which in Which}
_EVENTS = {event.value.upper().encode(): event for event in NotifyEvent}
_MESSAGES = {NotifyEvent.MESSAGE_NEW, NotifyEvent.MESSAGE_EXPUNGE}
_OTHERS = {NotifyEvent.MAILBOX_NAME, NotifyEvent.SUBSCRIPTION_CHANGE}
_LISTED = (Which.SUBTREE, Which.MAILBOXES)
_SELECTED = (Which.SELECTED, Which.SELECTED_DELAYED)


def notify(cursor: Cursor) -> Notify:
    """ "NOTIFY" SP ("SET" [SP "STATUS"] SP event-group *(SP event-group) / "NONE")"""
    cursor.space()
    if cursor.take_word(b"NONE"):
        return Notify(())
    if not cursor.take_word(b"SET"):
        raise cursor.expected("SET or NONE")
    cursor.space()
    status = cursor.take_word(b"STATUS")
    if status:
        cursor.space()
    groups = cursor.spaced(_group)
    if sum(group.which in _SELECTED for group in groups) > 1:
        raise BadSyntax("The selected mailbox is given twice")  # RFC 5465 §6.1
    return Notify(groups, status)


def _group(cursor: Cursor) -> EventGroup:
    """event-group = "(" filter-mailboxes SP events ")" """
    cursor.expect(b"(")
    which = cursor.choice(_WHICH, "a filter of mailboxes")
    mailboxes: tuple[str, ...] = ()
    if which in _LISTED:
        cursor.space()
        several = cursor.next_is(b"(")
        mailboxes = cursor.listed(read_mailbox) if several else (read_mailbox(cursor),)
    cursor.space()
    found = () if cursor.take_word(b"NONE") else cursor.listed(_event)
    cursor.expect(b")")
    items = tuple(item for _, items in found for item in items)
    group = EventGroup(which, mailboxes, frozenset(event for event, _ in found), items)
    _check(group)
    return group


def _event(cursor: Cursor) -> tuple[NotifyEvent, tuple[FetchItem, ...]]:
    """event = "MessageNew" [SP "(" fetch-att *(SP fetch-att) ")"] / "MessageExpunge" / ..."""
    name = cursor.word("an event")
    event = _EVENTS.get(name)
    if event is None:
        known = " ".join(known.value for known in NotifyEvent)
        raise BadEvent(f"The events are {known}")
    if event is NotifyEvent.MESSAGE_NEW and cursor.take(b" ("):
        cursor.at -= 1
        return event, cursor.listed(read_item)
    return event, ()


def _check(group: EventGroup) -> None:
    """Raises BadSyntax for combinations that RFC 5465 §5 forbids."""
    messages = group.events & _MESSAGES
    if len(messages) == 1:
        raise BadSyntax("MessageNew and MessageExpunge belong together")
    if NotifyEvent.FLAG_CHANGE in group.events and not messages:
        raise BadSyntax("FlagChange needs MessageNew and MessageExpunge")
    if group.which in _SELECTED and group.events & _OTHERS:
        raise BadSyntax("The selected mailbox has events of messages alone")
    if group.items and group.which not in _SELECTED:
        raise BadSyntax("Items to fetch are for the selected mailbox alone")
