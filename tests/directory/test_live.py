"""The live directory: news when there is news, silence otherwise, and outages told once."""

from __future__ import annotations

import os
import sqlite3
from typing import Any, cast

from twisted.internet import reactor as installed_reactor
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase, TestCase
from zope.interface.verify import verifyObject

from mailhost.directory import live
from mailhost.directory.live import CHECK_TIMEOUT, LiveDirectory
from mailhost.directory.sqlite import DirectoryBusy, DirectoryDatabase
from mailhost.interfaces.accounts import DirectoryView, Domain
from mailhost.interfaces.directory import DirectoryUnavailable, IDirectory
from tests.directory.fakes import Events, Threads, address

ANN = address("ann@example.com")
FILE = DirectoryView({"file.example": Domain("file.example")})


class Live(SynchronousTestCase):
    def setUp(self) -> None:
        folder = self.mktemp()
        os.mkdir(folder)
        self.path = os.path.join(folder, "directory.sqlite")
        self.commands = DirectoryDatabase(self.path, create=True)  # as `mailhost domain` has it
        self.addCleanup(self.commands.close)
        self.commands.add_domain("example.com")
        self.clock = cast("Any", Clock())
        self.threads = Threads()
        self.events = Events()
        self.patch(live, "LOCK_TIMEOUT", 0.01)
        self.directory = self.make(self.path)
        self.directory.start()
        self.addCleanup(self.directory.stop)

    def make(self, path: str | None) -> LiveDirectory:
        return LiveDirectory(self.clock, FILE, path, self.events, self.threads)

    def turn(self, seconds: float = 1.0) -> None:
        self.clock.advance(seconds)
        self.threads.run()


class Stuck(Live):
    """SQLite tries for longer than it was told."""

    def test_nobody_waits_for_ever(self) -> None:
        asked = [self.directory.refresh(), self.directory.refresh()]
        self.clock.advance(CHECK_TIMEOUT)
        for each in (*asked, self.directory.refresh()):
            failure = self.failureResultOf(each, DirectoryUnavailable)
            self.assertIn("does not answer within 3 seconds", str(failure.value))
        self.assertEqual(len(self.events.lines), 1)

    def test_it_is_asked_again_once_the_look_has_ended(self) -> None:
        asked = self.directory.refresh()
        self.clock.advance(CHECK_TIMEOUT)
        self.failureResultOf(asked, DirectoryUnavailable)
        self.threads.run()
        self.assertIn("can be read again", self.events.lines[-1])
        again = self.directory.refresh()
        self.threads.run()
        self.successResultOf(again)


class News(Live):
    def test_it_is_a_directory(self) -> None:
        verifyObject(IDirectory, self.directory)

    def test_a_change_during_the_reading_is_seen_next_time(self) -> None:
        self.commands.add_domain("first.example")
        read = DirectoryDatabase.view

        def view(database: DirectoryDatabase) -> DirectoryView:
            found = read(database)
            self.patch(DirectoryDatabase, "view", read)
            self.commands.add_domain("second.example")
            return found

        self.patch(DirectoryDatabase, "view", view)
        self.turn()
        self.assertIn("first.example", self.directory.view.domains)
        self.turn()
        self.assertIn("second.example", self.directory.view.domains)

    def test_all_is_there_at_the_start(self) -> None:
        self.assertEqual(set(self.directory.view.domains), {"file.example", "example.com"})

    def test_changes_are_seen_when_asked_for(self) -> None:
        self.commands.add_account(ANN, "")
        asked = self.directory.refresh()
        self.assertNoResult(asked)  # nothing blocks the reactor
        self.threads.run()
        view = self.successResultOf(asked)
        self.assertIsNotNone(view.account(ANN))
        self.assertIs(view, self.directory.view)

    def test_removals_take_effect_within_a_second(self) -> None:
        self.commands.add_account(ANN, "")
        self.turn()
        self.assertIsNotNone(self.directory.view.account(ANN))
        self.commands.remove_account(ANN)
        self.turn()
        self.assertIsNone(self.directory.view.account(ANN))

    def test_each_change_is_notified_with_both_views(self) -> None:
        views: list[DirectoryView] = []
        self.directory.changed = lambda before, after: views.extend((before, after))
        before = self.directory.view
        self.turn()
        self.assertEqual([], views)
        self.commands.add_account(ANN, "")
        self.turn()
        self.assertEqual([before, self.directory.view], views)

    def test_nothing_is_read_where_nothing_changed(self) -> None:
        view = self.directory.view
        for _ in range(3):
            self.turn()
        self.assertIs(self.directory.view, view)

    def test_a_change_made_while_the_database_is_read_is_seen_by_the_next_look(self) -> None:
        read = DirectoryDatabase.view

        def view(database: DirectoryDatabase) -> DirectoryView:
            found = read(database)
            self.patch(DirectoryDatabase, "view", read)
            self.commands.add_account(ANN, "")
            return found

        self.patch(DirectoryDatabase, "view", view)
        self.commands.add_domain("example.net")
        self.turn()
        self.assertIsNone(self.directory.view.account(ANN))
        self.turn()
        self.assertIsNotNone(self.directory.view.account(ANN))

    def test_all_who_ask_share_a_look(self) -> None:
        asked = [self.directory.refresh() for _ in range(50)]
        self.assertEqual(len(self.threads.work), 1)
        self.commands.add_account(ANN, "")
        self.threads.run()
        self.assertEqual(len(self.threads.work), 1)  # the others' look begins after they asked
        self.threads.run()
        for one in asked:
            self.assertIsNotNone(self.successResultOf(one).account(ANN))
        self.assertEqual(self.threads.work, [])

    def test_stopped_it_looks_no_more(self) -> None:
        self.directory.stop()
        self.clock.advance(10)
        self.assertEqual(self.threads.work, [])
        self.directory.stop()

    def test_without_a_database(self) -> None:
        directory = self.make(None)
        directory.start()
        self.assertIs(self.successResultOf(directory.refresh()), FILE)


class Files(Live):
    def test_a_reload_of_the_settings(self) -> None:
        self.directory.reconfigure(DirectoryView({"new.example": Domain("new.example")}))
        self.assertEqual(set(self.directory.view.domains), {"new.example", "example.com"})

    def test_a_clash_is_told_once(self) -> None:
        self.assertEqual(self.events.lines, [])
        both = DirectoryView({"example.com": Domain("example.com")})
        self.directory.reconfigure(both)
        (line,) = self.events.lines
        self.assertIn("example.com is in the settings file and in the database", line)
        self.commands.add_account(ANN, "")
        self.turn()
        self.assertEqual(self.events.lines, [])
        self.assertIsNone(self.directory.view.account(ANN))


class NoDomain(Live):
    """A directory without any domain is a fault: no recipient is unknown."""

    def setUp(self) -> None:
        super().setUp()
        self.directory.reconfigure(DirectoryView())

    def ask(self) -> Deferred[DirectoryView]:
        asked = self.directory.refresh()
        self.threads.run()
        return asked

    def test_refresh_fails_until_there_is_a_domain(self) -> None:
        self.successResultOf(self.ask())
        self.assertEqual(self.events.lines, [])
        self.commands.remove_domain("example.com")
        for _ in range(2):
            self.failureResultOf(self.ask(), DirectoryUnavailable)
        (line,) = self.events.lines
        self.assertIn("there is no domain", line)
        self.commands.add_domain("example.net")
        self.assertIn("example.net", self.successResultOf(self.ask()).domains)

    def test_without_a_database(self) -> None:
        directory = LiveDirectory(self.clock, DirectoryView(), None, self.events, self.threads)
        directory.start()
        self.failureResultOf(directory.refresh(), DirectoryUnavailable)


class Outages(Live):
    def hide(self) -> None:
        os.rename(self.path, self.path + ".old")

    def test_told_once_and_over_by_itself(self) -> None:
        view = self.directory.view
        self.hide()
        for _ in range(3):
            asked = self.directory.refresh()
            self.threads.run()
            self.failureResultOf(asked, DirectoryUnavailable)
            self.turn()
        (line,) = self.events.lines
        self.assertIn(f"the data folder {os.path.dirname(self.path)} has no directory", line)
        self.assertIs(self.directory.view, view)  # known people go on getting mail
        self.assertFalse(os.path.exists(self.path))  # no empty directory is made
        os.rename(self.path + ".old", self.path)
        self.turn()
        self.assertEqual(self.events.lines, ["directory: it can be read again"])
        self.assertEqual(set(self.directory.view.domains), {"file.example", "example.com"})

    def test_a_lock_is_an_outage(self) -> None:
        def busy(_: object) -> None:
            raise DirectoryBusy("held")

        self.patch(DirectoryDatabase, "version", busy)
        asked = self.directory.refresh()
        self.threads.run()
        self.failureResultOf(asked, DirectoryUnavailable)
        self.assertEqual(self.events.lines, ["directory: held"])

    def test_a_writer_elsewhere_disturbs_nobody(self) -> None:
        holder = sqlite3.connect(self.path, isolation_level=None)
        self.addCleanup(holder.close)
        holder.execute("BEGIN EXCLUSIVE")
        asked = self.directory.refresh()
        self.threads.run()
        self.assertIn("example.com", self.successResultOf(asked).domains)

    def test_a_copy_put_in_its_place_is_read(self) -> None:
        self.commands.close()
        other = DirectoryDatabase(self.path + ".new", create=True)
        other.add_domain("restored.example")
        other.close()
        os.replace(self.path + ".new", self.path)
        self.turn()
        self.assertEqual(set(self.directory.view.domains), {"file.example", "restored.example"})

    def test_a_database_without_domains_in_place_of_the_former_is_refused(self) -> None:
        self.commands.close()
        for nothing in (b"", None):
            other = self.path + ".new"
            if nothing is None:
                DirectoryDatabase(other, create=True).close()
            else:
                with open(other, "wb") as file:
                    file.write(nothing)
            os.replace(other, self.path)
            for _ in range(2):
                asked = self.directory.refresh()
                self.threads.run()
                self.failureResultOf(asked, DirectoryUnavailable)
                self.turn()
        self.assertEqual(set(self.directory.view.domains), {"file.example", "example.com"})
        self.assertEqual(len(self.events.lines), 1)
        DirectoryDatabase(self.path).add_domain("restored.example")
        self.turn()
        self.assertEqual(set(self.directory.view.domains), {"file.example", "restored.example"})

    def test_a_process_that_starts_meanwhile_makes_none(self) -> None:
        self.hide()
        self.assertRaises(DirectoryUnavailable, self.make(self.path).start)
        self.assertFalse(os.path.exists(self.path))

    def test_a_host_does_not_start_while_it_is_held(self) -> None:
        path = self.path + ".held"
        DirectoryDatabase(path, create=True).close()
        holder = sqlite3.connect(path, isolation_level=None)
        self.addCleanup(holder.close)
        holder.execute("PRAGMA locking_mode = EXCLUSIVE")
        holder.execute("BEGIN EXCLUSIVE")
        self.assertRaises(DirectoryUnavailable, self.make(path).start)

    def test_a_host_does_not_start_without_its_directory(self) -> None:
        with open(self.path + ".junk", "wb") as file:
            file.write(b"junk" * 1000)
        self.assertRaises(DirectoryUnavailable, self.make(self.path + ".junk").start)

    def test_a_bug_is_logged_and_told_and_does_not_stop_the_looking(self) -> None:
        def fail(_: object) -> None:
            raise RuntimeError("a bug")

        self.patch(DirectoryDatabase, "version", fail)
        self.turn()
        self.assertEqual(len(self.flushLoggedErrors(RuntimeError)), 1)
        self.turn()
        self.assertEqual(len(self.flushLoggedErrors(RuntimeError)), 1)
        self.assertEqual(len(self.events.lines), 1)


class RealThreads(TestCase):
    async def test_a_look_in_the_reactors_threads(self) -> None:
        path = self.mktemp()
        database = DirectoryDatabase(path, create=True)
        self.addCleanup(database.close)
        directory = LiveDirectory(cast("Any", installed_reactor), FILE, path, Events())
        directory.start()
        self.addCleanup(directory.stop)
        database.add_domain("example.com")
        view = await directory.refresh()
        self.assertIn("example.com", view.domains)
