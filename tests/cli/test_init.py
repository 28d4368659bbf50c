"""`mailhost init`, `check-config`, `hash-password`, and the entry point itself."""

from __future__ import annotations

import os
import pwd
import stat
import textwrap

from twisted.trial.unittest import SkipTest

from mailhost.application import local_facts
from mailhost.cli import check_config, init
from mailhost.config.load import load
from mailhost.doctor.host.sockets import ListeningSocket, Process
from tests.cli.bench import CommandCase


class InitTests(CommandCase):
    """A settings file and a data folder to start from."""

    def init(self, hostname: str = "mail.example.com", *more: str) -> str:
        domains = ["--domain", "example.com", "--domain", "example.net", *more]
        return self.run_ok("init", self.folder, "--hostname", hostname, *domains)

    def test_what_is_made(self) -> None:
        output = self.init()
        settings = load(self.config).settings
        self.assertEqual((settings.hostname, settings.data), ("mail.example.com", self.data))
        self.assertEqual(stat.S_IMODE(os.stat(self.data).st_mode), 0o700)
        for name in ("", " example.com", " example.net"):
            self.assertIn(f"\n       mailhost dns{name} --config {self.config}\n", output)
        self.assertIn(f"mailhost run --config {self.config}", output)

    def test_it_ends_with_what_the_doctor_finds(self) -> None:
        self.patch(local_facts, "listening_sockets", list)
        output = self.init("mail.example.com", "--admin", "ann@elsewhere.example")
        last = output.splitlines()[-1]
        self.assertTrue(last.startswith("The doctor found nothing wrong so far. Next: "), last)
        self.assertIn(f"`mailhost doctor --config {self.config}`", last)
        postfix = ListeningSocket("0.0.0.0", 25, (Process(811, "master"),))
        self.patch(local_facts, "listening_sockets", lambda: [postfix])
        last = self.init("mail.example.com").splitlines()[-1]
        self.assertIn(
            "doctor/port-taken: failure: ports that master has: master (process 811)", last
        )

    def test_a_listener_for_networks_that_close_the_usual_ports(self) -> None:
        self.init()
        with open(self.config, encoding="utf-8") as file:
            text = file.read()
        block = '[[listen]]\nprotocol = "submission"\nendpoint = "tcp:[::]:2525"\n'
        self.assertIn(textwrap.indent(block, "#"), text)
        with open(self.config, "w", encoding="utf-8") as file:
            file.write(text.replace(textwrap.indent(block, "#"), block))
        self.assertEqual(
            ["tcp6:2525:interface=\\:\\:"],
            [each.endpoint for each in load(self.config).settings.listen],
        )

    def test_the_admin(self) -> None:
        output = self.init("mail.example.com", "--admin", "ann@example.com")
        self.assertEqual(str(load(self.config).settings.admin), "ann@example.com")
        self.assertIn("mailhost account add ann@example.com ", output)
        self.assertNotIn("postmaster", output)
        output = self.init("mail.example.com", "--admin", "bob@example.com")
        self.assertIn("its admin is ann@example.com, not bob@example.com", output)

    def test_without_admin_the_consequence_is_printed(self) -> None:
        self.assertIn("mail for postmaster and abuse is deferred", self.init())
        self.assertIsNone(load(self.config).settings.admin)
        self.assertEqual([each.key for each in load(self.config).warnings], ["admin"])

    def test_on_a_terminal_it_asks_for_the_admin(self) -> None:
        self.patch(init, "on_terminal", lambda: True)
        arguments = ["--hostname", "mail.example.com", "--domain", "example.com"]
        result = self.call("init", self.folder, *arguments, stdin="ann\nann@example.com\n")
        self.assertEqual(result.exit_code, 0, result.output)
        self.assertIn("no address", result.output)
        self.assertEqual(str(load(self.config).settings.admin), "ann@example.com")
        self.assertNotIn("Address of the admin", self.call("init", self.folder, *arguments).output)
        os.unlink(self.config)
        self.call("init", self.folder, *arguments, stdin="\n")
        self.assertIsNone(load(self.config).settings.admin)

    def test_help_says_what_may_be_repeated(self) -> None:
        self.assertRegex(self.run_ok("init", "--help"), r"--domain NAME +.* may be repeated")

    def test_another_data_folder(self) -> None:
        data = os.path.join(self.folder, 'else "where"')
        self.init("mail.example.com", "--data", data)
        self.assertEqual(load(self.config).settings.data, data)
        self.assertEqual(stat.S_IMODE(os.stat(data).st_mode), 0o700)

    def test_its_domains_take_accounts_at_once(self) -> None:
        self.init()
        for address in ("ann@example.com", "bob@example.net"):
            self.run_ok("account", "add", address, stdin="hunter2\n")

    def test_run_again_it_overwrites_nothing(self) -> None:
        self.init()
        self.run_ok("account", "add", "ann@example.com", stdin="hunter2\n")
        with open(self.config, "a", encoding="utf-8") as file:
            file.write("# mine\n")
        with open(self.config, encoding="utf-8") as file:
            before = file.read()
        output = self.init("other.example.com", "--domain", "example.org")
        with open(self.config, encoding="utf-8") as file:
            self.assertEqual(file.read(), before)
        self.assertIn(f"{self.config} is there already", output)
        self.assertIn("its hostname is mail.example.com", output)
        self.assertIn("example.com is there already", output)
        self.assertIn("example.org is added", output)
        self.assertIn("ann@example.com", self.run_ok("account", "list"))

    def test_domains_of_the_file_stay_there(self) -> None:
        self.settings('[domain."example.com"]\naliases = ["example.net"]\n')
        output = self.init()
        self.assertIn("example.com is there already", output)
        self.assertIn("example.net is there already", output)

    def test_what_root_makes_is_the_users(self) -> None:
        if os.geteuid() != 0:
            raise SkipTest("only root can give files away")
        os.chmod(self.folder, 0o755)
        self.init("mail.example.com", "--user", "nobody")
        self.run_ok("account", "add", "ann@example.com", stdin="hunter2\n")
        nobody = pwd.getpwnam("nobody").pw_uid
        self.assertEqual(load(self.config).settings.user, "nobody")
        for name in (".", "directory.sqlite"):
            self.assertEqual(os.stat(os.path.join(self.data, name)).st_uid, nobody)
        self.assertEqual(os.geteuid(), 0)

    def test_a_user_that_nobody_is(self) -> None:
        arguments = ["--hostname", "a.example", "--domain", "a.example", "--user", "no-such-user"]
        new = os.path.join(self.folder, "new")
        self.assertIn("--user: this machine has no user", self.run_fails("init", new, *arguments))
        self.assertFalse(os.path.exists(new))

    def test_a_data_folder_of_the_user_that_systemd_starts(self) -> None:
        if os.geteuid() != 0:
            raise SkipTest("only root can give files away")
        os.chmod(self.folder, 0o755)
        os.mkdir(self.data, 0o700)
        os.chown(self.data, pwd.getpwnam("nobody").pw_uid, -1)
        self.init()
        database = os.path.join(self.data, "directory.sqlite")
        self.assertEqual(os.stat(database).st_uid, pwd.getpwnam("nobody").pw_uid)
        self.assertIn("is right", self.run_ok("check-config"))

    def test_a_data_folder_of_somebody_else(self) -> None:
        if os.geteuid() != 0:
            raise SkipTest("only root can give files away")
        os.chmod(self.folder, 0o755)
        os.mkdir(self.data)
        arguments = ["--hostname", "a.example", "--domain", "a.example", "--user", "nobody"]
        error = self.run_fails("init", self.folder, *arguments)
        self.assertIn(f"run: chown -R nobody {self.data}", error)
        self.assertEqual([], os.listdir(self.data))
        self.patch(check_config, "cannot_run", lambda user: "")
        os.mkdir(os.path.join(self.data, "queue"))
        self.assertIn(
            f"data: the data folder {self.data} belongs to", self.run_fails("check-config")
        )
        os.rmdir(os.path.join(self.data, "queue"))
        os.chown(self.data, pwd.getpwnam("nobody").pw_uid, -1)
        self.run_ok("init", self.folder, *arguments)
        self.assertIn("is right", self.run_ok("check-config"))

    def test_values_that_a_host_would_not_start_with_are_refused_before_anything_is_written(
        self,
    ) -> None:
        domain = ["--domain", "example.com"]
        error = self.run_fails("init", self.folder, "--hostname", "localhost", *domain)
        self.assertIn("--hostname: 'localhost' is no name by which", error)
        hostname = ["--hostname", "mail.example.com"]
        error = self.run_fails("init", self.folder, *hostname, *domain, "--data", "/")
        self.assertIn("--data: / belongs to the system", error)
        error = self.run_fails("init", self.folder, *hostname, *domain, "--admin", "ann")
        self.assertIn("--admin: 'ann' is no address", error)
        self.assertEqual(os.listdir(self.folder), [])

    def test_names_that_are_none(self) -> None:
        error = self.run_fails("init", self.folder, "--hostname", "a b", "--domain", "example.com")
        self.assertIn("no domain name", error)
        self.assertFalse(os.path.exists(self.config))

    def test_a_folder_that_cannot_be_written(self) -> None:
        taken = os.path.join(self.folder, "taken")
        with open(taken, "w", encoding="utf-8"):
            pass
        result = self.call("init", taken, "--hostname", "a.example", "--domain", "a.example")
        self.assertNotEqual(result.exit_code, 0)
