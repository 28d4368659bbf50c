"""LIST and LSUB."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from mailhost.imap.grammar.commands_mailbox import List, Lsub, StatusItem
from tests.imap.grammar.reading import UTF8, fault, parsed

STATUS = (StatusItem.UNSEEN,)
COMMANDS: tuple[tuple[bytes, List | Lsub], ...] = (
    (b'LIST "" ""', List("", ("",))),
    (b'LIST "" *', List("", ("*",))),
    (b'LIST a/ "%"', List("a/", ("%",))),
    (b'LIST {0}\r\n {1}\r\n*', List("", ("*",))),
    (b'LIST () "" *', List("", ("*",), True)),
    (b'LIST "" (inbox "a b" %)', List("", ("INBOX", "a b", "%"), True)),
    # all mailboxes with their attributes, and those alone that have one
    (b'LIST "" "%" RETURN (SPECIAL-USE)', List("", ("%",), True, return_special_use=True)),
    (b'LIST (SPECIAL-USE) "" "*"',
     List("", ("*",), True, only_special_use=True, return_special_use=True)),
    (b'LIST "" "*" RETURN (SPECIAL-USE STATUS (UNSEEN))',
     List("", ("*",), True, return_special_use=True, return_status=STATUS)),
    (b'LIST (SUBSCRIBED) "" *',
     List("", ("*",), True, only_subscribed=True, return_subscribed=True)),
    (b'LIST (recursivematch REMOTE subscribed) "" % RETURN (children)',
     List("", ("%",), True, only_subscribed=True, remote=True, recursive_match=True,
          return_subscribed=True, return_children=True)),
    (b'LIST "" * RETURN ()', List("", ("*",), True)),
    (b'LIST "" * RETURN (SUBSCRIBED)', List("", ("*",), True, return_subscribed=True)),
    (b'LSUB "" "*"', Lsub("", "*")),
)  # fmt: skip


class ListTests(SynchronousTestCase):
    def test_commands(self) -> None:
        for text, command in COMMANDS:
            self.assertEqual(command, parsed(text), text)

    def test_names(self) -> None:
        self.assertEqual(List("ü", ("ü*",)), parsed(b"LIST &APw- &APw-*"))
        self.assertEqual(List("ü", ("ü*",)), parsed('LIST "ü" "ü*"'.encode(), UTF8))

    def test_no_commands(self) -> None:
        for text in (
            b"LIST", b'LIST ""', b'LIST "" ()', b'LIST (FOO) "" *', b'LIST "" * RETURN',
            b'LIST "" * RETURN (FOO)', b'LIST "" * RETURN (STATUS)', b'LIST "" * FOO (CHILDREN)',
            b'LIST (RECURSIVEMATCH) "" *', b'LIST (RECURSIVEMATCH REMOTE) "" *', b'LSUB "" (a b)',
            b'LIST "" * RETURN (STATUS ())', b'LIST "" (' + b" ".join([b"*"] * 101) + b")",
        ):  # fmt: skip
            fault(text)
