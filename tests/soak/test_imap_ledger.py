"""The ledger of IMAP clients finds each promise that is broken, without any host."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from tests.soak.imap_ledger import ImapLedger, Place, Seen

HERE: Place = ("ann", 1, 1)
THERE: Place = ("ann", 2, 1)
FLAGGED = frozenset(("\\Flagged",))


def seen(*places: Place, identity: str = "m", flags: frozenset[str] = FLAGGED) -> dict[Place, Seen]:
    return {place: Seen(identity, flags) for place in places}


class Ledger(SynchronousTestCase):
    def setUp(self) -> None:
        self.ledger = ImapLedger()
        self.ledger.added("m", HERE, FLAGGED)

    def faults(self, found: dict[Place, Seen]) -> int:
        return len(self.ledger.check(found))

    def test_kept(self) -> None:
        self.assertEqual(0, self.faults(seen(HERE)))

    def test_lost(self) -> None:
        self.assertEqual(2, self.faults({}))

    def test_flags(self) -> None:
        self.assertEqual(1, self.faults(seen(HERE, flags=frozenset(("\\Answered",)))))
        self.ledger.flagged("m", HERE, None)
        self.assertEqual(0, self.faults(seen(HERE, flags=frozenset(("\\Answered",)))))

    def test_another_message_at_a_place(self) -> None:
        self.assertIn("was m, and is n", self.ledger.check(seen(HERE, identity="n"))[0])

    def test_moved(self) -> None:
        self.ledger.moved("m", HERE, THERE)
        self.assertEqual(0, self.faults(seen(THERE)))
        self.assertEqual(2, self.faults(seen(HERE, THERE)))

    def test_perhaps_moved(self) -> None:
        self.ledger.perhaps_moved("m", HERE)
        self.assertEqual(0, self.faults(seen(HERE)))
        self.assertEqual(0, self.faults(seen(THERE)))
        self.assertEqual(1, self.faults(seen(HERE, THERE)))
        self.assertEqual(1, self.faults({}))

    def test_expunged(self) -> None:
        self.ledger.perhaps_expunged("m", HERE)
        self.assertEqual(0, self.faults(seen(HERE)))
        self.assertEqual(0, self.faults({}))
        self.ledger.added("n", THERE)
        self.ledger.expunged("n", THERE)
        self.assertEqual(2, self.faults(seen(THERE, identity="n")))

    def test_modseq(self) -> None:
        self.ledger.saw_modseq("ann", 1, 0, 7)
        self.ledger.saw_modseq("ann", 1, self.ledger.modseq("ann", 1), 6)
        self.assertEqual(["ann 1: MODSEQ 6 after 7"], self.ledger.faults)
