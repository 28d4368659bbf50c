"""Findings of `mailhost check-config` about certificates, and files that only root can read."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta

from twisted.trial.unittest import SkipTest

from mailhost.cli import check_config
from mailhost.doctor.host.readable import unreadable_by
from tests.cli.bench import CommandCase
from tests.net.tls.handshakes import issue, key_pem, pem


class CertificateCase(CommandCase):
    """A settings file with a certificate for the host's name."""

    def setUp(self) -> None:
        super().setUp()
        self.live = os.path.join(self.folder, "live")
        os.mkdir(self.live)
        self.chain = os.path.join(self.live, "fullchain.pem")
        self.key = os.path.join(self.live, "privkey.pem")
        self.configure()
        self.certificate()

    def configure(self, top: str = "") -> None:
        admin = 'admin = "ann@example.com"\n'
        pair = f'[[tls.certificate]]\nchain = "{self.chain}"\nkey = "{self.key}"\n'
        self.settings(f'{top}{admin}{pair}[domain."example.com".account.ann]\n')

    def certificate(self, name: str = "mail.example.com", days: float = 90) -> None:
        ends = datetime.now(UTC) + timedelta(days=days)
        certificate, key = issue(name, life=(ends - timedelta(days=90), ends))
        for path, contents in ((self.chain, pem(certificate)), (self.key, key_pem(key))):
            with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
                file.write(contents)

    def warned(self) -> str:
        """The findings where all is right otherwise."""
        result = self.call("check-config")
        self.assertEqual(0, result.exit_code, result.output)
        first, _, rest = result.stdout.partition("\n")
        self.assertIn("is right", first)
        return rest


class Certificates(CertificateCase):
    def test_a_good_certificate_has_no_findings(self) -> None:
        self.assertEqual("", self.warned())

    def test_dates(self) -> None:
        self.certificate(days=10.5)
        self.assertIn("warning: the certificate in", self.warned())
        self.certificate(days=-1)
        error = self.run_fails("check-config")
        self.assertIn("expired on", error)
        self.assertNotIn("is right", error)

    def test_names_and_open_keys(self) -> None:
        self.certificate("elsewhere.example")
        os.chmod(self.key, 0o604)
        told = self.warned()
        self.assertIn("warning: no certificate is for mail.example.com", told)
        self.assertIn(f"chmod o= {self.key}", told)


class AsTheUser(CertificateCase):
    """Root can read everything; the user that the host becomes has to, after each renewal."""

    def setUp(self) -> None:
        super().setUp()
        if os.geteuid() != 0:
            raise SkipTest("only root can become another user")
        self.patch(check_config, "cannot_run", lambda user: "")  # root's own Python is closed to it
        os.chmod(self.folder, 0o755)
        os.chmod(self.live, 0o700)
        os.chown(self.data, 65534, 65534)
        os.chown(os.path.join(self.data, "directory.sqlite"), 65534, 65534)
        self.configure('user = "nobody"\n')

    def test_files_in_a_closed_folder(self) -> None:
        error = self.run_fails("check-config")
        for path in (self.chain, self.key):
            self.assertIn(f"the user nobody, as which the host runs, cannot read {path}", error)
        self.assertNotIn(f"cannot read {self.config}", error)
        copy = os.path.join(self.folder, "privkey.pem")
        hook = f'  install -o nobody -m 400 "$RENEWED_LINEAGE/privkey.pem" {copy}'
        self.assertIn(hook, error.splitlines())

    def test_the_hook_helps(self) -> None:
        error = self.run_fails("check-config")
        for line in error.splitlines():
            if line.startswith("  install "):
                self.assertEqual(0, os.system(f'RENEWED_LINEAGE="{self.live}"; {line}'))
        self.chain = os.path.join(self.folder, "fullchain.pem")
        self.key = os.path.join(self.folder, "privkey.pem")
        self.configure('user = "nobody"\n')
        self.assertEqual("", self.warned())

    def test_the_commands_help(self) -> None:
        self.configure('user = "daemon"\n')
        os.chown(self.data, 1, 1)
        os.chown(os.path.join(self.data, "directory.sqlite"), 1, 1)
        error = self.run_fails("check-config")
        [line] = [each for each in error.splitlines() if each.startswith("  chgrp ")]
        both = f"{self.chain} {self.key}"
        self.assertEqual(
            f"  chgrp daemon {self.live} {both} && chmod g+x {self.live} && chmod g+r {both}", line
        )
        self.assertEqual(0, os.system(line))
        self.assertEqual("", self.warned())

    def test_the_user_that_systemd_chooses_owns_the_data_folder(self) -> None:
        self.configure()
        self.assertIn("cannot read", self.run_fails("check-config"))
        os.chown(self.data, 0, 0)
        self.assertEqual("", self.warned())

    def test_other_files_of_the_settings(self) -> None:
        self.settings('user = "nobody"\n')
        os.chmod(self.config, 0o600)
        self.assertIn(f"cannot read {self.config}", self.run_fails("check-config"))

    def test_the_rights_of_the_other_user_are_given_up(self) -> None:
        self.assertEqual({}, unreadable_by("nobody", [self.config]))
        self.assertEqual((0, 0), (os.geteuid(), os.getuid()))
        self.assertRaises(KeyError, unreadable_by, "no-such-user", [])
