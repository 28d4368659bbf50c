"""All cases of the openspf suite."""

from __future__ import annotations

from twisted.trial.unittest import SkipTest, SynchronousTestCase

from mailhost.interfaces.dns import Lookups
from mailhost.spf.check import SPFResult, check_mail_from
from tests.lookups import answered
from tests.spf.suite import FOLDER, Case, archive, cases

NUMBER = 203


class Suite(SynchronousTestCase):
    def test_each_case(self) -> None:
        path = archive()
        if path is None:
            raise SkipTest(f"the suite of RFC 7208 could not be fetched into {FOLDER}")
        found = list(cases(path))
        self.assertEqual(len(found), NUMBER)
        failed = [text for case in found if (text := _difference(case))]
        self.assertEqual(failed, [], "\n".join(failed))


def _difference(case: Case) -> str:
    result = answered(_machine(case), case.records)
    explanation = result.explanation or "DEFAULT"
    if result.status.value not in case.results:
        return f"{case.name}: {result} is not {case.results}"
    if case.explanation is not None and explanation != case.explanation:
        return f"{case.name}: {explanation!r} is not {case.explanation!r}"
    return ""


def _machine(case: Case) -> Lookups[SPFResult]:
    return check_mail_from(case.host, case.mail_from, case.hello)
