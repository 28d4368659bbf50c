"""Debian's Roundcube as a client, by PHP's own web server: what a user's browser asks it for."""

from __future__ import annotations

import http.cookiejar
import json
import os
import re
import shutil
import sqlite3
import subprocess
import urllib.parse
import urllib.request
from pathlib import Path

from twisted.trial.unittest import SkipTest

from tests.end_to_end.imap_host import MESSAGES, PASSWORD, ImapHost
from tests.end_to_end.running import PATIENCE, free_port, short_folder, until

PROGRAM = Path("/var/lib/roundcube")
TABLES = Path("/usr/share/roundcube/SQL/sqlite.initial.sql")
CONFIGURATION = """<?php
$config = [];
$config['db_dsnw'] = 'sqlite:///{folder}/db.sqlite?mode=0600';
$config['imap_host'] = '{host}:{port}';
$config['imap_conn_options'] = ['ssl' => ['verify_peer' => false, 'verify_peer_name' => false]];
$config['des_key'] = 'abcdefghijklmnopqrstuvwx';
$config['log_dir'] = '{folder}';
$config['log_driver'] = 'file';
$config['temp_dir'] = '{folder}';
$config['plugins'] = [];
$config['message_sort_col'] = 'date';
"""


class RoundcubeTests(ImapHost):
    """One user in one browser."""

    def setUp(self) -> None:
        if shutil.which("php") is None or not (PROGRAM.exists() and TABLES.exists()):
            raise SkipTest("Roundcube is not installed: apt-get install roundcube-sqlite3 php-cli")
        super().setUp()
        self.folder = short_folder(self)
        self.server = ("127.0.0.1", free_port("127.0.0.1"))
        values = {"folder": self.folder, "host": self.host.address, "port": self.where[1]}
        text = re.sub(r"\{(\w+)\}", lambda match: str(values[match[1]]), CONFIGURATION)
        (self.folder / "config.inc.php").write_text(text)
        for name in ("defaults.inc.php", "mimetypes.php"):
            shutil.copy(Path("/etc/roundcube") / name, self.folder / name)
        with sqlite3.connect(self.folder / "db.sqlite") as database:
            database.executescript(TABLES.read_text())
        database.close()
        self.start()
        cookies = urllib.request.HTTPCookieProcessor(http.cookiejar.CookieJar())
        self.browser = urllib.request.build_opener(cookies)
        self.token = ""

    def start(self) -> None:
        """Start PHP's web server."""
        address = "{}:{}".format(*self.server)
        with (self.folder / "php.log").open("w") as log:
            process = subprocess.Popen(
                ["php", "-S", address, "-t", str(PROGRAM)],
                env={"ROUNDCUBE_CONFIG_DIR": str(self.folder), "PATH": os.environ["PATH"]},
                stdout=log,
                stderr=log,
            )
        self.addCleanup(process.wait, PATIENCE)
        self.addCleanup(process.kill)
        log_file = self.folder / "php.log"
        until(lambda: "started" in log_file.read_text(), "PHP does not start")

    def page(self, query: str, **fields: str) -> bytes:
        """Ask for a page, with the fields of a form as POST."""
        url = "http://{}:{}/?{}".format(*self.server, query)
        data = urllib.parse.urlencode(fields).encode() if fields else None
        request = urllib.request.Request(url, data, {"X-Roundcube-Request": self.token})
        with self.browser.open(request, timeout=PATIENCE) as reply:
            octets: bytes = reply.read()
        return octets

    def action(self, name: str, query: str = "", **fields: str) -> str:
        """The requests of the page's JavaScript; returns the calls that it is to make."""
        answer = self.page(f"_task=mail&_action={name}&_remote=1&_unlock=0{query}", **fields)
        errors = self.folder / "errors.log"
        self.assertFalse(errors.exists() and errors.read_text(), "Roundcube logged an error")
        calls: str = json.loads(answer)["exec"]
        return calls

    def log_in(self) -> None:
        """Log in, and open the inbox."""
        begin = self.page("").decode()
        token = re.search(r'name="_token" value="(\w+)"', begin)
        assert token
        form = {"_task": "login", "_action": "login", "_timezone": "UTC", "_url": ""}
        form |= {"_token": token[1], "_user": self.address, "_pass": PASSWORD}
        inbox = self.page("_task=login", **form).decode()
        found = re.search(r'"request_token":"(\w+)"', inbox)
        assert found, inbox[:1000]
        self.token = found[1]
        for name in ("INBOX", "Sent", "Trash"):
            self.assertIn(f'rel="{name}"', inbox)

    def test_a_tour(self) -> None:
        self.deliver(*MESSAGES[:3])
        self.log_in()
        rows = self.action("list", "&_mbox=INBOX&_page=1")
        self.assertEqual(["long", "Käse", "plain"], _subjects(rows))
        threads = self.action("list", "&_mbox=INBOX&_page=1&_threads=1")
        self.assertIn("Threads 1 to 3 of 3", threads)
        query = urllib.parse.urlencode({"_q": "käse", "_headers": "subject", "_mbox": "INBOX"})
        self.assertEqual(["Käse"], _subjects(self.action("search", f"&{query}&_scope=base")))
        source = self.page("_task=mail&_action=viewsource&_uid=2&_mbox=INBOX")
        self.assertTrue(source.endswith(b"\n\xe4\xf6\xff\x80 (8 bits)"), source)
        self.assertIn(b"8 bits", self.page("_task=mail&_action=show&_uid=2&_mbox=INBOX"))
        self.action("mark", _uid="2", _mbox="INBOX", _flag="flagged")
        self.action("move", _uid="1", _mbox="INBOX", _target_mbox="Trash")
        self.action("copy", _uid="3", _mbox="INBOX", _target_mbox="Archive")
        self.assertEqual(["long", "Käse"], _subjects(self.action("list", "&_mbox=INBOX")))
        self.assertEqual(["plain"], _subjects(self.action("list", "&_mbox=Trash")))
        self.assertEqual(["long"], _subjects(self.action("list", "&_mbox=Archive")))
        self.deliver(b"From: a@b.example\r\nSubject: fresh\r\n\r\nhello\r\n")
        self.action("list", "&_mbox=INBOX")
        flagged = [path for path in self.maildir.glob("cur/*") if "F" in path.name.split(":2,")[1]]
        self.assertIn(b"K=C3=A4se", b"".join(path.read_bytes() for path in flagged))
        self.assertEqual("fresh", _subjects(self.action("list", "&_mbox=INBOX"))[0])
        self.action("delete", _uid="1", _mbox="Trash")
        self.assertEqual([], _subjects(self.action("list", "&_mbox=Trash")))


def _subjects(calls: str) -> list[str]:
    """The subjects of a list that the page is to show."""
    return re.findall(r'add_message_row\(\d+,\{"subject":"([^"]*)"', calls)
