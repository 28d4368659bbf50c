"""Every dialogue in tests/transcripts/imap, as it stands and an octet at a time."""

from __future__ import annotations

import os
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from tests.imap.host import Host, MemoryHost
from tests.imap.transcript import Mismatch, Runner, is_for_maildirs

FOLDER = Path(__file__).parent.parent / "transcripts" / "imap"


class TranscriptTests(SynchronousTestCase):
    """Upon Maildirs, and, where the ways in which a client's octets are cut up are tried, upon a
    store in memory, which is faster."""

    def test_whole_lines(self) -> None:
        self._run_all(Host, 0)

    def test_whole_lines_in_memory(self) -> None:
        self._run_all(MemoryHost, 0)

    def test_octet_by_octet(self) -> None:
        self._run_all(MemoryHost, 1)

    def test_three_octets_at_once(self) -> None:
        self._run_all(MemoryHost, 3)

    def _run_all(self, host: type[Host], octets: int) -> None:
        found = sorted(FOLDER.glob(os.environ.get("TRANSCRIPT", "*.txt")))
        self.assertTrue(found)
        wrong = []
        for path in found:
            if host is MemoryHost and is_for_maildirs(path):
                continue
            try:
                Runner(path, host(os.path.abspath(self.mktemp())), octets).run()
            except Mismatch as mismatch:
                wrong.append(str(mismatch))
        if wrong:
            self.fail("\n".join(wrong))


class RunnerTests(SynchronousTestCase):
    def run_text(self, text: str) -> None:
        path = Path(self.mktemp())
        path.write_text(text)
        Runner(path, MemoryHost(os.path.abspath(self.mktemp()))).run()

    def test_a_mismatch_names_the_line(self) -> None:
        for text, line, explanation in (
            ("C: a NOOP\nS: a NO ...\n", 2, "expected 'a NO ...', the server said 'a OK"),
            ("C: a NOOP\nC: b NOOP\n", 2, "before this line the server said 'a OK"),
            ("C: a NOOP\nS: a OK ...\nS: b\n", 3, "the server said '(nothing)'"),
            ("C: a NOOP\n", 1, "at the end session 1 said"),
            ("C: a NOOP\nS: a OK ...\n= closed\n", 3, "the connection is open"),
            ("C: a NOOP {m}\n", 1, "{m} is not known here"),
            ("= messages INBOX 1\n", 1, "there are 0"),
        ):
            mismatch = self.assertRaises(Mismatch, self.run_text, text)
            self.assertIn(f":{line}: ", str(mismatch))
            self.assertIn(explanation, str(mismatch))

    def test_a_line_that_is_no_step(self) -> None:
        for text in ("X: y\n", "= dance\n"):
            self.assertRaises(ValueError, self.run_text, text)
