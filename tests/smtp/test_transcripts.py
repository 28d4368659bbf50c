"""Every dialogue in tests/transcripts, as it stands and an octet at a time."""

from __future__ import annotations

from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from tests.smtp.transcript import Mismatch, Runner, read_transcript

FOLDER = Path(__file__).parent.parent / "transcripts"


class TranscriptTests(SynchronousTestCase):
    def test_whole_lines(self) -> None:
        self._run_all(0)

    def test_octet_by_octet(self) -> None:
        self._run_all(1)

    def test_three_octets_at_once(self) -> None:
        self._run_all(3)

    def _run_all(self, octets: int) -> None:
        found = sorted(FOLDER.glob("*.txt"))
        self.assertGreater(len(found), 10)
        wrong = []
        for path in found:
            try:
                Runner(path, octets).run()
            except Mismatch as mismatch:
                wrong.append(str(mismatch))
        if wrong:
            self.fail("\n".join(wrong))


class RunnerTests(SynchronousTestCase):
    def write(self, text: str) -> Path:
        path = Path(self.mktemp())
        path.write_text(text)
        return path

    def test_a_mismatch_names_file_and_line(self) -> None:
        greeting = "S: 220 mx.example.com ESMTP ready\n"
        for text, line, explanation in (
            ("# words\nS: 221 ...\n", 2, "expected '221 ...', the server said '220 mx"),
            ("C: NOOP\n", 1, "before this line the server said '220"),
            (greeting + "C: NOOP\n", 3, "before this line the server said '250"),
            (greeting + "S: 250\n", 2, "the server said '(nothing)'"),
            (greeting + "= closed\n", 2, "the connection is open"),
            (greeting + "= taken <>\n", 2, "no message was taken"),
        ):
            path = self.write(text)
            mismatch = self.assertRaises(Mismatch, Runner(path).run)
            self.assertIn(f"{path}:{line}: ", str(mismatch))
            self.assertIn(explanation, str(mismatch))

    def test_a_line_that_is_no_step(self) -> None:
        for text in ("X: y\n", "S: 220 ...\n= dance\n", "% dance\n"):
            self.assertRaises(ValueError, lambda text=text: Runner(self.write(text)).run())
        self.assertEqual(read_transcript(self.write("\n# nothing\n")), [])
