"""The settings file: every fault and hint of check-config is a finding."""

from __future__ import annotations

from mailhost.config.problems import BadSettings
from mailhost.doctor.finding import Verdict
from mailhost.doctor.host.settings_file import settings_findings, wrong_settings
from tests.doctor.host.case import TOP, HostCase


class SettingsTests(HostCase):
    def wrong(self, more: str) -> BadSettings:
        with self.assertRaises(BadSettings) as caught:
            self.load(more)
        error: BadSettings = caught.exception
        return error

    def test_right(self) -> None:
        self.assert_fine(settings_findings(self.load()))

    def test_each_fault(self) -> None:
        found = wrong_settings(self.wrong('admn = "x"\nlimits.recipients = "many"\n'))
        self.assertEqual(
            ["setting admn", "setting limits.recipients"], sorted(each.tried for each in found)
        )
        self.assertEqual({"doctor/settings-wrong"}, {each.name for each in found})

    def test_a_hint(self) -> None:
        found = self.only(
            settings_findings(self.load("login.delay = 0\n")), "settings-doubtful", Verdict.WARNING
        )
        self.assertEqual("setting login.delay", found.tried)

    def test_certificate_files_that_are_none(self) -> None:
        path = f"{self.folder}/junk.pem"
        with open(path, "w", encoding="ascii") as file:
            file.write("junk")
        pair = f'[[tls.certificate]]\nchain = "{path}"\nkey = "{path}"\n'
        self.only(wrong_settings(self.wrong(pair)), "certificate-unusable")

    def test_a_user_who_cannot_run_this_python(self) -> None:
        found = self.only(settings_findings(self.load(), "nobody cannot use it"), "user-cannot-run")
        self.assertEqual("nobody cannot use it", found.seen)

    def test_the_daily_run_needs_an_admin(self) -> None:
        self.assert_fine(settings_findings(self.load("doctor.daily = true\n")))
        loaded = self.load("doctor.daily = true\n", top=TOP.replace("admin", "#admin"))
        tried = [each.tried for each in settings_findings(loaded)]
        self.assertEqual(["setting admin", "setting doctor.daily"], tried)
