"""The commands to a filter: each is packed and read back."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailhost.milter.codec import (
    Packet,
)
from mailhost.milter.commands import (
    BareCommand,
    BodyCommand,
    Command,
    ConnectCommand,
    Family,
    HeaderCommand,
    HeloCommand,
    MacrosCommand,
    MailCommand,
    RcptCommand,
)
from tests.milter.reading import parse_command
from tests.milter.strategies import OCTETS, STRING, TEXT, TEXTS

LETTER = st.sampled_from([b"C", b"H", b"M", b"R", b"T", b"N", b"E"])
COMMANDS: st.SearchStrategy[Command] = st.one_of(
    st.sampled_from(BareCommand),
    st.builds(ConnectCommand, TEXT),
    st.builds(
        ConnectCommand,
        TEXT,
        st.sampled_from([Family.UNIX, Family.IPV4, Family.IPV6]),
        st.integers(0, 65535),
        TEXT,
    ),
    st.builds(HeloCommand, TEXT),
    st.builds(MailCommand, TEXT, TEXTS),
    st.builds(RcptCommand, TEXT, TEXTS),
    st.builds(HeaderCommand, STRING, STRING),
    st.builds(BodyCommand, OCTETS),
    st.builds(MacrosCommand, LETTER, st.lists(st.tuples(TEXT, TEXT), max_size=4).map(tuple)),
)


class CommandTests(SynchronousTestCase):
    @given(COMMANDS)
    def test_commands(self, command: Command) -> None:
        self.assertEqual(command, parse_command(command.packet()))

    def test_the_octets_of_some(self) -> None:
        for value, packet in (
            (HeloCommand("a"), Packet(b"H", b"a\0")),
            (
                ConnectCommand("a", Family.IPV4, 258, "1.2.3.4"),
                Packet(b"C", b"a\x004\1\x021.2.3.4\0"),
            ),
            (ConnectCommand("a"), Packet(b"C", b"a\0U")),
            (MacrosCommand(b"M", (("i", "x"),)), Packet(b"D", b"Mi\0x\0")),
        ):
            self.assertEqual(packet, value.packet())
