"""NOTIFY."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from mailhost.imap.grammar.commands_mailbox import EventGroup, Notify, NotifyEvent, Which
from mailhost.imap.grammar.cursor import BadEvent
from mailhost.imap.grammar.fetch_items import Attribute
from tests.imap.grammar.reading import fault, parsed

NEW, GONE = NotifyEvent.MESSAGE_NEW, NotifyEvent.MESSAGE_EXPUNGE
BOTH = frozenset({NEW, GONE})
ITEMS = (Attribute.UID, Attribute.FLAGS)


class NotifyTests(SynchronousTestCase):
    def test_commands(self) -> None:
        for text, command in (
            (b"NONE", Notify(())),
            (
                b"set (selected (MessageNew (UID FLAGS) MessageExpunge))",
                Notify((EventGroup(Which.SELECTED, (), BOTH, ITEMS),)),
            ),
            (
                b"SET STATUS (selected-delayed (MessageNew MessageExpunge FlagChange)) "
                b"(personal (MessageNew MessageExpunge MailboxName SubscriptionChange)) "
                b"(inboxes NONE)",
                Notify(
                    (
                        EventGroup(Which.SELECTED_DELAYED, (), BOTH | {NotifyEvent.FLAG_CHANGE}),
                        EventGroup(
                            Which.PERSONAL,
                            (),
                            BOTH | {NotifyEvent.MAILBOX_NAME, NotifyEvent.SUBSCRIPTION_CHANGE},
                        ),
                        EventGroup(Which.INBOXES, (), frozenset()),
                    ),
                    status=True,
                ),
            ),
            (
                b"SET (subtree Lists (MessageNew MessageExpunge)) "
                b'(mailboxes (inbox "a b") (MailboxName)) (subscribed NONE)',
                Notify(
                    (
                        EventGroup(Which.SUBTREE, ("Lists",), BOTH),
                        EventGroup(
                            Which.MAILBOXES,
                            ("INBOX", "a b"),
                            frozenset({NotifyEvent.MAILBOX_NAME}),
                        ),
                        EventGroup(Which.SUBSCRIBED, (), frozenset()),
                    )
                ),
            ),
        ):
            self.assertEqual(command, parsed(b"NOTIFY " + text), text)

    def test_unknown_events(self) -> None:
        """They are answered NO [BADEVENT]."""
        text = b"NOTIFY SET (personal (MessageNew MessageExpunge AnnotationChange))"
        self.assertRaises(BadEvent, parsed, text)

    def test_no_commands(self) -> None:
        for text in (
            b"NOTIFY", b"NOTIFY FOO", b"NOTIFY SET", b"NOTIFY SET STATUS", b"NOTIFY SET ()",
            b"NOTIFY SET (foo NONE)", b"NOTIFY SET (personal)", b"NOTIFY SET (personal ())",
            b"NOTIFY SET (personal (MessageNew))", b"NOTIFY SET (personal (MessageExpunge))",
            b"NOTIFY SET (personal (FlagChange))", b"NOTIFY SET (subtree NONE)",
            b"NOTIFY SET (selected (MailboxName))", b"NOTIFY SET (selected NONE) (selected NONE)",
            b"NOTIFY SET (personal (MessageNew (UID) MessageExpunge))", b"NOTIFY NONE x",
            b"NOTIFY SET (selected (MessageNew () MessageExpunge))",
        ):  # fmt: skip
            fault(text)
