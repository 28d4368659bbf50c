"""Loading: what is right is taken, and all that is wrong is told at once, each with its key."""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailhost.config.load import BadSettings, Loaded, data_of, load
from mailhost.config.model import Settings
from mailhost.config.types import Secret

HEAD = 'version = 1\nhostname = "mail.example.com"\ndata = "data"\n'


def write_pair(folder: str, name: str, passphrase: bytes = b"") -> None:
    """Write a self-signed certificate and its key as NAME.pem and NAME.key."""
    closed = serialization.BestAvailableEncryption(passphrase) if passphrase else None
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder(subject, subject, key.public_key(), x509.random_serial_number())
        .not_valid_before(now)
        .not_valid_after(now + timedelta(days=1))
        .sign(key, hashes.SHA256())
    )
    with open(os.path.join(folder, f"{name}.pem"), "wb") as file:
        file.write(certificate.public_bytes(serialization.Encoding.PEM))
    with open(os.path.join(folder, f"{name}.key"), "wb") as file:
        file.write(
            key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                closed or serialization.NoEncryption(),
            )
        )


class LoadCase(SynchronousTestCase):
    """A folder with a settings file."""

    def setUp(self) -> None:
        self.folder = os.path.abspath(self.mktemp())
        os.makedirs(self.folder)

    def write(self, name: str, contents: str | bytes, mode: int = 0o600) -> str:
        path = os.path.join(self.folder, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        data = contents.encode() if isinstance(contents, str) else contents
        with open(path, "wb") as file:
            file.write(data)
        os.chmod(path, mode)
        return path

    def load(self, text: str, **environment: str) -> Loaded:
        return load(self.write("mailhost.toml", text), environment)

    def problems(self, text: str | bytes, **environment: str) -> dict[str, str]:
        path = self.write("mailhost.toml", text)
        error = self.assertRaises(BadSettings, load, path, environment)
        for problem in error.problems:
            self.assertIn(str(problem), str(error))
        return {problem.key: problem.text for problem in error.problems}


class NulTests(LoadCase):
    """No path, user or name of the system can contain a NUL."""

    def test_each_place_is_named(self) -> None:
        text = (
            HEAD
            + """
            user = "mail\\u0000host"
            [[listen]]
            protocol = "smtp"
            endpoint = "unix:/run/a\\u0000b"
            [[filter]]
            kind = "python"
            file = "own\\u0000.py"
            options = { "a\\u0000" = ["x\\u0000"] }
            """
        )
        explanation = "has a NUL character in it; remove it"
        option = '"a\\u0000"'
        self.assertEqual(
            {
                "user": explanation,
                "listen[1].endpoint": explanation,
                "filter[1].file": explanation,
                f"filter[1].options.{option}": explanation,
                f"filter[1].options.{option}[1]": explanation,
            },
            self.problems(text),
        )


class RightTests(LoadCase):
    """Files without fault."""

    def test_the_least_file(self) -> None:
        settings = self.load(HEAD).settings
        self.assertEqual(settings.data, os.path.join(self.folder, "data"))
        self.assertEqual(settings.listen[0].protocol, "smtp")
        self.assertEqual(len(settings.listen), 7)
        self.assertEqual(settings.relay.networks, ())

    def test_a_byte_order_mark_in_front(self) -> None:
        path = self.write("mailhost.toml", b"\xef\xbb\xbf" + HEAD.encode())
        self.assertEqual(load(path, {}).settings.hostname, "mail.example.com")

    def test_everything_of_the_frame(self) -> None:
        self.write("secrets/isp", "hunter2\n")
        self.write("secrets/ann", "$argon2id$x\n")
        loaded = self.load(
            HEAD
            + """
            admin = "ann@example.com"
            [[listen]]
            protocol = "smtp"
            endpoint = "haproxy:tcp:25"
            [[listen]]
            protocol = "lmtp"
            endpoint = "unix:lmtp.sock"
            [dns]
            servers = ["127.0.0.1:53"]
            [relay]
            port = 26
            networks = ["192.0.2.0/28", "2001:db8::/32"]
            [[relay.route]]
            from = "*"
            to = "partner.example"
            via = "smtp.isp.example:587"
            user = "me"
            password = { file = "secrets/isp" }
            tls = "require"
            after_attempts = 3
            [[relay.route]]
            to = "*.example"
            via = "[2001:db8::1]:25"
            user = "me"
            password = { env = "ISP_PASSWORD" }
            [domain."example.com"]
            aliases = ["example.org"]
            catch_all = "ann"
            [domain."example.com".account.ann]
            password = { file = "secrets/ann" }
            quota = "20 GB"
            [domain."example.com".alias]
            team = ["ann", "ann+list@example.org", "bob@example.net", "postmaster"]
            """,
            ISP_PASSWORD="from the environment",
        )
        settings, secrets = loaded.settings, loaded.secrets
        isp, other = settings.relay.route
        self.assertEqual(isp.password, Secret(file=os.path.join(self.folder, "secrets/isp")))
        self.assertEqual(secrets.of(isp.password), "hunter2")
        self.assertEqual(secrets.of(other.password), "from the environment")
        ann = settings.domain["example.com"].account["ann"]
        self.assertEqual((ann.quota, secrets.of(ann.password)), (20 * 10**9, "$argon2id$x"))
        self.assertEqual(settings.listen[1].endpoint, f"unix:{self.folder}/lmtp.sock")
        self.assertNotIn("hunter2", repr(loaded))

    def test_one_newline_of_a_secret_is_taken_away(self) -> None:
        self.write("s", "hunter2 \n\n")
        route = '[[relay.route]]\nvia = "h:1"\nuser = "me"\npassword = {file = "s"}\n'
        loaded = self.load(HEAD + route)
        self.assertEqual(loaded.secrets.of(loaded.settings.relay.route[0].password), "hunter2 \n")

    def test_a_certificate_and_its_key(self) -> None:
        write_pair(self.folder, "mail")
        loaded = self.load(HEAD + '[[tls.certificate]]\nchain = "mail.pem"\nkey = "mail.key"\n')
        self.assertEqual(
            loaded.settings.tls.certificate[0].chain, os.path.join(self.folder, "mail.pem")
        )

    def test_the_demo_password_lies_below_the_data(self) -> None:
        demo = self.load(HEAD + '[demo]\naccounts = ["a@b.example"]\n').settings.demo
        assert demo is not None
        self.assertEqual(demo.password_file, os.path.join(self.folder, "data", "demo-password"))

    def test_the_data_folder_alone_is_had_from_a_file_with_faults(self) -> None:
        path = self.write("mailhost.toml", 'data = "var"\nnonsense = 1\n')
        self.assertEqual(data_of(path), os.path.join(self.folder, "var"))
        self.assertRaises(BadSettings, data_of, self.write("mailhost.toml", "data = 1\n"))

    def test_no_reactor_is_imported(self) -> None:
        path = self.write("mailhost.toml", HEAD)
        code = (
            "import sys; from mailhost.config.load import load; load(sys.argv[1]);"
            "sys.exit('twisted.internet.reactor' in sys.modules)"
        )
        environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
        subprocess.run([sys.executable, "-c", code, path], check=True, env=environment)


class WrongTests(LoadCase):
    """Each kind of fault, with its key and the remedy."""

    def test_all_faults_are_told_together(self) -> None:
        problems = self.problems(
            """
            version = 1
            hostname = "mail.example.com"
            data = "data"
            hostnme = "x"
            [[listen]]
            protocol = "smtp"
            endpoint = "tcp:25"
            [[listen]]
            protocol = "smpt"
            endpoint = "tcp:25"
            [[listen]]
            protocol = "lmtp"
            endpoint = "tcp:25:interface=127.0.0.1"
            [limits]
            recipients = "many"
            [[tls.certificate]]
            chain = "none.pem"
            key = "none.key"
            [[relay.route]]
            via = "h:1"
            user = "me"
            password = { file = "none" }
            [domain."example.com".alias]
            team = ["ann"]
            """
        )
        self.assertEqual(
            set(problems),
            {
                "hostnme",
                "listen[2].protocol",
                "listen[3].endpoint",
                "limits.recipients",
                "tls.certificate[1].chain",
                "tls.certificate[1].key",
                "relay.route[1].password",
                'domain."example.com".alias.team[1]',
            },
        )
        self.assertIn("clashes with listen[1]", problems["listen[3].endpoint"])

    def test_unknown_keys_name_the_nearest(self) -> None:
        problems = self.problems(
            HEAD
            + """
            recipients = 5
            [limits]
            mesage_size = 5
            hostname = "x"
            [[relay.route]]
            via = "h:1"
            vai = "h:2"
            form = "*"
            [domain."example.com".account.ann]
            qouta = 5
            [zebra]
            """
        )
        self.assertIn("did you mean message_size?", problems["limits.mesage_size"])
        self.assertIn("did you mean via?", problems["relay.route[1].vai"])
        self.assertIn("did you mean from?", problems["relay.route[1].form"])
        self.assertIn("quota?", problems['domain."example.com".account.ann.qouta'])
        self.assertIn("in [limits]", problems["recipients"])
        self.assertIn("at the top", problems["limits.hostname"])
        self.assertIn("known here: version", problems["zebra"])

    def test_missing_keys(self) -> None:
        problems = self.problems("[[listen]]\n[[relay.route]]\n[demo]\n")
        self.assertEqual(
            set(problems),
            {
                "version",
                "hostname",
                "data",
                "listen[1].protocol",
                "listen[1].endpoint",
                "relay.route[1].via",
                "demo.accounts",
            },
        )
        self.assertIn('hostname = "mail.example.com"', problems["hostname"])

    def test_wrong_types_and_ranges(self) -> None:
        cases: dict[str, tuple[str, str]] = {
            "version": ("version = 2", "version 1, not 2"),
            "hostname": ('hostname = "a b"', "no domain name; write one such as "),
            "data": ("data = 5", "path"),
            "admin": ('admin = "ann"', "name@domain"),
            "user": ("user = 0", "text in quotes"),
            "listen": ('listen = "tcp:25"', "list"),
            "limits": ("limits = 1", "table"),
            "limits.recipients": ("limits.recipients = 1.5", "whole number"),
            "queue.first_retry": ("queue.first_retry = 0", "more than 0"),
            "limits.errors": ("limits.errors = 0", "1 or more"),
            "limits.message_size": ('limits.message_size = "big"', '"50 MB"'),
            "limits.data_timeout": ('limits.data_timeout = "long"', '"5 minutes"'),
            "login.plaintext_on_loopback": ('login.plaintext_on_loopback = "no"', "true or false"),
            "dns.servers[1]": ('dns.servers = ["ns.example"]', "IP address and a port"),
            "relay.port": ("relay.port = 70000", "65535 or less"),
            "relay.networks[1]": ('relay.networks = ["10.0.0.1/8"]', 'write "10.0.0.0/8", or the'),
            "relay.bind": ('relay.bind = "eth0"', "IP address"),
            "relay.families": ('relay.families = "ipv5"', "'ipv4-first'"),
            "tls.minimum": ('tls.minimum = "1.1"', "'1.2' or '1.3'"),
            "tls.smtp_minimum": ('tls.smtp_minimum = "ssl3"', "'1.2' or '1.3'"),
            "tls.certificate": ("tls.certificate = {}", "[[tls.certificate]]"),
            'domain."example.com".catch_all': ('domain."example.com".catch_all = 1', "address"),
            'domain."a b"': ('domain."a b" = {}', "no domain name"),
            'domain."a.example."': ('domain."a.example." = {}', 'write "a.example", without the'),
        }
        for key, (text, explanation) in cases.items():
            kept = [line for line in HEAD.splitlines() if line.split()[0] != text.split()[0]]
            problems = self.problems("\n".join([*kept, text]))
            self.assertEqual(list(problems), [key], text)
            self.assertIn(explanation, problems[key])

    def test_a_list_that_is_empty_or_has_a_fault(self) -> None:
        found = self.problems(f"{HEAD}tls.acme.challenges = []\n")
        self.assertEqual({"tls.acme.challenges": "write a list with one entry at least"}, found)
        found = self.problems(f'{HEAD}tls.acme.challenges = ["http"]\n')
        self.assertEqual(["tls.acme.challenges[1]"], list(found))

    def test_bounds_are_in_the_units_of_the_value(self) -> None:
        for value, words in (
            ('"1 hour"', "write 1 day or more"),
            ('"700 days"', "write 8766 hours or less"),
            ("60", "write 86400 or more"),
        ):
            found = self.problems(f"{HEAD}mta_sts.max_age = {value}\n")
            self.assertIn(words, found["mta_sts.max_age"])

    def test_missing_keys_of_acme(self) -> None:
        found = self.problems(f"{HEAD}[tls.acme.external_account]\n[tls.acme.nsupdate]\n")
        self.assertEqual(
            {
                "tls.acme.external_account.id": 'is missing; write id = "kid-1"',
                "tls.acme.external_account.key": "is missing; "
                'write key = { file = "secrets/acme" }',
                "tls.acme.nsupdate.server": 'is missing; write server = "127.0.0.1:53"',
                "tls.acme.nsupdate.key": 'is missing; write key = "secrets/acme.key"',
            },
            found,
        )

    def test_files_that_cannot_be_read(self) -> None:
        path = os.path.join(self.folder, "none.toml")
        self.assertIn("cannot read", str(self.assertRaises(BadSettings, load, path)))
        self.assertIn("`mailhost init`", str(self.assertRaises(BadSettings, load, path)))
        explanation = str(self.assertRaises(BadSettings, load, self.folder))
        self.assertIn("is a folder", explanation)
        self.assertNotIn("init", explanation)
        self.assertIn("line 2 is not UTF-8", self.problems(b"version = 1\nhostname = '\xff'")[""])
        self.assertIn("line 2", self.problems("version = 1\nhostname = \n")[""])
        self.assertIn("at the end, line 2", self.problems("version = 1\nlisten = [\n")[""])
        self.assertIn("a text stands in quotes", self.problems("hostname = mail.example.com")[""])
        self.assertIn("too deeply", self.problems("a = " + "[" * 100_000)[""])

    def test_endpoints(self) -> None:
        problems = self.problems(HEAD + '[[listen]]\nprotocol = "smtp"\nendpoint = "tcp25"\n')
        self.assertIn('"tcp:25"', problems["listen[1].endpoint"])
        problems = self.problems(HEAD + '[[listen]]\nprotocol = "smtps"\nendpoint = "smtps"\n')
        self.assertIn("perhaps 'submissions' is meant", problems["listen[1].protocol"])
        self.assertIn('write "tcp:465"', problems["listen[1].endpoint"])

    def test_a_smarthost_that_is_no_host_and_port(self) -> None:
        for via in ("tcp:smtp.isp.example:587", "smtp.isp.example:smtp", "smtps://isp.example"):
            explanation = self.problems(HEAD + f'[[relay.route]]\nvia = "{via}"\n')[
                "relay.route[1].via"
            ]
            self.assertIn('"smtp.isp.example:587"', explanation)

    def test_a_login_at_a_smarthost_has_user_and_password(self) -> None:
        self.write("s", "hunter2")
        route = '[[relay.route]]\nvia = "h:1"\n'
        self.assertIn("relay.route[1].password", self.problems(HEAD + route + 'user = "me"\n'))
        problems = self.problems(HEAD + route + 'password = { file = "s" }\n')
        self.assertIn("relay.route[1].user", problems)

    def test_no_listener(self) -> None:
        self.assertIn("no listener", self.problems(HEAD + "listen = []\n")["listen"])

    def test_secrets_are_never_inline(self) -> None:
        for value in ('"hunter2"', '{ text = "hunter2" }', '{ file = "a", env = "b" }'):
            problems = self.problems(HEAD + f'[[relay.route]]\nvia = "h:1"\npassword = {value}\n')
            self.assertIn("never written here", problems["relay.route[1].password"])
            self.assertNotIn("hunter2", str(problems))

    def test_secrets_that_cannot_be_used(self) -> None:
        route = '[[relay.route]]\nvia = "h:1"\nuser = "me"\npassword = {file = "s"}\n'
        cases: list[tuple[str | bytes, int, str]] = [
            ("hunter2", 0o644, "chmod 600"),
            ("", 0o600, "is empty"),
            (b"\xff", 0o600, "UTF-8"),
            ("x" * 70_000, 0o600, "larger"),
        ]
        for contents, mode, explanation in cases:
            self.write("s", contents, mode)
            problems = self.problems(HEAD + route)
            self.assertIn(explanation, problems["relay.route[1].password"])
            self.assertNotIn("hunter2", str(problems))
        self.write("s", "hunter2")
        account = '[domain."a.example".account.ann]\npassword = {file = "s"}\n'
        explanation = self.problems(HEAD + account)['domain."a.example".account.ann.password']
        self.assertIn("hash-password", explanation)
        self.assertNotIn("hunter2", explanation)
        problems = self.problems(HEAD + route.replace('file = "s"', 'env = "S"'))
        self.assertIn("no variable S", problems["relay.route[1].password"])

    def test_certificates_that_cannot_be_used(self) -> None:
        write_pair(self.folder, "one")
        write_pair(self.folder, "two")
        table = '[[tls.certificate]]\nchain = "one.pem"\nkey = "two.key"\n'
        explanation = self.problems(HEAD + table)["tls.certificate[1]"]
        self.assertIn("is not the key of the first certificate", explanation)
        swapped = '[[tls.certificate]]\nchain = "one.key"\nkey = "one.pem"\n'
        self.assertIn("swap them", self.problems(HEAD + swapped)["tls.certificate[1]"])
        twice = table.replace("two.key", "one.pem")
        self.assertIn("no private key", self.problems(HEAD + twice)["tls.certificate[1].key"])
        twice = table.replace("one.pem", "two.key")
        self.assertIn("no certificate", self.problems(HEAD + twice)["tls.certificate[1].chain"])
        self.write("two.key", "not a key")
        self.assertIn("no private key", self.problems(HEAD + table)["tls.certificate[1].key"])
        self.write("one.pem", "-----BEGIN CERTIFICATE-----\nnonsense")
        self.write("two.key", "-----BEGIN PRIVATE KEY-----\nnonsense")
        self.assertIn("not a PEM chain", self.problems(HEAD + table)["tls.certificate[1]"])

    def test_a_key_with_a_passphrase(self) -> None:
        write_pair(self.folder, "one", b"hunter2")
        table = '[[tls.certificate]]\nchain = "one.pem"\nkey = "one.key"\n'
        self.assertIn("openssl pkey", self.problems(HEAD + table)["tls.certificate[1].key"])

    def test_a_data_folder_that_is_a_file(self) -> None:
        self.write("data", "")
        self.assertIn("no folder", self.problems(HEAD)["data"])

    def test_an_unknown_user(self) -> None:
        self.assertIn("no user", self.problems(HEAD + 'user = "nobody-at-all"\n')["user"])


JUNK: Any = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8) | st.just("ann"),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["account", "alias", "via", "x"]), inner, max_size=3)
    ),
    max_leaves=6,
)


class AnyFileTests(LoadCase):
    """However wrong a file is, loading ends in BadSettings or settings, never in a traceback."""

    @settings(deadline=None)
    @given(
        st.dictionaries(
            st.sampled_from([*Settings.model_fields, "junk"]),
            JUNK | st.dictionaries(st.sampled_from(["route", "certificate", "a.example"]), JUNK),
            max_size=6,
        )
    )
    def test_anything(self, raw: dict[str, Any]) -> None:
        import tomli_w

        from mailhost.config.load import BadSettings, load

        path = os.path.join(self.folder, "any.toml")
        with open(path, "w", encoding="utf-8") as file:
            file.write(tomli_w.dumps(_without_none(raw)))
        try:
            load(path, {})
        except BadSettings as error:
            self.assertTrue(error.problems)


def _without_none(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_none(item) for key, item in value.items() if item is not None}
    if isinstance(value, list):
        return [_without_none(item) for item in value if item is not None]
    return value
