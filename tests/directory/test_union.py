"""The union of the settings file and the database."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from mailhost.directory.union import unite
from mailhost.interfaces.accounts import Account, DirectoryView, Domain
from tests.directory.fakes import address


class Unions(SynchronousTestCase):
    def test_both_are_there(self) -> None:
        file = DirectoryView({"a.example": Domain("a.example")}, {"b.example": "a.example"})
        database = DirectoryView({"c.example": Domain("c.example")}, {"d.example": "c.example"})
        union = unite(file, database)
        self.assertEqual(set(union.view.domains), {"a.example", "c.example"})
        self.assertEqual(union.view.also, {"b.example": "a.example", "d.example": "c.example"})
        self.assertEqual(union.clashes, ())

    def test_the_file_wins_and_clashes_are_told(self) -> None:
        ours = Domain("a.example", {"ann": Account(address("ann@a.example"))})
        file = DirectoryView({"a.example": ours}, {"b.example": "a.example"})
        database = DirectoryView(
            {"a.example": Domain("a.example"), "b.example": Domain("b.example")},
            {"x.example": "a.example"},
        )
        union = unite(file, database)
        self.assertEqual(union.view, file)
        self.assertEqual([text.split()[0] for text in union.clashes], ["a.example", "b.example"])
        self.assertIn("the domain of the settings file is used", union.clashes[0])
