"""The actions of filters, by their settings."""

from __future__ import annotations

from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from mailhost.config.filters.block import List
from mailhost.interfaces.verdict import Decision
from mailhost.reception.filters.action import verdict_of


def settings(**more: Any) -> List:
    return List(kind="list", entries=("192.0.2.7",), **more)


class ActionTests(SynchronousTestCase):
    def test_actions(self) -> None:
        for action, decision, text in (
            ("reject", Decision.REJECT, "550 5.7.1 No"),
            ("defer", Decision.DEFER, "451 4.7.1 No"),
            ("discard", Decision.DISCARD, "None"),
            ("quarantine", Decision.QUARANTINE, "None"),
            ("tag", Decision.TAG, "None"),
        ):
            verdict = verdict_of(settings(action=action, words="No", tag="t"), "listed", "Refused")
            self.assertIs(verdict.decision, decision)
            self.assertEqual(str(verdict.status), text)
            self.assertEqual(verdict.tag, "t" if action == "tag" else "")
            self.assertEqual(verdict.reason, "listed")

    def test_the_text_and_codes_of_the_filter(self) -> None:
        verdict = verdict_of(settings(action="reject"), "listed", "Too large", 552, "5.3.4")
        self.assertEqual(str(verdict.status), "552 5.3.4 Too large")
        verdict = verdict_of(settings(action="defer"), "listed", "Too large", 552, "5.3.4")
        self.assertEqual(str(verdict.status), "451 4.3.4 Too large")
