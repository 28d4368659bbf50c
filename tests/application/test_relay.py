"""The authority of the settings, which replaces those of the machine."""

from __future__ import annotations

import os

from twisted.trial.unittest import SynchronousTestCase

from mailhost.application.relay import read_authority
from mailhost.config.model import Settings
from mailhost.config.plausible import faults, warnings
from mailhost.net.tls.certificate import BadCertificate
from tests.authority import Authority


class Authorities(SynchronousTestCase):
    def settings(self, contents: bytes | None) -> Settings:
        """Settings that name a file with these contents, or a missing one."""
        path = os.path.abspath(self.mktemp())
        if contents is not None:
            with open(path, "wb") as file:
                file.write(contents)
        return Settings.model_validate(
            {
                "version": 1,
                "hostname": "mx.example.org",
                "data": "/var/lib/mailhost",
                "relay": {"tls": {"ca_file": path}},
            }
        )

    def test_none(self) -> None:
        least = {"version": 1, "hostname": "mx.example.org", "data": "/var/lib/mailhost"}
        self.assertIsNone(read_authority(Settings.model_validate(least)))

    def test_a_certificate(self) -> None:
        authority = Authority.new()
        settings = self.settings(authority.pem)
        self.assertEqual(authority.trust_root, read_authority(settings))
        self.assertEqual([], [each for each in faults(settings) if "ca_file" in each.key])
        self.assertIn("relay.tls.ca_file", [each.key for each in warnings(settings)])

    def test_files_that_hold_none(self) -> None:
        for contents, text in ((None, "no such file"), (b"junk", "holds no certificate in PEM")):
            settings = self.settings(contents)
            (problem,) = (each for each in faults(settings) if "ca_file" in each.key)
            self.assertIn(text, problem.text)
            self.assertRaises(BadCertificate, read_authority, settings)
