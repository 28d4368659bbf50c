"""`[[filter]]`: what is wrong is told with its key and the remedy."""

from __future__ import annotations

from tests.config.filters.filter_case import FilterCase

PROXY = '[[listen]]\nprotocol = "proxy"\nendpoint = "tcp:0"\nupstream = "tcp:10.0.0.5:25"\n'


class BetweenTests(FilterCase):
    """Settings that do not go together."""

    def test_one_of_several_is_needed(self) -> None:
        for kind, key in (
            ("list", "entries"),
            ("attachment", "names"),
            ("strip", "names"),
            ("header", "remove"),
            ("rewrite", "senders"),
            ("disclaimer", "text"),
            ("journal", "to"),
            ("python", "file"),
        ):
            self.wrong(f'kind = "{kind}"', f"filter[1].{key}: is missing; write it, or ")

    def test_one_of_two_is_enough(self) -> None:
        both = 'to = "a@b.example"\nmaildir = "journal"'
        self.wrong(f'kind = "journal"\n{both}', "filter[1].maildir: is one too many")

    def test_tags(self) -> None:
        size = 'kind = "size"\nlimit = 1\n'
        self.wrong(f'{size}action = "tag"', "filter[1].tag: is missing")
        self.wrong(f'{size}tag = "x"', "filter[1].tag: is of no use here")
        self.wrong(f'{size}when = ["x"]', "filter[1].when[1]: no filter leaves the tag 'x'")
        self.load(f'{size}action = "tag"\ntag = "x"', f'{size}when = ["x"]')
        (self.folder / "own.py").write_text("")
        self.load('kind = "python"\nfile = "own.py"', f'{size}when = ["x"]')

    def test_names_are_given_once(self) -> None:
        size = 'kind = "size"\nlimit = 1\nname = "x"'
        [problem] = self.problems(size, size)
        self.assertIn("filter[2].name: 'x' is the name of filter[1] too", problem)

    def test_listeners_that_take_no_mail(self) -> None:
        listeners = 'listeners = ["smtp", "pop3"]'
        self.wrong(f'kind = "size"\nlimit = 1\n{listeners}', "listeners[2]: 'pop3' takes no mail")

    def test_entries(self) -> None:
        self.wrong('kind = "list"\nentries = ["10.0.0.0/8", "x"]', "filter[1].entries[2]: 'x' is ")
        (self.folder / "list").write_text("10.0.0.1\nnonsense\n")
        self.wrong('kind = "list"\nfile = "list"', "filter[1].file: ", "'nonsense'")
        self.load('kind = "list"\nlook_at = "hello"\nfile = "list"')

    def test_files_that_are_not_there(self) -> None:
        for kind, key in (("list", "file"), ("disclaimer", "text_file"), ("python", "file")):
            self.wrong(f'kind = "{kind}"\n{key} = "nothing"', f"filter[1].{key}: cannot read ")
        self.load('kind = "events"\nfile = "not/there/yet"')

    def test_a_text_that_is_not_utf8(self) -> None:
        (self.folder / "text").write_bytes(b"caf\xe9")
        self.wrong('kind = "disclaimer"\ntext_file = "text"', "is not UTF-8")

    def test_types_of_attachments(self) -> None:
        for kind in ("attachment", "strip"):
            self.load(f'kind = "{kind}"\ntypes = ["exe", "image/*"]')
            self.wrong(f'kind = "{kind}"\ntypes = ["virus"]', "filter[1].types[1]: 'virus' is no ")
            blind = f'kind = "{kind}"\ntypes = ["exe"]\nlook_inside = false'
            self.wrong(blind, "filter[1].types[1]: 'exe' is found from the content")

    def test_rewriting(self) -> None:
        self.wrong('kind = "rewrite"\nsenders = { "x" = "a@b.example" }', "filter[1].senders.x: ")

    def test_a_proxy_that_quarantines_needs_a_way_out(self) -> None:
        held = 'kind = "size"\nlimit = 1\naction = "quarantine"'
        self.wrong(held, "filter[1].action: needs a [[relay.route]]", more=PROXY)
        self.load(held, more=PROXY + '[[relay.route]]\nvia = "10.0.0.5:25"\n')
        self.load(held)
