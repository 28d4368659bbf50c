"""However the bytes are cut, a session replies the same and its reception sees the same.

And no bytes at all make it raise, end a transaction twice, or write what is no reply.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailhost.message.status import Status
from tests.smtp.fakes import NOBODY, TERMS, TLS, FakeAuthenticator, Talk, check_end, checked_talk

SMALL = replace(TERMS, message_size=40, recipients=2, errors=5, idle_commands=12)
LINES = [
    "EHLO x",
    "HELO x",
    "LHLO x",
    "EHLO",
    "MAIL FROM:<>",
    "MAIL FROM:<a@example.net>",
    "MAIL FROM:<a@example.net> BODY=BINARYMIME",
    "MAIL FROM:<a@example.net> SIZE=41",
    "MAIL FROM:<ü@example.net> SMTPUTF8",
    "MAIL FROM:<a@example.net> FOO",
    "RCPT TO:<b@example.com>",
    "RCPT TO:<nobody@example.com>",
    "RCPT TO:<later@example.com>",
    "RCPT TO:<Postmaster>",
    "DATA",
    ".",
    "..",
    "text",
    "",
    "RSET",
    "NOOP",
    "VRFY a",
    "HELP",
    "STARTTLS",
    "AUTH PLAIN",
    "AUTH PLAIN AGFubkBleGFtcGxlLmNvbQBzZWNyZXQ=",
    "AUTH LOGIN",
    "YW5uQGV4YW1wbGUuY29t",
    "c2VjcmV0",
    "*",
    "=",
    "nonsense",
    "x" * 5000,
]
WHOLE = (
    b"MAIL FROM:<a@example.net>\r\nRCPT TO:<b@example.com>\r\nRCPT TO:<c@example.com>\r\n"
    b"DATA\r\n..hi\r\n.\r\n"
)
CHUNK = st.builds(
    lambda octets, last: b"BDAT %d%b\r\n%b" % (len(octets), b" LAST" * last, octets),
    st.sampled_from([b"", b"hi", b"\r\n.\r\n", b"QUIT\r\n", b"a\r", b"\nb", b"\0", b"y" * 30]),
    st.booleans(),
)
ODD = st.sampled_from(
    [b"\n.\n", b"\r\n.\r", b"\r", b"\n", b"\0", b"NOOP\n", b"BDAT\r\n", b"BDAT 3\r\n", b"\xff\xfe"]
)
PIECES = st.lists(
    st.sampled_from(LINES).map(lambda line: f"{line}\r\n".encode()) | CHUNK | st.just(WHOLE) | ODD,
    max_size=25,
)


def judge(path: Any) -> Status:
    if path.address.local == "nobody":
        return NOBODY
    if path.address.local == "later":
        return Status(451, "4.7.1", "Later")
    return Status(250, "2.1.5", "Fine")


class AnyCutTests(SynchronousTestCase):
    def hold(self, blocks: list[bytes], lmtp: bool, setting: Callable[[Talk], None]) -> Any:
        """Send these blocks to a new session; return everything that can be observed."""
        authenticator = FakeAuthenticator(in_the_clear=True)
        talk = checked_talk(replace(SMALL, lmtp=lmtp), authenticator=authenticator, binary=True)
        talk.reception.answers["recipient"] = judge
        setting(talk)
        replies = b""
        for block in blocks:
            replies += talk.say(block)
            while talk.reception.waiting:
                talk.reception.release()
                replies += talk.wire.take()
        check_end(talk)
        return (
            replies,
            talk.wire.hung_up,
            talk.wire.handshakes,
            talk.reception.seen,
            [
                (one.envelope, one.paths, one.content, one.fate)
                for one in talk.reception.transactions
            ],
            talk.events.lines,
            authenticator.asked,
        )

    @settings(deadline=None)
    @given(PIECES, st.booleans(), st.data())
    def test_any_cut(self, pieces: list[bytes], lmtp: bool, data: st.DataObject) -> None:
        wire = b"".join(pieces)
        cuts = sorted(data.draw(st.lists(st.integers(0, len(wire)), max_size=30)))
        pairs = zip([0, *cuts], [*cuts, len(wire)], strict=True)
        # what comes behind STARTTLS is never run: a session on its own waits for the handshake
        whole = self.hold([wire], lmtp, lambda _: None)
        self.assertEqual(self.hold([wire[a:b] for a, b in pairs], lmtp, lambda _: None), whole)

    @settings(deadline=None, max_examples=60)
    @given(PIECES, st.booleans())
    def test_octet_by_octet(self, pieces: list[bytes], lmtp: bool) -> None:
        wire = b"".join(piece for piece in pieces if len(piece) < 1000)
        whole = self.hold([wire], lmtp, lambda _: None)
        octets = [wire[at : at + 1] for at in range(len(wire))]
        self.assertEqual(self.hold(octets, lmtp, lambda _: None), whole)

    @settings(deadline=None)
    @given(PIECES, st.booleans())
    def test_a_slow_reception_changes_nothing(self, pieces: list[bytes], lmtp: bool) -> None:
        """The other blocks arrive while the session waits for an answer."""

        def slow(talk: Talk) -> None:
            talk.reception.slow = {"hello", "transaction", "recipient", "begin", "write", "end"}

        def quick(talk: Talk) -> None:
            talk.reception.quick = {"hello", "transaction", "recipient", "begin", "write", "end"}

        wire = b"".join(pieces)
        whole = self.hold([wire], lmtp, lambda _: None)
        self.assertEqual(self.hold([wire], lmtp, slow), whole)
        self.assertEqual(self.hold([wire], lmtp, quick), whole)

    @settings(deadline=None)
    @given(st.lists(st.binary(max_size=300)), st.booleans())
    def test_any_bytes(self, blocks: list[bytes], lmtp: bool) -> None:
        self.hold(blocks, lmtp, lambda _: None)

    @settings(deadline=None)
    @given(PIECES, st.integers(0, 400), st.booleans())
    def test_lost_anywhere(self, pieces: list[bytes], at: int, slow: bool) -> None:
        talk = checked_talk(SMALL, tls=TLS)
        if slow:
            talk.reception.slow = {"transaction", "recipient", "begin", "write", "end"}
        talk.say(b"".join(pieces)[:at])
        check_end(talk)  # the connection is lost, and what waited is answered
