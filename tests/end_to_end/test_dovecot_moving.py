"""A mailbox moves from a real Dovecot to mailhost, and back to another Dovecot."""

from __future__ import annotations

from pathlib import Path

from mailhost.interfaces.folders import NewMessage
from mailhost.message.content import Content
from mailhost.message.flags import flag_names
from mailhost.store.exchange.exporting import MaildirExport, places
from mailhost.store.exchange.importing import Import
from mailhost.store.exchange.maildir_source import source_folders, source_subscriptions
from mailhost.store.exchange.progress import Result
from mailhost.store.folders import tree
from mailhost.store.folders.account_work import AccountWork
from mailhost.store.folders.adding import add
from mailhost.store.folders.refresh import refreshed
from tests.end_to_end.dovecot import Dovecot
from tests.end_to_end.test_dovecot_files import MAIL, DovecotCase, number, uids_and_flags
from tests.store.exchange.fakes import NoProgress, same_rights
from tests.store.folder_disk import disk_at

SENT = "Sent Messages"


class MovingTests(DovecotCase):
    def fill(self) -> tuple[dict[int, set[str]], int]:
        """Have Dovecot make messages with gaps between their UIDs; return their flags by UID, and
        the UIDVALIDITY."""
        with self.dovecot.session() as session:
            session.say(f'CREATE "{SENT}"')
            session.say(f'SUBSCRIBE "{SENT}"')
            session.say(f'APPEND "{SENT}" (\\Seen)', MAIL)
            begin = session.say("SELECT INBOX")
            for flags in ("(\\Seen $Forwarded)", "(Work \\Flagged)", "", "(\\Answered work)"):
                session.say(f"APPEND INBOX {flags}".rstrip(), MAIL)
            session.say("NOOP")
            session.say("UID STORE 2 +FLAGS (\\Deleted)")
            session.say("UID EXPUNGE 2")
            return uids_and_flags(session), number(begin, "UIDVALIDITY")

    def imported(self) -> AccountWork:
        work = AccountWork(str(Path(self.mktemp()).absolute()), disk_at())
        self.addCleanup(work.close)
        tree.directories(work)
        running = Import(work, same_rights, NoProgress())
        for folder in source_folders(self.maildir):
            result = running.maildir_folder(folder, folder.name)
            assert isinstance(result, Result), result
            self.assertTrue(result.kept_uids)
        running.subscriptions(source_subscriptions(self.maildir))
        running.special_uses([SENT])
        return work

    def test_there_and_back(self) -> None:
        flags, validity = self.fill()
        work = self.imported()
        view = refreshed(work, "").view
        ours = {
            uid: set(flag_names(bits, view.keywords))
            for uid, bits in zip(view.uids, view.flags, strict=True)
        }
        self.assertEqual((ours, view.uid_validity, view.uid_next), (flags, validity, 5))
        uses = {info.name: info.special_use for info in tree.list_folders(work)}
        self.assertEqual(uses[SENT], "\\Sent")
        add(work, "", [NewMessage(Content((MAIL,)), ("Work", "new"), 1_600_000_000)])
        target = Path(self.mktemp()).absolute()
        running = MaildirExport(work, str(target / "Maildir"), same_rights, NoProgress())
        for place in places(work, []):
            running.folder(place)
        running.subscriptions()
        other = Dovecot(target, str(target / "Maildir"))
        with other.session() as session:
            begin = session.say("SELECT INBOX")
            self.assertEqual(number(begin, "UIDVALIDITY"), validity)
            self.assertEqual(uids_and_flags(session), flags | {5: {"Work", "new"}})
            self.assertIn(f'"{SENT}"', "\n".join(session.say('LSUB "" "*"')))
            self.assertEqual(set(uids_and_flags(session)), {1, 3, 4, 5})
        complaints = [line for line in other.log().split("\n") if "Info:" not in line]
        self.assertEqual("".join(complaints), "")
