"""Files that are no TOML: each usual mistake is told with its line, its key and the remedy."""

from __future__ import annotations

import tomllib

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailhost.config.load import SEVERAL
from mailhost.config.toml_faults import explained

MISTAKES = {
    "hostname = mail.example.com": 'hostname: a text stands in quotes; write hostname = "mail.ex',
    "data = /var/lib/mailhost": 'data: a text stands in quotes; write data = "/var/lib/mailhost"',
    "quota = 20 GB  # much": 'quota: a text stands in quotes; write quota = "20 GB"',
    "within = 5m": 'write within = "5m"',
    "networks = 10.0.0.0/8": 'write networks = "10.0.0.0/8"',
    "networks = [10.0.0.0/8]": "",
    "networks = [here]": "networks: texts stand in quotes, in [ ]",
    "password = { file = secrets/isp }": "password: texts stand in quotes, in [ ] and { }",
    "password = hunter2": 'password: a text stands in quotes; write password = "..."',
    "password: hunter2": 'password: write an equals sign, password = "..."',
    "hostname: mail.example.com": 'hostname: write an equals sign, hostname = "mail.example.com"',
    "hostname == 'x'": "hostname: write one equals sign",
    "hostname = \u201cmail.example.com\u201d": 'straight quotes, hostname = "mail.example.com"',
    "hostname\u00a0= 'x'": "no-break space",
    "hostname =": "hostname: has no value",
    "hostname = 'x' 'y'": "hostname: after the value only a comment may stand",
    "recipients = 5 // or 6": "after the value only a comment may stand",
    "hostname = 'x": "at the end, line 2",
    'hostname = "x': 'line 2, hostname: its closing " is missing',
    'hostname = "x\nb = 1': 'line 2, hostname: its closing " is missing',
    'endpoint = "tcp6:25:interface=\\:\\:"': "endpoint: a backslash means something in double",
    "trace = True": "trace: write trace = true",
    "trace = no": "trace: write trace = false",
    "; hostname = 'x'": "a comment begins with #",
    "// hostname": "a comment begins with #",
    "hostname": "this is no key = value",
    "networks = ['a'\nport = 25": "line 3: a comma or a closing ] is missing before it",
    "networks = ['a'\n[queue]": "line 3: a comma or a closing ] is missing before it",
    "networks = ['a'\n\n[[listen]]": "line 4: a comma or a closing ] is missing before it",
    "networks = ['a' 'b']": "networks: a comma or a closing ] is missing",
    "networks = [": "at the end, line 2",
    "password = { file = 'a', }": "password: write { } and all in it on one line",
    "password = { file = 'a'\n}": "password: write { } and all in it on one line",
    "version = 2": "version: is there already",
    "[listen]\n[listen]": "line 3: there may be several; write [[listen]]",
    "[[relay.route]]\n[relay.route]": "line 3: there may be several; write [[relay.route]]",
    "[limits]\n[limits]": "line 3: [limits] is there already",
    "[domain.bücher.example]": 'line 2: write the name of a domain in quotes, [domain."bücher',
    "[limits": "line 2: a table is written [limits], ",
    "größe = 1": "größe: a key of other than letters",
}


class ExplainedTests(SynchronousTestCase):
    """The words for a file with one mistake, below a line that is right."""

    def explanation(self, text: str) -> str:
        try:
            tomllib.loads(text)
        except tomllib.TOMLDecodeError as error:
            return explained(text, error, SEVERAL)
        raise AssertionError(f"this is TOML: {text}")

    def test_each_mistake(self) -> None:
        for line, wanted in MISTAKES.items():
            explanation = self.explanation(f"version = 1\n{line}\n")
            self.assertIn("line ", explanation, line)
            self.assertIn(wanted, explanation, line)
            self.assertNotIn("hunter2", explanation)

    @settings(deadline=None, max_examples=300)
    @given(st.text(alphabet="a=.[]{}\"'#: \n\\1,é", max_size=40))
    def test_each_invalid_toml_is_explained(self, text: str) -> None:
        try:
            tomllib.loads(text)
        except tomllib.TOMLDecodeError as error:
            self.assertIn("line ", explained(text, error, SEVERAL))
