"""Compares what we answer about the content of mails with what Dovecot answers, and explains.

`python -m tests.long.imap_content FOLDER [--show N]`: each file below FOLDER that ends in `.txt` or
`.eml` is a mail. Debian's `dovecot-imapd` must be installed; its `imap` is run as it is before
login, without a daemon, on a Maildir in a temporary folder. Compared are ENVELOPE, BODY,
BODYSTRUCTURE, RFC822.SIZE, all sections of each part, and the order of SORT (DATE). Exit status 1:
a difference that no reason below explains.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections import defaultdict
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path

from mailhost.message.crlf import with_crlf
from mailhost.message.imap.part_offsets import BodyPart, decode_parts
from mailhost.message.imap.reader import MemoryReader
from mailhost.message.imap.sections import Section, Specifier, find_range, read_fields
from mailhost.message.imap.summary import Summary, summary
from tests.message.imap import replies
from tests.message.imap.replies import Value

IMAP = "/usr/lib/dovecot/imap"
NOBODY = 65534
SETTINGS = """
mail_location = maildir:{folder}/mail
ssl = no
base_dir = {folder}/run
log_path = {folder}/log
first_valid_uid = 1
maildir_copy_with_hardlinks = yes
"""
NAMES = (b"from", b"TO", b"Received", b"x-none")
ENVELOPE = ["date", "subject", "from", "sender", "reply-to", "to", "cc", "bcc"]
ENVELOPE += ["in-reply-to", "message-id"]
_FETCH = re.compile(rb"\* ([0-9]+) FETCH \(")
_KEY = re.compile(rb" ?([A-Z0-9.]+(?:\[[^\]]*\])?(?:<[0-9]+>)?) ")
_PLAIN_DATE = re.compile(rb'\("\w{3}, \d{1,2} \w{3} [12]\d{3} \d\d:\d\d:\d\d [+-](0\d|1[0-4])\d\d')


# --- Dovecot -------------------------------------------------------------------------------------


def fill(folder: Path, mails: list[bytes]) -> None:
    """Write a Maildir, with the sizes in the names."""
    for each in ("cur", "new", "tmp"):
        (folder / "mail" / each).mkdir(parents=True)
    (folder / "run").mkdir()
    (folder / "conf").write_text(SETTINGS.format(folder=folder))
    for number, mail in enumerate(mails):
        name = f"{10**9 + number}.M0P0Q{number}.h,S={len(mail)},W={len(with_crlf(mail))}:2,S"
        (folder / "mail" / "cur" / name).write_bytes(mail)


def answers(folder: Path, commands: bytes) -> bytes:
    """Return what Dovecot answers to the commands."""
    command = [IMAP, "-c", f"{folder}/conf"]
    if os.getuid() == 0:  # it refuses to run as root
        subprocess.run(["chown", "-R", f"{NOBODY}:{NOBODY}", str(folder)], check=True)
        command = [
            "setpriv",
            f"--reuid={NOBODY}",
            f"--regid={NOBODY}",
            "--clear-groups",
            *command,
        ]
    home = {"USER": "nobody", "HOME": str(folder), "PATH": os.environ["PATH"]}
    octets = b"a SELECT INBOX\r\n" + commands + b"z LOGOUT\r\n"
    return subprocess.run(command, input=octets, env=home, check=False, stdout=-1).stdout


def fetched(octets: bytes) -> dict[int, dict[bytes, Value]]:
    """Return the FETCH data by the message's number and the name of the item."""
    found: dict[int, dict[bytes, Value]] = defaultdict(dict)
    at = 0
    while match := _FETCH.search(octets, at):
        at = match.end()
        while not octets.startswith(b")", at):
            key = _KEY.match(octets, at)
            assert key is not None, octets[at : at + 80]
            end = _end_of_value(octets, key.end())
            found[int(match[1])][key[1]] = replies.read(octets[key.end() : end])
            at = end
    return found


def _end_of_value(octets: bytes, at: int) -> int:
    _, end = replies.value_at(octets, at)
    return end


# --- what we answer ------------------------------------------------------------------------------


Numbered = tuple[tuple[int, ...], BodyPart]


def sections_of(root: BodyPart) -> Iterator[tuple[bytes, Section]]:
    """Yield all sections of a message that Dovecot and we should have, as they are asked for."""
    messages, parts = _numbered(root)
    for numbers in messages:
        for specifier in (Specifier.HEADER, Specifier.TEXT):
            yield _asked(numbers, specifier, ())
        for specifier in (Specifier.FIELDS, Specifier.FIELDS_NOT):
            yield _asked(numbers, specifier, NAMES)
    yield _asked((), Specifier.BODY, ())
    for numbers in parts:
        yield _asked(numbers, Specifier.BODY, ())
        yield _asked(numbers, Specifier.MIME, ())


def _numbered(root: BodyPart) -> tuple[list[tuple[int, ...]], list[tuple[int, ...]]]:
    """The numbers of the messages within the message, and of all parts."""
    messages: list[tuple[int, ...]] = [()]
    parts: list[tuple[int, ...]] = []
    waiting: list[Numbered] = [((), root)]  # messages
    while waiting:
        numbers, message = waiting.pop()
        inside: list[Numbered] = [((*numbers, 1), message)]
        if message.is_multipart:
            inside = [((*numbers, number), each) for number, each in enumerate(message.parts, 1)]
        while inside:
            path, part = inside.pop()
            parts.append(path)
            if part.is_multipart:
                inside += [((*path, number), each) for number, each in enumerate(part.parts, 1)]
            elif part.is_message:
                messages.append(path)
                waiting.append((path, part.parts[0]))
    return messages, parts


def _asked(
    numbers: tuple[int, ...], specifier: Specifier, names: tuple[bytes, ...]
) -> tuple[bytes, Section]:
    words = [*map(str, numbers), specifier.value] if specifier.value else map(str, numbers)
    text = ".".join(words).encode()
    if names:
        text += b" (%b)" % b" ".join(names).upper()
    return b"BODY[%b]" % text, Section(numbers, specifier, names)


def ours(mail: bytes, root: BodyPart, section: Section) -> bytes | None:
    """Our answer."""
    if section.names:
        return read_fields(MemoryReader(mail), root, section)
    where = find_range(root, section)
    return None if where is None else mail[where.start : where.end]


# --- why they differ -----------------------------------------------------------------------------


def lower(value: Value) -> Value:
    """Types and parameters are compared without case."""
    if isinstance(value, list):
        return [lower(each) for each in value]
    return value.lower() if isinstance(value, bytes) else value


def folded(value: Value) -> Value:
    """Values without differences of blanks."""
    if isinstance(value, list):
        return [folded(each) for each in value]
    return b" ".join(value.split()) if isinstance(value, bytes) else value


def _has(value: Value, *words: bytes) -> bool:
    if isinstance(value, list):
        return any(_has(each, *words) for each in value)
    return isinstance(value, bytes) and value in words


def _blanks(mail: bytes, theirs: Value, our: Value) -> bool:
    """True for one text or list; sections are compared octet for octet."""
    lines = isinstance(our, bytes) and b"\r\n" in our
    return not lines and folded(theirs) == folded(our)


def _broken_address(mail: bytes, theirs: Value, our: Value) -> bool:
    return _has(theirs, b"MISSING_MAILBOX", b"MISSING_DOMAIN", b"SYNTAX_ERROR")


def _odd_address(mail: bytes, theirs: Value, our: Value) -> bool:
    header = re.sub(rb"\r\n[ \t]+", b" ", mail.partition(b"\r\n\r\n")[0])
    odd = (
        rb"(?im)^(?:from|sender|reply-to|to|cc):[^\r]*(?:@[^\s,<>]* ?[@<]|[>\]][^\s>,;]|@[^,\r]*:)"
    )
    return re.search(odd, header) is not None


def _empty_name(mail: bytes, theirs: Value, our: Value) -> bool:
    return _has(theirs, b"") and re.search(rb'"\s*"\s*<', mail) is not None


def _line_break(mail: bytes, theirs: Value, our: Value) -> bool:
    return isinstance(theirs, bytes) and isinstance(our, bytes) and theirs == our + b"\r\n"


def _no_empty_line(mail: bytes, theirs: Value, our: Value) -> bool:
    """RFC 9051 §6.4.5.1: a header that lacks its empty line is shown so."""
    lacks = (
        isinstance(theirs, bytes) and isinstance(our, bytes) and len(theirs) - len(our) in (2, -2)
    )
    return lacks and (b"\r\n\r\n" not in mail or b"\r\n\r\n--" in mail)


def _encoded_message(mail: bytes, theirs: Value, our: Value) -> bool:
    return re.search(rb"(?i)message/rfc822\r\ncontent-transfer-encoding: base64", mail) is not None


def _given_twice(mail: bytes, theirs: Value, our: Value) -> bool:
    return re.search(rb"(?im)^subject:.*^subject:", mail, re.DOTALL) is not None


def _continued(mail: bytes, theirs: Value, our: Value) -> bool:
    return isinstance(theirs, list) and re.search(rb"(?i)name\*0\*=", mail) is not None


def _no_mime_version(mail: bytes, theirs: Value, our: Value) -> bool:
    header = mail.partition(b"\r\n\r\n")[0].lower()
    return b"\nmime-version" not in header and b"content-transfer-encoding" in header


def _empty_multipart(mail: bytes, theirs: Value, our: Value) -> bool:
    return (
        isinstance(theirs, list) != (theirs == b"") and b"content-type: multipart/" in mail.lower()
    )


def _bad_type(mail: bytes, theirs: Value, our: Value) -> bool:
    return isinstance(theirs, list) and theirs[:2] == [b"", b""]


def _text_behind_delimiter(mail: bytes, theirs: Value, our: Value) -> bool:
    return re.search(rb"(?m)^--[^\s]+--[^\s-]", mail) is not None


def _blanks_in_parameter(mail: bytes, theirs: Value, our: Value) -> bool:
    return re.search(rb"(?i)name=[^\s\"\r\n;]+ [^\r\n;]", mail) is not None


REASONS: list[tuple[str, Callable[[bytes, Value, Value], bool]]] = [
    (
        "blanks: a fold becomes one here, others stay; Dovecot makes one of all in a subject, four"
        " of a tab elsewhere",
        _blanks,
    ),
    ("addresses without a mailbox or domain: empty here, MISSING_... there", _broken_address),
    (
        "addresses such as a@b@c, a@b<a@b>, <a@b>c: the last @ counts here, the first there",
        _odd_address,
    ),
    ("an empty name in quotes: none here, an empty one there", _empty_name),
    (
        "a multipart whose last line is a delimiter: its line break is the next delimiter's here",
        _line_break,
    ),
    ("a header without an empty line: none is added here", _no_empty_line),
    ("a message in base64: a file here, an empty message there", _encoded_message),
    ("a field that stands there twice: the first counts here, the last there", _given_twice),
    ("RFC 2231: a section that is not encoded is encoded here, also its blanks", _continued),
    ("no MIME-Version: we read Content-Transfer-Encoding all the same", _no_mime_version),
    (
        "a multipart without parts: a text with all its octets here, an empty one there",
        _empty_multipart,
    ),
    ("a type without a slash or a semicolon: text/plain here, empty strings there", _bad_type),
    ("text behind a closing delimiter: no delimiter here", _text_behind_delimiter),
    (
        "a parameter with blanks and no quotes: the whole here, its first word there",
        _blanks_in_parameter,
    ),
]


def reason(mail: bytes, theirs: Value, our: Value) -> str:
    """Why the answers differ, empty for no reason."""
    return next((text for text, test in REASONS if test(mail, theirs, our)), "")


# --- the comparison ------------------------------------------------------------------------------


class Comparison:
    """Counts the differences by their reasons."""

    def __init__(self) -> None:
        self.compared = 0
        self.found: dict[str, list[str]] = defaultdict(list)

    def compare(self, name: str, item: str, mail: bytes, theirs: Value, our: Value) -> None:
        self.compared += 1
        if theirs != our:
            why = reason(mail, theirs, our) or "UNEXPLAINED"
            detail = (
                f"{name} {item}\n      Dovecot {str(theirs)[:400]}\n      ours    {str(our)[:400]}"
            )
            self.found[f"{item.split('[')[0]}: {why}"].append(detail)


def compare_all(names: list[str], mails: list[bytes], folder: Path) -> Comparison:
    """Compare all mails."""
    comparison = Comparison()
    wire = [with_crlf(mail) for mail in mails]
    found = [summary(MemoryReader(mail)) for mail in wire]
    asked = [list(sections_of(decode_parts(each.parts))) for each in found]
    items = [b" ".join(item.replace(b"BODY[", b"BODY.PEEK[") for item, _ in each) for each in asked]
    commands = [b"b FETCH 1:* (RFC822.SIZE ENVELOPE BODY BODYSTRUCTURE)\r\n"]
    commands += [b"c FETCH %d (%b)\r\n" % each for each in enumerate(items, 1)]
    commands.append(b"d SORT (DATE) US-ASCII ALL\r\n")
    octets = answers(folder, b"".join(commands))
    data = fetched(octets)
    for number, name in enumerate(names):
        mail, their = wire[number], data[number + 1]
        _compare_data(comparison, name, mail, their, found[number])
        root = decode_parts(found[number].parts)
        for item, section in asked[number]:
            theirs = their.get(item)
            comparison.compare(name, item.decode(), mail, theirs, ours(mail, root, section))
    _compare_order(comparison, octets, found)
    return comparison


def _compare_data(
    comparison: Comparison, name: str, mail: bytes, theirs: dict[bytes, Value], our: Summary
) -> None:
    comparison.compare(name, "RFC822.SIZE", mail, theirs[b"RFC822.SIZE"], our.size)
    envelope, their_envelope = replies.read(our.envelope), theirs[b"ENVELOPE"]
    replies.check_envelope(envelope)
    assert isinstance(envelope, list) and isinstance(their_envelope, list)
    for field, one, other in zip(ENVELOPE, their_envelope, envelope, strict=True):
        comparison.compare(name, f"ENVELOPE {field}", mail, one, other)
    for item, octets in ((b"BODY", our.body), (b"BODYSTRUCTURE", our.body_structure)):
        value = replies.read(octets)
        replies.check_body(value, extended=item != b"BODY")
        comparison.compare(name, item.decode(), mail, lower(theirs[item]), lower(value))


def _compare_order(comparison: Comparison, octets: bytes, found: list[Summary]) -> None:
    """SORT (DATE): the dates in Dovecot's order must not fall. It takes INTERNALDATE for many that
    we can read, so only those are compared that follow the grammar."""
    match = re.search(rb"\* SORT ([0-9 ]+)\r\n", octets)
    numbers = [int(each) for each in match[1].split()] if match else []
    dates = [(number, found[number - 1].sent) for number in numbers]
    known = [
        (number, sent.seconds)
        for number, sent in dates
        if sent is not None and _PLAIN_DATE.match(found[number - 1].envelope)
    ]
    comparison.compared += len(known)
    for (number, at), (other, later) in pairwise(known):
        if later < at:
            detail = f"{number} {at} comes before {other} {later}"
            comparison.found["SORT (DATE): UNEXPLAINED"].append(detail)


def main() -> int:
    """Compare the mails of a folder, and print each kind of difference."""
    reader = argparse.ArgumentParser(prog="python -m tests.long.imap_content", description=__doc__)
    reader.add_argument("folder", type=Path)
    reader.add_argument("--show", type=int, default=2, help="examples of each reason (2)")
    options = reader.parse_args()
    files = sorted(each for end in ("txt", "eml") for each in options.folder.rglob(f"*.{end}"))
    folder = Path(tempfile.mkdtemp(prefix="imap-content-"))
    try:
        mails = [each.read_bytes() for each in files]
        fill(folder, mails)
        comparison = compare_all([each.name for each in files], mails, folder)
    finally:
        shutil.rmtree(folder)
    print(f"{len(files)} mails, {comparison.compared} answers compared")
    for kind, found in sorted(comparison.found.items()):
        print(f"{len(found):6} {kind}")
        for each in found[: options.show]:
            print(f"    {each}")
    return 1 if any(kind.endswith("UNEXPLAINED") for kind in comparison.found) else 0


if __name__ == "__main__":
    sys.exit(main())
