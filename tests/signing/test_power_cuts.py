"""Power cuts, and kills of the process, at each call of a change of keys: the keys are the former
ones or the new ones, and no domain loses a key that signs."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable

from twisted.trial.unittest import SynchronousTestCase

from mailhost.durable.blocking import BlockingCommitter
from mailhost.durable.system import OperatingSystem
from mailhost.interfaces.signing import KeyState, Shown
from mailhost.signing import key_work
from mailhost.signing.key_files import KeyFiles, KeyPair
from mailhost.signing.key_work import KeyWork
from mailhost.signing.rules import DomainRules
from tests.dkim.messages import RSA
from tests.store.power import PowerCut, PowerSystem

DOMAIN = "a.example"
RULES = DomainRules(("rsa", "ed25519"), 1024)
MOST = 50  # calls of one change
NOW = 1_700_000_000

Keys = tuple[KeyPair, ...]


def work_at(data: str, system: OperatingSystem) -> tuple[KeyFiles, KeyWork]:
    """The keys in a data folder, changed by a system."""
    files = KeyFiles(data, BlockingCommitter(system).commit)
    return files, KeyWork(files, lambda: NOW)


def active(keys: Keys | None) -> set[str]:
    """The kinds of the keys that sign."""
    return {each.public.algorithm for each in keys or () if each.public.state is KeyState.ACTIVE}


class PowerCuts(SynchronousTestCase):
    def setUp(self) -> None:
        self.patch(key_work, "make_rsa_key", lambda bits: RSA)  # making one takes its time
        self.data, self.template = (os.path.abspath(self.mktemp()) for _ in range(2))
        files, self.work = work_at(self.template, OperatingSystem())
        files.prepare(new_host=True)

    def each(self, change: Callable[[KeyWork], object]) -> None:
        """Cut the power at each call of a change of the keys in `template`, and kill the process at
        each."""
        for power in (True, False):
            for number in range(MOST):
                if self.cut(change, number, power):
                    self.assertGreater(number, 3)
                    break
            else:
                self.fail("more calls than that")

    def cut(self, change: Callable[[KeyWork], object], number: int, power: bool) -> bool:
        """Stop a change before its call with this number. True if it was finished before."""
        shutil.rmtree(self.data, ignore_errors=True)
        shutil.copytree(self.template, self.data)
        system = PowerSystem(self.data, number)
        files, work = work_at(self.data, system)
        before = files.read(DOMAIN)
        try:
            change(work)
        except PowerCut:
            finished = False
        else:
            finished = True
        promised = files.read(DOMAIN)
        system.lose() if power else system.forget()
        self.check(before, promised if finished else None, (number, power))
        return finished

    def check(self, before: Keys | None, promised: Keys | None, where: object) -> None:
        """The keys on the disk are whole, and another change goes on with them."""
        files, work = work_at(self.data, OperatingSystem())
        self.assertTrue(files.signs_at_once(), where)
        found = files.read(DOMAIN)
        if promised is not None:
            self.assertEqual(promised, found, where)
        self.assertLessEqual(active(before), active(found), where)
        for pair in found or ():
            if pair.pem:
                self.assertEqual(pair.public.record, pair.private().record(), where)
        after = work.tend(DOMAIN, RULES, {}).pairs
        self.assertEqual({"rsa", "ed25519"}, active(after), where)
        self.assertEqual(after, files.read(DOMAIN), where)

    def test_the_first_keys(self) -> None:
        self.each(lambda work: work.tend(DOMAIN, RULES, {}))

    def test_new_keys(self) -> None:
        self.work.tend(DOMAIN, RULES, {})
        self.each(lambda work: work.rotate(DOMAIN, RULES))

    def test_new_keys_that_take_over(self) -> None:
        self.work.tend(DOMAIN, RULES, {})
        coming = [each.public for each in self.work.rotate(DOMAIN, RULES).pairs]
        shown = {key.selector: Shown.YES for key in coming if key.state is KeyState.COMING}
        self.assertEqual(2, len(shown))
        self.each(lambda work: work.tend(DOMAIN, RULES, shown))
        files, _ = work_at(self.data, OperatingSystem())
        states = [each.public.state for each in files.read(DOMAIN) or ()]
        self.assertEqual(2, states.count(KeyState.RETIRED))
