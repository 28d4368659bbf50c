"""Lines of the server."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from mailhost.imap.grammar import response
from mailhost.imap.grammar.response import BAD, NO, OK, UNTAGGED, status


class StatusTests(SynchronousTestCase):
    def test_lines(self) -> None:
        self.assertEqual(b"a1 OK Done\r\n", status(b"a1", OK, "Done"))
        self.assertEqual(b"* BAD what?\r\n", status(UNTAGGED, BAD, "what?"))
        self.assertEqual(
            b"a NO [TOOBIG] 5 MB at most\r\n", status(b"a", NO, "5 MB at most", b"TOOBIG")
        )

    def test_text_is_never_empty(self) -> None:
        code = response.number_code(b"HIGHESTMODSEQ", 7)
        self.assertEqual(b"* OK [HIGHESTMODSEQ 7] Done\r\n", status(UNTAGGED, OK, "", code))
        self.assertEqual(b"a OK Done\r\n", status(b"a", OK, ""))

    def test_text_is_one_line_of_ascii(self) -> None:
        self.assertEqual(b"a NO a?b?\r\n", status(b"a", NO, "a\r\nb\u00fc"))

    def test_text_is_no_code(self) -> None:
        self.assertEqual(b"a NO  [ALERT] x\r\n", status(b"a", NO, "[ALERT] x"))

    def test_continuation(self) -> None:
        self.assertEqual(b"+ \r\n", response.continuation())
        self.assertEqual(b"+ idling\r\n", response.continuation(b"idling"))

    def test_codes(self) -> None:
        for code, text in (
            (response.permanent_flags(["\\Seen", "a"], keywords=True),
             b"PERMANENTFLAGS (\\Seen a \\*)"),
            (response.permanent_flags([], keywords=False), b"PERMANENTFLAGS ()"),
            (response.append_uid(38505, [3955]), b"APPENDUID 38505 3955"),
            (response.append_uid(1, [5, 6, 7]), b"APPENDUID 1 5:7"),
            (response.copy_uid(38505, [304, 319, 320], [3956, 3957, 3958]),
             b"COPYUID 38505 304,319:320 3956:3958"),
            (response.modified([7, 9]), b"MODIFIED 7,9"),
            (response.mailbox_id("F22-1"), b"MAILBOXID (F22-1)"),
            (response.bad_charset(), b"BADCHARSET (UTF-8 US-ASCII)"),
            (response.bad_event(["MessageNew", "FlagChange"]), b"BADEVENT (MessageNew FlagChange)"),
            (response.in_progress(b"A001", 175, 1000), b'INPROGRESS ("A001" 175 1000)'),
            (response.in_progress(b"A001"), b'INPROGRESS ("A001" NIL NIL)'),
        ):  # fmt: skip
            self.assertEqual(text, code)


class DataTests(SynchronousTestCase):
    def test_lines(self) -> None:
        for line, text in (
            (response.flags(["\\Seen", "$x"]), b"* FLAGS (\\Seen $x)\r\n"),
            (response.untagged(response.capability(["IMAP4rev1", "ID"])),
             b"* CAPABILITY IMAP4rev1 ID\r\n"),
            (response.enabled(["CONDSTORE"]), b"* ENABLED CONDSTORE\r\n"),
            (response.enabled([]), b"* ENABLED\r\n"),
            (response.identification({}), b"* ID NIL\r\n"),
            (response.identification({"name": 'a "b"', "version": None}),
             b'* ID ("name" "a \\"b\\"" "version" NIL)\r\n'),
            (response.exists(0), b"* 0 EXISTS\r\n"),
            (response.recent(0), b"* 0 RECENT\r\n"),
            (response.expunges([5, 3]), b"* 5 EXPUNGE\r\n* 3 EXPUNGE\r\n"),
            (response.vanished(b"1:3,7"), b"* VANISHED 1:3,7\r\n"),
            (response.vanished(b"7", earlier=True), b"* VANISHED (EARLIER) 7\r\n"),
            (response.namespace([("", "/")]), b'* NAMESPACE (("" "/")) NIL NIL\r\n'),
            (response.namespace([("", "/")], [("~", "/")], [("Gemeinsam/", "/"), ("#x", None)]),
             b'* NAMESPACE (("" "/")) (("~" "/")) (("Gemeinsam/" "/")("#x" NIL))\r\n'),
            (response.namespace([("ü/", "\\")], utf8=True),
             '* NAMESPACE (("ü/" "\\\\")) NIL NIL\r\n'.encode()),
        ):  # fmt: skip
            self.assertEqual(text, line)
