"""One reading of a folder's files, compared with what the cache has of them.

A file that a reading misses counts as vanished only if a second reading misses it too: readdir(3)
may leave out a file that is renamed meanwhile.
"""

from __future__ import annotations

import os
from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from operator import add

from mailhost.interfaces.folders import UNKNOWN_DATE, UNKNOWN_SIZE
from mailhost.store.cache.by_uid import Kind, remove_texts, write_texts
from mailhost.store.cache.contents import remove_summaries
from mailhost.store.cache.folder_row import FolderRow
from mailhost.store.cache.pages import (
    FEW,
    MOST_IN_PAGE,
    Entries,
    Page,
    add_entries,
    by_page,
    names_of,
    remove_entries,
    write_page,
)
from mailhost.store.cache.vanished import add_vanished, forget_vanished
from mailhost.store.folders.account_work import AccountWork, KnownFolder
from mailhost.store.folders.file_flags import flags_of, info_of, split_name
from mailhost.store.folders.file_names import all_infos, all_names, keep_odd
from mailhost.store.folders.mtimes import READ_AGAIN, Mtimes, dirty_until, mtimes_of
from mailhost.store.folders.uids import UidSource, cannot_write
from mailhost.store.maildir.filename import WIRE_SIZE
from mailhost.store.maildir.uid_list import can_be_listed


@dataclass(slots=True)
class Differences:
    """The differences from the cache. `gone` are UIDs, `infos` has what follows the base names of
    renamed files by UID, `unknown` that of files without a known UID by base name."""

    gone: list[int]
    infos: dict[int, str]
    unknown: dict[str, str]


class Reading:
    """Reads the folder at `folder` below the account's, with the lock of its UID list. `mtimes` are
    from before it."""

    def __init__(self, work: AccountWork, folder: str, source: UidSource, mtimes: Mtimes) -> None:
        self._work = work
        self._folder = folder
        self._cur = os.path.join(work.path_of(folder), "cur")
        self._new = os.path.join(work.path_of(folder), "new")
        self._source = source
        self._mtimes = mtimes
        self._renamed = False  # by us, in cur/
        self._left: set[str] = set()  # names that stay in new/

    def run_first(self) -> KnownFolder:
        """Return a folder that the cache did not have."""
        work, source = self._work, self._source
        header = source.part.uid_list.header
        modseq = work.next_modseq()
        row = FolderRow(0, self._folder, source.mailbox_id, header.uid_validity, 1, modseq, modseq)
        known = work.written(KnownFolder(row, {}))
        known = KnownFolder(known.row, {})
        return self._entered(known, self._differences(known))

    def run(self, known: KnownFolder) -> KnownFolder:
        """Return the folder as it is now, written to the cache."""
        if self._only_new(known.row):
            taken = self._taken_from_new(self._known_in_new(known))
            return self._entered(known, Differences([], {}, taken))
        return self._entered(known, self._differences(known))

    def _only_new(self, row: FolderRow) -> bool:
        """True where nothing but new/ has changed."""
        same_list = row.place == self._source.place
        return same_list and self._mtimes.cur_as(row, self._work.disk.now())

    # --- what differs ----------------------------------------------------------------------------

    def _differences(self, known: KnownFolder) -> Differences:
        in_new = _listed(self._new)
        names = set(_listed(self._cur))
        bases = all_names(self._work, known)
        expected = dict(
            zip(map(add, bases.values(), all_infos(self._work, known).values()), bases, strict=True)
        )
        missing = expected.keys() - names
        others = names - expected.keys() if expected else names
        if missing or not self._is_quiet():
            again = set(_listed(self._cur))
            missing -= again
            others = (others | again) - expected.keys()
        infos = dict(split_name(name) for name in others)
        uids = {base: uid for uid, base in bases.items()} if infos or missing or in_new else {}
        differences = self._sorted_out(expected, missing, bases, infos)
        self._follow_list(differences, uids)
        for base, info in infos.items():
            if base not in uids and _is_message(base):
                differences.unknown[base] = info
        if in_new:
            differences.unknown |= self._taken_from_new(uids.keys() | infos.keys())
        return differences

    def _known_in_new(self, known: KnownFolder) -> set[str]:
        """Return the base names of known messages that files in new/ have."""
        bases = {split_name(name)[0] for name in _listed(self._new)}
        if len(bases) > FEW:
            return bases.intersection(all_names(self._work, known).values())
        pages = [names_of(self._work.cache, known.row.id, page) for page in known.pages.values()]
        return {base for base in bases for names in pages if base in names.bases}

    def _is_quiet(self) -> bool:
        """True where nothing was renamed in cur/ while it was listed."""
        mtime = os.stat(self._cur).st_mtime_ns if os.path.isdir(self._cur) else 0
        return mtime == self._mtimes.cur and self._work.disk.now() - mtime / 1e9 > 0.1

    def _sorted_out(
        self,
        expected: Mapping[str, int],
        missing: Iterable[str],
        bases: Mapping[int, str],
        infos: Mapping[str, str],
    ) -> Differences:
        differences = Differences([], {}, {})
        for name in missing:
            uid = expected[name]
            base = bases[uid]
            if base in infos:
                differences.infos[uid] = infos[base]
            elif not os.path.lexists(os.path.join(self._cur, name)):
                info = self._returned(base)
                if info is None:
                    differences.gone.append(uid)
                else:
                    differences.infos[uid] = info
        differences.gone.sort()
        return differences

    def _returned(self, base: str) -> str | None:
        """Move a known message that lies in new/ again, as after a power cut, back to cur/. Returns
        what follows the base name, None where it is not there."""
        for name in _listed(self._new):
            if split_name(name)[0] == base:
                return self._moved(name)
        return None

    def _follow_list(self, differences: Differences, uids: Mapping[str, int]) -> None:
        """Another program has given a known message another UID."""
        new = self._source.part.uid_list.uids
        if not uids or not new:
            return
        for base in new.keys() & uids.keys():
            uid = uids[base]
            if new[base] > uid and uid not in differences.gone:
                differences.gone.append(uid)
                info = differences.infos.pop(uid, None)
                name = self._name_now(base) if info is None else info
                if name is not None:
                    differences.unknown[base] = name
        differences.gone.sort()

    def _name_now(self, base: str) -> str | None:
        for name in _listed(self._cur):
            if split_name(name)[0] == base:
                return split_name(name)[1]
        return None

    # --- new/ ------------------------------------------------------------------------------------

    def _taken_from_new(self, known: Container[str]) -> dict[str, str]:
        """Move all files from new/ to cur/; returns what follows their base names.

        Another file of a message that is in cur/, by its base name, stays where it is.
        """
        taken: dict[str, str] = {}
        for name in _listed(self._new):
            base = split_name(name)[0]
            if not _is_message(base):
                continue
            if base in known or base in taken:
                self._left.add(name)
                continue
            info = self._moved(name)
            if info is not None:
                taken[base] = info
        return taken

    def _moved(self, name: str) -> str | None:
        """Move a file from new/ to cur/; None where it is gone meanwhile, or cannot be moved."""
        base, info = split_name(name)
        info = info or info_of(0)
        try:
            rename = self._work.disk.system.rename
            rename(os.path.join(self._new, name), os.path.join(self._cur, base + info))
        except FileNotFoundError:
            if os.path.isdir(self._cur):
                return None
            os.mkdir(self._cur, 0o700)
            return self._moved(name)
        except OSError as error:
            if not cannot_write(error):
                raise
            self._left.add(name)
            return None
        self._renamed = True
        return info

    # --- what follows from it --------------------------------------------------------------------

    def _entered(self, known: KnownFolder, differences: Differences) -> KnownFolder:
        """Write the differences to the cache, and give UIDs to unknown files."""
        work, row, pages = self._work, known.row, dict(known.pages)
        unknown = differences.unknown
        # a file that came back after it had vanished is another message to those who were told so
        numbered = self._source.numbered(list(unknown), row.uid_next)
        flags = {uid: flags_of(info) for uid, info in differences.infos.items()}
        changed = _changed_flags(known, flags)
        if differences.gone or changed or numbered:
            row = replace(row, modseq=work.next_modseq())
        row = forget(work, row, pages, differences.gone)
        write_flags(work, row, pages, changed)
        if differences.infos:
            keep_odd(work, row.id, differences.infos, flags)
        if numbered:
            self._add(row, pages, unknown, numbered)
        row = self._settled(row, pages)
        if len(numbered) < len(unknown) and self._lacks_uids(unknown, numbered):
            row = replace(row, dirty=work.disk.now() + READ_AGAIN)
        known = KnownFolder(row, pages)
        self._drop_dead(known)
        row = replace(known.row, place=self._source.place)
        return work.written(KnownFolder(self._with_list_mtime(row), pages))

    def _lacks_uids(self, unknown: Mapping[str, str], numbered: Sequence[tuple[int, str]]) -> bool:
        """True where the UID list could not be written."""
        return len(numbered) < sum(map(can_be_listed, unknown))

    def _add(
        self,
        row: FolderRow,
        pages: dict[int, Page],
        unknown: Mapping[str, str],
        numbered: Sequence[tuple[int, str]],
    ) -> None:
        now = int(self._work.disk.now())
        uids = [uid for uid, _ in numbered]
        bases = [base for _, base in numbered]
        infos = [unknown[base] for base in bases]
        kinds = {info: flags_of(info) for info in set(infos)}
        flags = [kinds[info] for info in infos]
        sizes = list(map(size_in_name, bases))
        entries = Entries(uids, bases, flags, sizes, self._dates(bases, infos))
        cache = self._work.cache
        add_entries(cache, row.id, pages, entries, row.modseq, now)
        odd = {info for info, some in kinds.items() if info != info_of(some)}
        if odd:
            texts = {uid: info for uid, info in zip(uids, infos, strict=True) if info in odd}
            write_texts(cache, row.id, Kind.ODD_NAME, texts)
        listed = self._source.part.uid_list.extensions
        if listed:
            write_texts(
                cache, row.id, Kind.LISTED, {uid: listed[uid] for uid in uids if uid in listed}
            )

    def _dates(self, bases: Sequence[str], infos: Sequence[str]) -> list[int]:
        """Return INTERNALDATE of files; those of many are looked up when they are asked for."""
        if len(bases) > MOST_IN_PAGE:
            return [UNKNOWN_DATE] * len(bases)
        return [self._date(base + info) for base, info in zip(bases, infos, strict=True)]

    def _date(self, name: str) -> int:
        try:
            return int(os.lstat(os.path.join(self._cur, name)).st_mtime)
        except OSError:  # it is gone, or renamed, just now
            return int(self._work.disk.now())

    def _settled(self, row: FolderRow, pages: dict[int, Page]) -> FolderRow:
        after, now = mtimes_of(self._work.path_of(self._folder)), self._work.disk.now()
        quiet = after.new == self._mtimes.new or not set(_listed(self._new)) - self._left
        messages = sum(len(page.uids) for page in pages.values())
        seen = replace(after, cur=after.cur if self._renamed else self._mtimes.cur)
        return replace(
            row,
            uid_next=max(row.uid_next, self._source.part.uid_list.next_uid),
            keywords=self._source.keywords(),
            new_mtime=after.new if quiet and not self._left else -1,
            cur_mtime=seen.cur,
            dirty=dirty_until(now, seen, messages),
        )

    def _with_list_mtime(self, row: FolderRow) -> FolderRow:
        return replace(row, list_mtime=mtimes_of(self._work.path_of(self._folder)).uid_list)

    def _drop_dead(self, known: KnownFolder) -> None:
        """Write the UID list anew where a quarter of it is of no use; not after a reading that may
        have missed a change."""
        if known.row.dirty or self._left:
            return
        count = sum(len(page.uids) for page in known.pages.values())
        if self._source.has_many_dead(count):
            self._source.drop_dead(frozenset(all_names(self._work, known).values()))


def _changed_flags(known: KnownFolder, flags: Mapping[int, int]) -> dict[int, int]:
    """Return those of `flags` that are others than before, by rising UID."""
    if not flags:
        return {}
    view = known.view
    places = ((uid, view.index_of(uid)) for uid in sorted(flags))
    return {
        uid: flags[uid] for uid, at in places if at is not None and view.flags[at] != flags[uid]
    }


def write_flags(
    work: AccountWork, row: FolderRow, pages: dict[int, Page], flags: Mapping[int, int]
) -> None:
    """Give messages, by rising UID, other flags in the cache and in `pages`; the MODSEQ is that of
    the row."""
    for page, uids in list(by_page(pages, flags)):
        page = page.with_flags({uid: flags[uid] for uid in uids}, row.modseq)
        pages[page.first_uid] = page
        write_page(work.cache, row.id, page)


def forget(
    work: AccountWork, row: FolderRow, pages: dict[int, Page], uids: Sequence[int]
) -> FolderRow:
    """Take messages, by rising UIDs, out of the cache and of `pages`; the MODSEQ is that of the
    row, which is returned."""
    if not uids:
        return row
    cache = work.cache
    remove_entries(cache, row.id, pages, uids, row.modseq)
    remove_summaries(cache, row.id, uids)
    for kind in Kind:
        remove_texts(cache, row.id, kind, uids)
    add_vanished(cache, row.id, uids, row.modseq)
    forgotten = forget_vanished(cache, row.id)
    return row if forgotten is None else replace(row, horizon=max(row.horizon, forgotten))


def size_in_name(base: str) -> int:
    """Return the octets on the wire as a file's name tells them, UNKNOWN_SIZE where it does not."""
    found = WIRE_SIZE.search(base)
    return int(found[1]) if found else UNKNOWN_SIZE


def _listed(path: str) -> list[str]:
    """Return the names of regular files alone: a link may lead to a file of others, and a pipe
    would block its reader."""
    try:
        with os.scandir(path) as entries:
            return [entry.name for entry in entries if entry.is_file(follow_symlinks=False)]
    except FileNotFoundError:
        return []


def _is_message(base: str) -> bool:
    return bool(base) and not base.startswith(".")
