"""Exports: a Maildir that is imported again with all its UIDs, mbox files that are read again."""

from __future__ import annotations

import mailbox
import os

from mailhost.interfaces.folders import FlagChange
from mailhost.message.flags import FlagAction
from mailhost.store.exchange import exporting
from mailhost.store.exchange.exporting import CannotExport, MaildirExport, MboxExport, places
from mailhost.store.exchange.importing import Import
from mailhost.store.exchange.maildir_source import source_folders
from mailhost.store.exchange.mbox import Quoting, read, split
from mailhost.store.exchange.progress import Result
from mailhost.store.folders import tree
from mailhost.store.folders.flag_changes import set_flags
from mailhost.store.folders.reading import contents
from mailhost.store.folders.refresh import refreshed
from tests.store.exchange.fakes import NoProgress, same_rights
from tests.store.exchange.source import write
from tests.store.folders.mail_case import MailCase

MESSAGES = [b"A: %d\r\n\r\nFrom %d\r\n" % (number, number) for number in range(5)]


class ExportCase(MailCase):
    def setUp(self) -> None:
        super().setUp()
        self.patch(exporting, "AT_ONCE", 2)
        tree.create(self.work, "Läden/2024", "")
        for number, text in enumerate(MESSAGES):
            self.add(text, flags=["\\Seen", "Work"][: number % 3], date=1_400_000_000 + number)
        self.add(b"B: c\r\n\r\n", "Läden/2024")
        self.target = os.path.abspath(self.mktemp())


class MaildirTests(ExportCase):
    def export(self) -> dict[str, tuple[int, int]]:
        running = MaildirExport(self.work, self.target, same_rights, NoProgress())
        results = [running.folder(place) for place in places(self.work, [])]
        running.subscriptions()
        self.seconds += 10
        return {each.folder: (each.moved, each.known) for each in results}

    def imported(self) -> tuple[dict[int, bytes], dict[int, list[str]]]:
        """The messages and flags of INBOX where the target is imported."""
        other = self.open_work(os.path.abspath(self.mktemp()))
        running = Import(other, same_rights, NoProgress())
        for folder in source_folders(self.target):
            result = running.maildir_folder(folder, folder.name)
            assert isinstance(result, Result), result
            self.assertTrue(result.kept_uids)
        return self.texts(work=other), self.flags(work=other)

    def test_there_and_back(self) -> None:
        self.assertEqual(self.export()["INBOX"], (5, 0))
        self.assertEqual(self.imported(), (self.texts(), self.flags()))

    def test_the_standard_library_reads_it(self) -> None:
        self.export()
        box = mailbox.Maildir(self.target, create=False)
        self.assertEqual(len(box), 5)
        self.assertIn("L&AOQ-den.2024", box.list_folders())

    def test_a_second_time_what_is_new_and_other_flags(self) -> None:
        self.export()
        self.add(b"A: new\r\n\r\n")
        set_flags(self.work, "", [1, 2], FlagChange(FlagAction.REPLACE, ("\\Flagged",)), None)
        self.assertEqual(self.export()["INBOX"], (1, 5))
        self.assertEqual(self.imported(), (self.texts(), self.flags()))

    def test_a_place_with_other_mail(self) -> None:
        write(f"{self.target}/dovecot-uidlist", b"3 V7 N1 G0123456789abcdef0123456789abcdef\n")
        with self.assertRaises(CannotExport):
            self.export()

    def test_some_folders(self) -> None:
        found = places(self.work, ["Läden/2024", "no"])
        self.assertEqual([place.name for place in found], ["Läden/2024"])


class MboxTests(ExportCase):
    def export(self, name: str = "INBOX") -> tuple[int, int]:
        running = MboxExport(self.work, self.target, same_rights, NoProgress())
        (place,) = places(self.work, [name])
        result = running.folder(place)
        self.seconds += 10
        return result.moved, result.known

    def texts_in(self, name: str) -> list[bytes]:
        with open(os.path.join(self.target, name), "rb") as file:
            octets = file.read()
        return [read(message, Quoting.MBOXRD).text for message in split(octets)]

    def test_all_octets_and_flags(self) -> None:
        self.assertEqual(self.export(), (5, 0))
        self.assertEqual(self.texts_in("INBOX.mbox"), MESSAGES)
        with open(os.path.join(self.target, "INBOX.mbox"), "rb") as file:
            message = list(split(file.read()))[2]
        found = read(message, Quoting.MBOXRD)
        self.assertEqual((found.flags, found.date), (("\\Seen", "Work"), 1_400_000_002))

    def test_levels_are_folders(self) -> None:
        self.export("Läden/2024")
        self.assertEqual(self.texts_in("Läden/2024.mbox"), [b"B: c\r\n\r\n"])

    def test_a_second_time_what_is_new(self) -> None:
        self.export()
        self.add(b"A: new\r\n\r\n")
        self.assertEqual(self.export(), (1, 5))
        self.assertEqual(self.texts_in("INBOX.mbox"), [*MESSAGES, b"A: new\r\n\r\n"])

    def test_it_goes_on_where_it_was_killed(self) -> None:
        calls: list[object] = []

        def dying(*arguments: object) -> object:
            calls.append(arguments)
            if len(calls) == 2:
                raise KeyboardInterrupt
            return contents(*arguments)  # type: ignore[arg-type]

        self.patch(exporting, "contents", dying)
        with self.assertRaises(KeyboardInterrupt):
            self.export()
        with open(os.path.join(self.target, "INBOX.mbox"), "ab") as file:
            file.write(b"half a mess")
        self.assertEqual(self.export(), (3, 2))
        self.assertEqual(self.texts_in("INBOX.mbox"), MESSAGES)

    def test_a_file_of_others_and_other_mail(self) -> None:
        write(os.path.join(self.target, "INBOX.mbox"), b"other")
        with self.assertRaises(CannotExport):
            self.export()
        self.export("Läden/2024")
        tree.remove(self.work, "Läden/2024")
        tree.create(self.work, "Läden/2024", "")
        self.assertNotEqual(refreshed(self.work, self.path("Läden/2024")).row.uid_validity, 0)
        with self.assertRaises(CannotExport):
            self.export("Läden/2024")
