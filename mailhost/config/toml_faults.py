"""Explains files that are not valid TOML: the line, the key on it, and the text to write instead.

tomllib reports the place where it stopped, in terms of the grammar of TOML. Most mistakes can be
seen in the line itself: a text without quotes, a colon in place of the equals sign, a table that
needs double brackets. A value is shown only if it cannot be a password.
"""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Collection

_PLACE = re.compile(r"line ([0-9]+)")
_KEY_VALUE = re.compile(r"\s*([^=\s][^=]*?)\s*=\s*(.*?)\s*")
_KEY = re.compile(r"""([A-Za-z0-9_.\s-]|"[^"]*"|'[^']*')+""")
_COLON = re.compile(r"\s*[\"']?([A-Za-z0-9_.-]+)[\"']?\s*:\s*(.+?)\s*")
_COMMENT = re.compile(r"#|\s(?://|;)")
_CURLY = re.compile("[\u00ab\u00bb\u2018-\u201f]")
_SWITCH = {"True": "true", "yes": "true", "on": "true", "False": "false", "no": "false"}
_SWITCH |= {"off": "false", "TRUE": "true", "FALSE": "false", "Yes": "true", "No": "false"}
_BARE_ITEM = re.compile(r"[\[{,=]\s*(?![\s\"'\[\]{}#,]|true\b|false\b|[-+0-9]|[\w.-]+\s*=)")
_NUMBER = re.compile(r"[-+]?[0-9]+(\.[0-9]+)?")
_ONLY_COMMENTS = "after the value only a comment may stand, which begins with #"
_OPEN = "a closing quote, ] or } is missing somewhere before"


def explained(text: str, error: tomllib.TOMLDecodeError, several: Collection[str]) -> str:
    """Return the mistake in `text`, which tomllib refused with `error`, and the remedy.

    `several` are the tables that may occur more than once, such as `relay.route`.
    """
    place = _PLACE.search(str(error))
    lines = text.split("\n")
    if not place or int(place[1]) > len(lines):
        return f"is no TOML at the end, line {len(text.splitlines())}: {_OPEN} ({error})"
    number = int(place[1])
    key, explanation = _of_line(lines[number - 1].strip(), str(error), several)
    return f"line {number}{f', {key}' if key else ''}: {explanation}"


def _of_line(line: str, error: str, several: Collection[str]) -> tuple[str, str]:
    """Return the key on a line, empty for none, and the fault."""
    if "\u00a0" in line:
        return "", "write plain blanks; there is a no-break space"
    if line.startswith("[") and not error.startswith("Unclosed array"):
        return "", _of_table(line, error, several)
    if line.startswith((";", "//", "--", "/*")):
        return "", "a comment begins with #"
    found = _KEY_VALUE.fullmatch(line)
    if error.startswith("Unclosed array") and not (found and found[2].startswith(("[", "{"))):
        return "", "a comma or a closing ] is missing before it"
    if found and _KEY.fullmatch(found[1]):
        return found[1], _of_value(found[1], found[2], error)
    colon = _COLON.fullmatch(line)
    if colon:
        return colon[1], f"write an equals sign, {_pair(colon[1], colon[2])}"
    if found:
        return found[1], "a key of other than letters, digits, _ and - stands in quotes"
    return "", f"this is no key = value, and a comment begins with # ({error})"


def _of_table(line: str, error: str, several: Collection[str]) -> str:
    name = line.split("#")[0].strip().strip("[] ")
    if "twice" in error or "overwrite" in error:
        if name in several:
            return f"there may be several; write [[{name}]], in double brackets, above each"
        return f"[{name}] is there already; put its lines together under one"
    if name.startswith("domain.") and '"' not in name and name != "domain.":
        return f'write the name of a domain in quotes, [domain."{name.removeprefix("domain.")}"]'
    return f'a table is written [limits], [[listen]] or [domain."example.com"]; this is {line}'


def _of_value(key: str, value: str, error: str) -> str:
    if "overwrite" in error or "twice" in error:
        return "is there already; remove one of them"
    if not value or value.startswith("#"):
        return "has no value; write one, or a # in front of the key"
    if _CURLY.search(value[0]):
        return f"write straight quotes, {_pair(key, _CURLY.sub('', value))}"
    if value[0] in "\"'":
        return _of_text(key, value)
    if value[0] in "[{":
        return _of_list(value, error)
    if value[0] == "=":
        return "write one equals sign"
    word = _COMMENT.split(value)[0].rstrip(" ;")
    if word in _SWITCH:
        return f"write {key} = {_SWITCH[word]}"
    if _NUMBER.fullmatch(word) or word in _SWITCH.values():
        return _ONLY_COMMENTS
    return f"a text stands in quotes; write {_pair(key, word)}"


def _of_text(key: str, value: str) -> str:
    quote, body = value[0], value[1:]
    if quote not in body:
        return f"its closing {quote} is missing"
    if quote == '"' and "\\" in body:
        return "a backslash means something in double quotes; write the text in single quotes"
    return _ONLY_COMMENTS


def _of_list(value: str, error: str) -> str:
    if _BARE_ITEM.search(value):
        return "texts stand in quotes, in [ ] and { } too"
    if value.startswith("{"):
        return "write { } and all in it on one line, with commas between and none at the end"
    return "a comma or a closing ] is missing" if "]" in value else _OPEN.replace("before", "here")


def _pair(key: str, value: str) -> str:
    """Return `key = "value"`, without the value if it may be a secret."""
    if "password" in key.lower() or "secret" in key.lower():
        return f'{key} = "..."'
    text = value.strip("\"'")
    shown = f"'{text}'" if "\\" in text else json.dumps(text, ensure_ascii=False)
    return f"{key} = {shown}"
