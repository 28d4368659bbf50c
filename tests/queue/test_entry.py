"""Entries and states survive being written and read, and damage is told as such."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailhost.message.address import Address
from mailhost.message.envelope import Body, Envelope, ForwardPath, Notify, Return
from mailhost.message.outcome import Fate, Outcome
from mailhost.message.status import Status
from mailhost.message.tls_demand import TLSDemand
from mailhost.queue.entry import (
    ENCODED_AT_ONCE,
    Entry,
    EntryState,
    Progress,
    Recipient,
    Unreadable,
    decode_entry,
    decode_state,
    encode_entry,
    encode_state,
    first_state,
    laid_out,
)

anything = settings(deadline=None)
addresses = st.builds(
    Address, st.text(min_size=1, max_size=20), st.text(max_size=20), st.booleans()
)
notifies = st.none() | st.sampled_from(
    [Notify.NEVER, Notify.SUCCESS, Notify.FAILURE | Notify.DELAY]
)
aliases = st.lists(addresses, max_size=2).map(tuple)
paths = st.builds(ForwardPath, addresses, notifies, st.text(max_size=20), aliases)
envelopes = st.builds(
    Envelope,
    st.none() | addresses,
    st.lists(paths, min_size=1, max_size=4).map(tuple),
    st.sampled_from(Body),
    st.booleans(),
    st.integers(0, 1 << 40),
    st.none() | st.sampled_from(Return),
    st.text(max_size=20),
    st.sampled_from(TLSDemand),
)
times = st.floats(0, 4e9)
entries = st.builds(Entry, st.just("id1"), st.text(), times, envelopes, st.integers(0, 1 << 40))
codes, enhanced = st.integers(200, 599), st.text(max_size=9)
answers = st.none() | st.builds(Status, codes, enhanced, st.text())
statuses = st.builds(Status, codes, enhanced, st.text(), st.text(), answers)


@st.composite
def states(draw: st.DrawFn, entry: Entry) -> EntryState:
    """A state that fits `entry`."""
    recipients = []
    for path in entry.envelope.recipients:
        outcomes = st.builds(Outcome, st.just(path), st.sampled_from(Fate), statuses, st.text())
        progress = draw(st.sampled_from(Progress))
        recipients.append(Recipient(path, progress, draw(st.none() | outcomes)))
    return EntryState(
        recipients=tuple(recipients),
        due=draw(times),
        attempts=draw(st.integers(0, 99)),
        last_attempt=draw(st.none() | times),
        saved=draw(times),
        waited=draw(times),
        warned=draw(st.booleans()),
        held=draw(st.booleans()),
        parked=draw(st.text()),
        traceback=draw(st.text()),
    )


def one_entry() -> Entry:
    """A small entry, laid out."""
    envelope = Envelope(None, (ForwardPath(Address("böb", "there.example")),))
    return laid_out(Entry("id1", "m1", 5.0, envelope, 7))[0]


class Long(SynchronousTestCase):
    def test_recipients_in_several_parts(self) -> None:
        for count in (ENCODED_AT_ONCE - 1, ENCODED_AT_ONCE, 3 * ENCODED_AT_ONCE + 1):
            to = tuple(ForwardPath(Address(f"a{n}", "x.example")) for n in range(count))
            entry, line = laid_out(Entry("id1", "id1", 5.0, Envelope(None, to), 0))
            self.assertEqual(decode_entry(line, "id1", len(line)), entry)
            state = first_state(entry)
            self.assertEqual(decode_state(encode_state(state), entry), state)


class Entries(SynchronousTestCase):
    """Entries are read as they were written."""

    @anything
    @given(entries)
    def test_entry_comes_back(self, entry: Entry) -> None:
        line = encode_entry(entry)
        self.assertTrue(line.isascii())
        self.assertEqual(line.count(b"\n"), 1)
        whole, _ = laid_out(entry)
        found = decode_entry(line, "id1", len(line) + entry.size)
        self.assertEqual(found, whole)
        self.assertEqual(
            [str(path.address) for path in found.envelope.recipients],
            [str(path.address) for path in entry.envelope.recipients],
        )

    @anything
    @given(st.data())
    def test_state_comes_back(self, data: st.DataObject) -> None:
        entry = data.draw(entries)
        state = data.draw(states(entry))
        again = decode_state(encode_state(state), entry)
        self.assertEqual(repr(again), repr(state))  # answers too, which no comparison looks at

    def test_without_state_everybody_waits(self) -> None:
        entry = one_entry()
        state = first_state(entry)
        self.assertEqual(state.waiting, entry.envelope.recipients)
        self.assertEqual(state.due, entry.arrived)


class OlderEntries(SynchronousTestCase):
    def test_entries_without_a_demand_of_tls(self) -> None:
        line = encode_entry(one_entry())
        self.assertNotIn(b'"tls"', line)  # as older programs wrote it
        found = decode_entry(line, "id1", None)
        self.assertIs(found.envelope.tls, TLSDemand.USUAL)

    def test_unknown_demands(self) -> None:
        line = encode_entry(one_entry()).replace(b'"body"', b'"tls":"odd","body"')
        self.assertRaises(Unreadable, decode_entry, line, "id1", None)


class Damage(SynchronousTestCase):
    """A file of any octets is read or found unreadable; no other exception is raised."""

    @anything
    @given(st.binary(max_size=200))
    def test_junk(self, junk: bytes) -> None:
        self.assertRaises(Unreadable, decode_entry, junk + b"\n", "id1", 0)
        self.assertRaises(Unreadable, decode_state, junk, one_entry())

    @anything
    @given(st.data())
    def test_changed_octets(self, data: st.DataObject) -> None:
        entry = one_entry()
        for text in (encode_entry(entry), encode_state(first_state(entry))):
            at = data.draw(st.integers(0, len(text) - 1))
            changed = text[:at] + data.draw(st.binary(max_size=3)) + text[at + 1 :]
            try:
                decode_entry(changed, "id1", len(changed) + 7)
                decode_state(changed, entry)
            except Unreadable:
                pass

    def test_deep_junk(self) -> None:
        self.assertRaises(Unreadable, decode_state, b"[" * 100_000, one_entry())

    def test_times_that_are_none(self) -> None:
        entry = one_entry()
        text = encode_state(first_state(entry))
        for bad in (b"NaN", b"Infinity", b"1e999", b'"1"', b"null"):
            broken = text.replace(b'"due":5.0', b'"due":' + bad)
            self.assertNotEqual(broken, text)
            self.assertRaises(Unreadable, decode_state, broken, entry)

    def test_entries_with_malformed_addresses(self) -> None:
        line = encode_entry(one_entry())
        for bad in (b'["a"]', b'["a","b",true,true]', b'["a",true]', b'"a@b"', b"null"):
            broken = line.replace(b'["b\\u00f6b","there.example"]', bad)
            self.assertNotEqual(broken, line)
            self.assertRaises(Unreadable, decode_entry, broken, "id1", None)

    def test_cut_short(self) -> None:
        line = encode_entry(one_entry())
        error = self.assertRaises(Unreadable, decode_entry, line, "id1", len(line) + 3)
        self.assertIn("should have", str(error))
        self.assertRaises(Unreadable, decode_entry, line[:-1], "id1", len(line) + 6)

    def test_of_another_entry(self) -> None:
        line = encode_entry(one_entry())
        self.assertRaises(Unreadable, decode_entry, line, "id2", len(line) + 7)

    def test_newer_version(self) -> None:
        line = encode_entry(one_entry()).replace(b'"version":1', b'"version":2')
        error = self.assertRaises(Unreadable, decode_entry, line, "id1", len(line) + 7)
        self.assertIn("version 2", str(error))

    def test_recipients_that_do_not_fit(self) -> None:
        entry = one_entry()
        other = Envelope(None, entry.envelope.recipients * 2)
        text = encode_state(first_state(Entry("id1", "m1", 5.0, other, 7)))
        self.assertRaises(Unreadable, decode_state, text, entry)
