"""The contract of every store of folders: a mixin for a test case of each implementation of
`interfaces/folders`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from twisted.internet.defer import Deferred, gatherResults
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from mailhost.interfaces.folders import (
    FlagChange,
    FolderInfo,
    FolderView,
    IAccountMail,
    IAccountStore,
    IFolder,
    IWatch,
    NewMessage,
    Reason,
    StoreRefusal,
    SummaryField,
)
from mailhost.message.content import Content, ContentWriter
from mailhost.message.flags import FlagAction, flag_names
from mailhost.message.imap.content_keys import FieldContains, TextContains
from tests.fakes import address, now

if TYPE_CHECKING:
    Case = SynchronousTestCase
else:
    Case = object

ANN, BOB = address("ann@a.example"), address("bob@a.example")
STANDARD = {"Archive", "Drafts", "Junk", "Sent", "Trash"}
TEXT = b"From: a@b.example\r\nSubject: hello\r\n\r\nbody\r\n"


class FolderContract(Case):
    """`quota` is that of Ann's account, in octets. Bob has none."""

    store: Any
    quota: int | None = None

    @property
    def mail(self) -> IAccountMail:
        """Ann's."""
        account: IAccountMail = self.store.account(ANN)
        return account

    def open(self, name: str = "INBOX") -> IFolder:
        """An open folder."""
        folder = now(self.mail.open(name))
        assert not isinstance(folder, StoreRefusal), folder
        return folder

    def view(self, folder: IFolder | None = None) -> FolderView:
        """The newest state of a folder, with all sizes and dates."""
        view = now((folder or self.open()).view(sizes=True, dates=True))
        assert not isinstance(view, StoreRefusal), view
        return view

    def add(self, *texts: bytes, to: str = "INBOX", flags: Sequence[str] = ()) -> Sequence[int]:
        """Add messages; their UIDs."""
        messages = [NewMessage(Content((text,)), tuple(flags), 1_000_000_000) for text in texts]
        added = self.taken(self.open(to).add(messages))
        self.assertEqual(added.uid_validity, self.view(self.open(to)).uid_validity)
        uids: Sequence[int] = added.uids
        return uids

    def taken(self, answer: Any) -> Any:
        """The result of what may not be refused."""
        result = now(answer)
        self.assertNotIsInstance(result, StoreRefusal)
        return result

    def refused(self, answer: Any, reason: Reason) -> None:
        """It is refused for this reason, with words for the client."""
        result = now(answer)
        assert isinstance(result, StoreRefusal), result
        self.assertEqual(result.reason, reason)
        self.assertTrue(result.text)

    def named(self, name: str) -> FolderInfo | None:
        """The line of LIST of a folder."""
        return next((each for each in self.taken(self.mail.folders()) if each.name == name), None)

    def flags(self, name: str = "INBOX") -> dict[int, set[str]]:
        """The flags of all messages by UID."""
        view = self.view(self.open(name))
        pairs = zip(view.uids, view.flags, strict=True)
        return {uid: set(flag_names(flags, view.keywords)) for uid, flags in pairs}

    def texts(self, name: str = "INBOX") -> list[bytes]:
        """The octets of all messages, in order."""
        folder = self.open(name)
        uids = list(self.view(folder).uids)
        found = self.taken(folder.contents(uids))
        return [found[uid].read() for uid in uids]

    def store_flags(
        self, uids: Sequence[int], action: FlagAction, *flags: str, since: int | None = None
    ) -> Any:
        """STORE in INBOX."""
        return self.taken(self.open().set_flags(uids, FlagChange(action, flags), since))

    def test_interfaces(self) -> None:
        verifyObject(IAccountStore, self.store)
        verifyObject(IAccountMail, self.mail)
        verifyObject(IFolder, self.open())
        for watch in (self.mail.watch(lambda name: None), self.open().watch(lambda: None)):
            verifyObject(IWatch, watch)
            watch.stop()
            watch.stop()

    # --- folders ---------------------------------------------------------------------------------

    def test_a_new_account(self) -> None:
        found = list(self.taken(self.mail.folders()))
        self.assertEqual({each.name for each in found}, {"INBOX", *STANDARD})
        self.assertEqual(found[0].name, "INBOX")
        self.assertTrue(all(each.subscribed and each.selectable for each in found))
        uses = {each.name: each.special_use for each in found}
        self.assertEqual(uses, {"INBOX": "", **{name: f"\\{name}" for name in STANDARD}})

    def test_making(self) -> None:
        mailbox_id = self.taken(self.mail.create("Work/2024/"))
        self.assertEqual(self.view(self.open("Work/2024")).mailbox_id, mailbox_id)
        level = self.named("Work")
        assert level is not None
        self.assertEqual((level.selectable, level.has_children), (False, True))
        self.refused(self.mail.create("Work/2024"), Reason.ALREADY_EXISTS)
        self.refused(self.mail.create("inbox"), Reason.ALREADY_EXISTS)
        for name in ("", "/x", "a//b", "a\0b", "a\nb"):
            self.refused(self.mail.create(name), Reason.CANNOT)
        self.assertEqual(self.open("iNbOx").name, "INBOX")
        self.refused(self.mail.open("Nowhere"), Reason.NONEXISTENT)

    def test_accounts_are_kept_apart(self) -> None:
        self.taken(self.mail.create("Work"))
        self.refused(self.store.account(BOB).open("Work"), Reason.NONEXISTENT)

    def test_names_outside_ascii(self) -> None:
        for name in ("K\u00e4se", "\u65e5\u672c/\U0001f4e7", "a&b", "x y"):
            self.taken(self.mail.create(name))
            self.add(name.encode(), to=name)
            self.assertIsNotNone(self.named(name))
            self.assertEqual(self.texts(name), [name.encode()])

    def test_special_uses(self) -> None:
        self.taken(self.mail.create("Fun", "\\Trash"))
        uses = {each.special_use: each.name for each in self.taken(self.mail.folders())}
        self.assertEqual(uses["\\Trash"], "Fun")
        self.assertIsNone(now(self.mail.rename("Fun", "Joy")))
        self.assertEqual(getattr(self.named("Joy"), "special_use", None), "\\Trash")
        self.assertIsNone(now(self.mail.remove("Joy")))
        self.assertEqual(getattr(self.named("Trash"), "special_use", None), "\\Trash")

    def test_subscriptions(self) -> None:
        self.assertIsNone(now(self.mail.subscribe("Ghost", True)))
        ghost = self.named("Ghost")
        assert ghost is not None
        self.assertEqual((ghost.selectable, ghost.subscribed), (False, True))
        self.assertIsNone(now(self.mail.subscribe("Ghost", False)))
        self.assertIsNone(now(self.mail.subscribe("Ghost", False)))
        self.assertIsNone(self.named("Ghost"))
        self.refused(self.mail.subscribe("a//b", True), Reason.CANNOT)

    def test_removing(self) -> None:
        self.taken(self.mail.create("Work"))
        self.taken(self.mail.create("Work/Deep"))
        self.add(TEXT, to="Work")
        before = self.open("Work")
        self.view(before)
        self.assertIsNone(now(self.mail.remove("Work")))
        self.assertFalse(getattr(self.named("Work"), "selectable", None))
        self.refused(self.mail.remove("Work"), Reason.NONEXISTENT)
        self.refused(self.mail.remove("INBOX"), Reason.CANNOT)
        self.refused(before.view(), Reason.NONEXISTENT)
        self.taken(self.mail.create("Work"))
        self.refused(before.contents([1]), Reason.NONEXISTENT)
        self.assertEqual(self.texts("Work"), [])

    def test_a_folder_made_again_has_other_uids(self) -> None:
        self.taken(self.mail.create("Work"))
        before = self.view(self.open("Work"))
        now(self.mail.remove("Work"))
        self.taken(self.mail.create("Work"))
        after = self.view(self.open("Work"))
        self.assertGreater(after.uid_validity, before.uid_validity)
        self.assertNotEqual(after.mailbox_id, before.mailbox_id)

    def test_renaming(self) -> None:
        for name in ("Work", "Work/Deep"):
            self.taken(self.mail.create(name))
            now(self.mail.subscribe(name, True))
            self.add(name.encode(), to=name)
        before = self.view(self.open("Work/Deep"))
        self.assertIsNone(now(self.mail.rename("Work", "Play")))
        after = self.view(self.open("Play/Deep"))
        self.assertEqual(after.mailbox_id, before.mailbox_id)
        self.assertEqual(after.uid_validity, before.uid_validity)
        self.assertEqual((self.texts("Play"), self.texts("Play/Deep")), ([b"Work"], [b"Work/Deep"]))
        self.assertIsNone(self.named("Work"))
        self.assertTrue(getattr(self.named("Play/Deep"), "subscribed", False))
        self.refused(self.mail.rename("Work", "Else"), Reason.NONEXISTENT)
        self.refused(self.mail.rename("Play", "Sent"), Reason.ALREADY_EXISTS)
        self.refused(self.mail.rename("Play", "a//b"), Reason.CANNOT)

    def test_renaming_the_inbox_moves_its_messages(self) -> None:
        self.add(b"one", b"two")
        self.assertIsNone(now(self.mail.rename("INBOX", "Old")))
        self.assertEqual((self.texts(), self.texts("Old")), ([], [b"one", b"two"]))

    def test_status(self) -> None:
        self.add(b"12345", b"123", flags=["\\Deleted"])
        self.add(b"1", flags=["\\Seen"])
        found = self.taken(self.mail.statuses(["inbox", "Nowhere"]))
        self.assertEqual(list(found), ["inbox"])
        status, view = found["inbox"], self.view()
        self.assertEqual((status.messages, status.unseen, status.deleted), (3, 2, 2))
        self.assertEqual((status.size, status.deleted_size), (9, 8))
        self.assertEqual(
            (status.mailbox_id, status.uid_validity, status.uid_next, status.highest_modseq),
            (view.mailbox_id, view.uid_validity, view.uid_next, view.highest_modseq),
        )

    # --- quota -----------------------------------------------------------------------------------

    def test_usage(self) -> None:
        self.add(b"12345")
        self.add(b"123", to="Sent")
        usage = self.taken(self.mail.usage())
        self.assertEqual((usage.octets, usage.messages, usage.limit), (8, 2, None))
        self.quota = 1000
        self.assertEqual(self.taken(self.mail.usage()).limit, 1000)

    def test_what_a_quota_refuses(self) -> None:
        self.quota = 100
        (uid,) = self.add(b"x" * 60)
        one, two = NewMessage(Content((b"x" * 41,))), NewMessage(Content((b"x" * 21,)))
        self.refused(self.open("Sent").add([one]), Reason.OVER_QUOTA)
        self.refused(self.open().add([two, two]), Reason.OVER_QUOTA)
        self.refused(self.open().copy([uid], "Sent"), Reason.OVER_QUOTA)
        self.assertEqual((self.texts("Sent"), len(self.texts())), ([], 1))
        self.taken(self.open().move([uid], "Sent"))
        self.taken(self.open("Sent").expunge([1]))
        self.add(b"x" * 100)

    def test_above_a_quota(self) -> None:
        """Mail can be read, flagged, moved and removed, as after the quota was lowered."""
        (uid,) = self.add(b"x" * 60)
        self.quota = 50
        self.assertEqual(self.taken(self.mail.usage()).octets, 60)
        self.refused(self.open().add([NewMessage(Content((b"x",)))]), Reason.OVER_QUOTA)
        self.store_flags([uid], FlagAction.ADD, "\\Seen")
        self.taken(self.open().move([uid], "Trash"))
        self.taken(self.open("Trash").expunge([1]))
        self.assertEqual(self.taken(self.mail.usage()).octets, 0)
        self.add(b"x" * 50)

    # --- messages --------------------------------------------------------------------------------

    def test_adding(self) -> None:
        self.assertEqual(list(self.add(b"one", b"two\r\n", flags=["\\Seen", "Work"])), [1, 2])
        view = self.view()
        self.assertEqual((list(view.uids), view.uid_next), ([1, 2], 3))
        self.assertEqual(list(view.sizes), [3, 5])
        self.assertEqual(list(view.dates), [1_000_000_000] * 2)
        self.assertEqual(self.flags()[1], {"\\Seen", "Work"})
        self.assertEqual(self.texts(), [b"one", b"two\r\n"])

    def test_adding_what_lies_in_a_file(self) -> None:
        writer = ContentWriter(self.mktemp_folder(), 10)
        text = b"0123456789abcde\r\n" * 10_000
        writer.add(text)
        writer.spill()
        self.taken(self.open().add([NewMessage(writer.finish())]))
        self.assertEqual(self.texts(), [text])

    def mktemp_folder(self) -> str:
        """An empty folder."""
        raise NotImplementedError

    def test_adding_at_once(self) -> None:
        """Two sessions' messages get UIDs in the order in which they were begun."""
        message, folder = NewMessage(Content((TEXT,))), self.open()
        begun = [Deferred.fromCoroutine(_await(folder.add([message]))) for _ in range(10)]
        added = self.successResultOf(gatherResults(begun))
        self.assertEqual([list(each.uids) for each in added], [[uid] for uid in range(1, 11)])

    def test_uids_are_never_given_again(self) -> None:
        self.add(b"one", b"two")
        self.taken(self.open().expunge([2]))
        self.assertEqual(self.view().uid_next, 3)
        self.assertEqual(list(self.add(b"three")), [3])

    def test_flags(self) -> None:
        self.add(b"one", b"two")
        for action, flags, after in (
            (FlagAction.ADD, ("\\seen", "Work"), {"\\Seen", "Work"}),
            (FlagAction.ADD, ("WORK", "\\Flagged"), {"\\Seen", "\\Flagged", "Work"}),
            (FlagAction.REMOVE, ("\\Seen", "none"), {"\\Flagged", "Work"}),
            (FlagAction.REPLACE, ("\\Draft",), {"\\Draft"}),
        ):
            result = self.store_flags([1, 9], action, *flags)
            self.assertEqual((list(result.modified), list(result.expunged)), ([], [9]))
            self.assertEqual(self.flags(), {1: after, 2: set()})
        self.assertIs(
            self.store_flags([1], FlagAction.ADD, "\\Draft").view, now(self.open().view())
        )

    def test_a_keyword_for_which_there_is_no_room(self) -> None:
        self.add(b"one")
        for number in range(40):
            self.store_flags([1], FlagAction.ADD, f"k{number}")
        view = self.view()
        self.assertEqual(len(view.keywords), len(self.flags()[1]))
        self.assertEqual(view.more_keywords, len(view.keywords) == 40)
        self.assertEqual(self.flags()[1], {f"k{number}" for number in range(len(view.keywords))})

    def test_unchanged_since(self) -> None:
        self.add(b"one", b"two", b"three")
        before = self.view().highest_modseq
        self.store_flags([2], FlagAction.ADD, "\\Seen")
        result = self.store_flags([1, 2, 3], FlagAction.ADD, "\\Flagged", since=before)
        self.assertEqual((list(result.modified), list(result.expunged)), ([2], []))
        self.assertEqual(self.flags(), {1: {"\\Flagged"}, 2: {"\\Seen"}, 3: {"\\Flagged"}})
        self.assertGreater(result.view.highest_modseq, result.modseq_before)

    def test_changes_since(self) -> None:
        self.add(b"one", b"two", b"three")
        before = self.view().highest_modseq
        self.store_flags([2], FlagAction.ADD, "\\Seen")
        self.store_flags([3], FlagAction.REMOVE, "\\Seen")
        view = self.view()
        self.assertEqual([view.uids[place] for place in view.changed_since(before)], [2])
        self.assertEqual(view.changed_since(view.highest_modseq), [])
        self.assertEqual(view.modseqs[1], view.highest_modseq)

    def test_vanished(self) -> None:
        self.add(b"one", b"two", b"three", b"four")
        self.taken(self.open().expunge([1]))
        before = self.view().highest_modseq
        view = self.taken(self.open().expunge([2, 3, 9]))
        self.assertEqual(list(view.uids), [4])
        self.assertGreater(view.highest_modseq, before)
        gone = self.taken(self.open().vanished(before))
        found = {uid for first, last in gone.ranges for uid in range(first, last + 1)}
        self.assertEqual((found, gone.complete), ({2, 3}, True))
        self.assertEqual(list(self.taken(self.open().vanished(view.highest_modseq)).ranges), [])

    def test_the_view_is_the_same_while_nothing_changes(self) -> None:
        self.add(b"one")
        view = self.view()
        self.assertIs(self.view(self.open("inbox")), view)
        self.add(b"two")
        self.assertEqual((len(view.uids), len(self.view().uids)), (1, 2))

    def test_modseqs_rise(self) -> None:
        seen = [self.view().highest_modseq]
        for act in (
            lambda: self.add(b"one", b"two"),
            lambda: self.store_flags([1], FlagAction.ADD, "\\Seen"),
            lambda: self.taken(self.open().copy([1], "INBOX")),
            lambda: self.taken(self.open().move([2], "INBOX")),
            lambda: self.taken(self.open().expunge([1])),
        ):
            act()
            seen.append(self.view().highest_modseq)
        self.assertEqual(seen, sorted(set(seen)))

    def test_copying(self) -> None:
        self.add(b"one", b"two", flags=["\\Flagged", "Work"])
        self.add(b"there", to="Sent", flags=["Home"])
        copied = self.taken(self.open().copy([1, 2, 7], "Sent"))
        self.assertEqual((list(copied.uids), list(copied.copies)), ([1, 2], [2, 3]))
        self.assertEqual(copied.uid_validity, self.view(self.open("Sent")).uid_validity)
        self.assertEqual((self.texts(), self.texts("Sent")[1:]), ([b"one", b"two"],) * 2)
        self.assertEqual(self.flags("Sent")[3], {"\\Flagged", "Work"})
        self.assertEqual(list(self.view(self.open("Sent")).dates), [1_000_000_000] * 3)
        self.refused(self.open().copy([1], "Nowhere"), Reason.NONEXISTENT)

    def test_moving(self) -> None:
        self.add(b"one", b"two", flags=["Work"])
        moved = self.taken(self.open().move([1, 7], "Sent"))
        self.assertEqual((list(moved.uids), list(moved.copies)), ([1], [1]))
        self.assertEqual((self.texts(), self.texts("Sent")), ([b"two"], [b"one"]))
        self.assertEqual(self.flags("Sent"), {1: {"Work"}})
        moved = self.taken(self.open().move([2], "INBOX"))
        self.assertEqual((list(moved.copies), self.texts()), ([3], [b"two"]))
        self.refused(self.open().move([3], "Nowhere"), Reason.NONEXISTENT)

    # --- reading ---------------------------------------------------------------------------------

    def test_messages_that_are_gone_are_left_out(self) -> None:
        self.add(TEXT, TEXT)
        folder = self.open()
        self.view(folder)
        opened = self.taken(folder.contents([1]))[1]
        self.taken(self.open().expunge([1]))
        self.assertEqual(opened.read(), TEXT)
        self.assertEqual(list(self.taken(folder.contents([1, 2]))), [2])
        self.assertEqual(list(self.taken(folder.details([1, 2]))), [2])
        self.assertEqual(list(self.taken(folder.summaries([1, 2], [SummaryField.SIZE]))), [2])
        matches = self.taken(folder.matching([1, 2], TextContains("body", headers=False)))
        self.assertEqual((matches.searched, list(matches.uids)), (2, [2]))

    def test_details(self) -> None:
        self.add(TEXT, TEXT)
        found = self.taken(self.open().details([1, 2]))
        self.assertNotEqual(found[1].email_id, found[2].email_id)
        self.assertRegex(found[1].email_id, r"\A[A-Za-z0-9_-]{1,255}\Z")
        self.assertEqual(self.taken(self.open().details([1, 2])), found)

    def test_summaries(self) -> None:
        """SORT and THREAD are answered from them."""
        self.add(TEXT, b"Message-ID: <1@a>\r\nSubject: Re: hello\r\n\r\n")
        fields = (SummaryField.SIZE, SummaryField.BASE_SUBJECT, SummaryField.MESSAGE_ID)
        for _ in range(2):
            found = self.taken(self.open().summaries([1, 2], fields))
            self.assertEqual(tuple(found[1]), (len(TEXT), "HELLO", ""))
            self.assertEqual(tuple(found[2])[1:], ("HELLO", "1@a"))
        self.assertEqual(dict(self.taken(self.open().summaries([], fields))), {})

    def test_search(self) -> None:
        self.add(TEXT, b"Subject: other\r\n\r\nnothing\r\n", TEXT)
        for key, expected in (
            (FieldContains("Subject", "HELLO"), [1, 3]),
            (TextContains("NOTHING", headers=False), [2]),
            (TextContains("ABSENT", headers=True), []),
        ):
            found: list[int] = []
            left = [1, 2, 3]
            while left:
                matches = self.taken(self.open().matching(left, key))
                self.assertGreater(matches.searched, 0)
                found += matches.uids
                left = left[matches.searched :]
            self.assertEqual(found, expected)

    # --- notifications ---------------------------------------------------------------------------

    def test_watches(self) -> None:
        heard: list[str] = []
        account = self.mail.watch(heard.append)
        folder = self.open().watch(lambda: heard.append("watched"))
        self.add(b"one")
        self.assertEqual(set(heard), {"INBOX", "watched"})
        heard.clear()
        self.add(b"one", to="Sent")
        self.assertEqual(set(heard), {"Sent"})
        heard.clear()
        self.store_flags([1], FlagAction.ADD, "\\Seen")
        self.assertEqual(sorted(heard), ["INBOX", "watched"])
        self.store_flags([1], FlagAction.ADD, "\\Seen")
        self.assertEqual(len(heard), 2)
        heard.clear()
        self.taken(self.open().move([1], "Sent"))
        self.assertEqual(set(heard), {"INBOX", "Sent", "watched"})
        heard.clear()
        self.taken(self.mail.create("Work"))
        self.assertIn("", heard)
        for watch in (account, folder):
            watch.stop()
        heard.clear()
        self.add(b"two")
        self.assertEqual(heard, [])


async def _await(answer: Any) -> Any:
    return await answer
