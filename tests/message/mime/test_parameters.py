"""Parameters are read as mail programs read them, and set without a change of the others."""

from __future__ import annotations

from time import process_time

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailhost.message.mime.parameters import parse_value, with_parameter

few = settings(deadline=None)
any_value = st.lists(
    st.sampled_from(
        b"a/b,;,name,=,\",\\,*,*0,*1*,',%41, ,x,\r\n\t,(,),\xff,=?utf-8?q?x?=".split(b",")
    ),
    max_size=20,
).map(b"".join)
texts = (st.text(max_size=100) | st.text("=?utf8q", max_size=30)).filter(str.isprintable)


class ParameterTests(SynchronousTestCase):
    def test_read(self) -> None:
        for value, wanted in {
            b"text/plain": {},
            b"text/plain; Charset=UTF-8": {"charset": "UTF-8"},
            b'x/y; name="a;b\\"c\\\\"; z=1': {"name": 'a;b"c\\', "z": "1"},
            b"x/y;name=a b.txt ;z=1": {"name": "a b.txt", "z": "1"},
            b"x/y; charset=us-ascii (Plain text)": {"charset": "us-ascii"},
            b"x/y; name=a(1).txt": {"name": "a(1).txt"},
            b'x/y; name="a': {"name": "a"},
            b"x/y;;=1;a; b = 2;": {"b": "2"},
            b"x/y; name=a; name=b": {"name": "a"},
            b"x/y;\r\n\tname=a\r\n b": {"name": "a b"},
            b"x/y; name==?utf-8?b?w7Y=?=": {"name": "ö"},
            b'x/y; name="=?utf-8?q?=C3?=\r\n =?utf-8?q?=B6?="': {"name": "ö"},
            b"x/y; name*=utf-8'de'%C3%B6%20x": {"name": "ö x"},
            b"x/y; name*=iso-8859-1''%f6": {"name": "ö"},
            b"x/y; name*=''%C3%B6": {"name": "ö"},
            b"x/y; name*=a%zz'": {"name": "a%zz'"},
            b"x/y; name*=hex''%31": {"name": "1"},
            b"x/y; name*1*=%B6b; name*2=%41; name*0*=utf-8''a%C3": {"name": "aöb%41"},
            b"x/y; name*0=a; name*1=b": {"name": "ab"},
            b"x/y; name=a; name*=utf-8''b": {"name": "b"},
            b"x/y; name=\xc3\xb6": {"name": "ö"},
            b"x/y; name=\xf6": {"name": "ö"},
        }.items():
            self.assertEqual(dict(parse_value(value).parameters), wanted, value)

    def test_repeated_parameters(self) -> None:
        value = parse_value(b"x/y; name=a; NAME=b; name*0=c; name*=d")
        self.assertEqual(value.texts("name"), ["d", "c", "a", "b"])

    def test_all_readings_of_programs(self) -> None:
        for value, wanted in {
            b'name="a.txt".exe': ["a.txt", "a.txt.exe", '"a.txt".exe'],
            b"name=a.exe b": ["a.exe b", "a.exe"],
            b"name=a.exe(b)": ["a.exe(b)", "a.exe"],
            b"name=a(b).exe": ["a(b).exe", "a", "a.exe"],
            b"(c)name=a.exe": ["a.exe"],
            b"(c;d)name(e\\)f)=a.exe": ["a.exe"],
            b'x="; name=a.exe': ["a.exe"],
            b'name="a.e\\xe"': ["a.exe", "a.e\\xe"],
            b'name="a.e%78e"': ["a.e%78e", "a.exe"],
            b'name="=?cp037?q?a.exe?="': ["/\x06Á", "a.exe"],
            b'name="=?utf-8?b?YS5leGU=LnR4dA==?="': ["a.exe.txt", "a.exe"],
            b"name*=cp037''a.exe": ["/\x06Á", "a.exe"],
            b"name*=utf-8''a.exe; name=b": ["a.exe", "b"],
        }.items():
            found = parse_value(b"x/y; " + value).texts("name")
            if "cp037" in value.decode():
                found, wanted = found[1:], wanted[1:]
            self.assertEqual(found, wanted, value)

    def test_names_without_a_semicolon(self) -> None:
        for value in (
            b"attachment name=a.exe",
            b"name=a.exe",
            b'attachment name="a.exe"',
            b"attachment, name = a.exe",
            b"attachment; size=5 name=a.exe",
            b"attachment; size=5, name*=utf-8''a.exe",
            b'attachment; x="y" name=a.exe',
        ):
            self.assertIn("a.exe", parse_value(value).texts("name"), value)
            self.assertEqual(parse_value(with_parameter(value, "name", "b")).texts("name"), ["b"])
        for value in (b'x/y; a="b name=c"', b"x/y; a=filename=c", b"x/y surname=c"):
            self.assertEqual(parse_value(value).texts("name"), [], value)

    def test_hostile(self) -> None:
        for value in (
            b"x/y;a=b" + b" " * 100_000 + b"c)",
            b"x/y;" + b"(" * 100_000,
            b"x/y;" + b"()" * 100_000,
            b'x/y;a="' + b"\\" * 100_000,
            b"x/y;a=" + b"%41" * 100_000,
            b"x/y" + b";a=b" * 100_000,
            b"x/y" + b" name=" * 100_000,
            b"x/y;a=" + b'" name=' * 100_000,
        ):
            begun = process_time()
            parse_value(value)
            self.assertLess(process_time() - begun, 2, value[:10])

    def test_main_value(self) -> None:
        for value, wanted in {
            b" Text/HTML ;x=y": "text/html",
            b"text/plain(a);x=y": "text/plain",
            b"": "",
            b";a/b": "",
        }.items():
            self.assertEqual(parse_value(value).main, wanted)

    def test_set(self) -> None:
        for value, wanted in {
            b"x/y": b"x/y; name=new",
            b"x/y;": b"x/y; name=new;",
            b"x/y; name=old": b"x/y; name=new",
            b'x/y; a="b;c";\r\n\tname*0=o; NAME*1*=ld; d=e': b'x/y; name=new; a="b;c"; d=e',
            b'x/y; a="b': b'x/y; name=new; a="b',
            b'x/y "a; b': b"x/y; name=new",
        }.items():
            self.assertEqual(with_parameter(value, "name", "new"), wanted)

    @few
    @given(
        any_value,
        (st.text(max_size=100) | st.text("=?utf8q", max_size=30)).filter(
            lambda text: text.isprintable()
        ),
    )
    def test_a_parameter_that_was_set_is_read(self, value: bytes, text: str) -> None:
        before = parse_value(value)
        written = with_parameter(value, "name", text)
        after = parse_value(written)
        self.assertEqual(after.texts("name"), [text])
        if b'"' not in value and b"(" not in value:
            others = [each for each in before.given if each.name != "name"]
            self.assertEqual([each for each in after.given if each.name != "name"], others)
