"""Where addresses lead, as a table; and who may send as whom."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from twisted.trial.unittest import SynchronousTestCase

from mailhost.interfaces.accounts import DirectoryView
from mailhost.interfaces.route_steps import StepRule
from mailhost.message.address import Address, parse_address
from mailhost.message.status import Status
from mailhost.routing import (
    LOOP,
    MOST_DESTINATIONS,
    NAMES_IN_A_ROW,
    NO_POSTMASTER,
    NO_SUCH_USER,
    TOO_MANY,
    Destinations,
    Reach,
    Router,
    Routes,
    whole,
)
from tests.fakes import (
    CountingDict,
    Pauses,
    address,
    domain,
    list_of,
    look_ups,
    now,
    view_of,
)

ADMIN = address("ann@a.example")
ROUTER = Router("mail.host.example", ADMIN)
NO_ADMIN = Router("mail.host.example")

VIEW = view_of(
    domain(
        "a.example",
        "ann bob Carol dora+lists postmen",
        {
            "one": "ann",
            "team": "ann bob sue@far.example",
            "far": "sue@far.example sam@far.example",
            "carol": "carol bob",
            "everybody": "team one carol",
            "left": "below",
            "right": "below",
            "diamond": "left right",
            "below": "bob",
            "twice": "moved also-moved",
            "moved": "bob",
            "also-moved": "moved",
            "postmen": "bob",
            "both-postmen": "postmen again",
            "again": "postmen",
            "a-loop": "b-loop",
            "b-loop": "a-loop",
            "half-loop": "a-loop ann",
            "half-unknown": "ann nobody",
            "nobodies": "nobody nobody-else",
            "lost": "nobody a-loop",
            "dora": "bob",
            "tagged": "ann+tag",
            "to-tag": "to-tag+x",
            "over": "kit@b.example",
            "empty": "",
        },
    ),
    domain("b.example", "kit", catch_all="kit"),
    domain("c.example", "eve", {"abuse": "eve"}, catch_all="nobody"),
    domain("d.example", "postmaster", catch_all="sue@far.example"),
    domain("e.example", catch_all="eve@c.example"),
    also_example="a.example",
)


def led(found: Destinations | Status) -> str:
    """Where it leads, in words."""
    if isinstance(found, Status):
        return str(found)
    here = [
        str(place.address) if place.address == account else f"{place.address}={account}"
        for account, place in found.here.items()
    ]
    unknown = [f"?{each}" for each in found.unknown]
    return " ".join(here + [f">{each}" for each in found.elsewhere] + unknown)


class RouteTests(SynchronousTestCase):
    def check(self, cases: dict[str, str | Status], router: Router = ROUTER) -> None:
        for text, wanted in cases.items():
            self.assertEqual(led(router.route(VIEW, address(text))), str(wanted), text)

    def test_accounts_and_details(self) -> None:
        self.check(
            {
                "ann@a.example": "ann@a.example",
                "ANN@a.example": "ANN@a.example=ann@a.example",
                "ann+tag@a.example": "ann+tag@a.example=ann@a.example",
                "ann+@a.example": "ann+@a.example=ann@a.example",
                "ann+a+b@a.example": "ann+a+b@a.example=ann@a.example",
                "+ann@a.example": NO_SUCH_USER,
                "nobody@a.example": NO_SUCH_USER,
                "nobody+ann@a.example": NO_SUCH_USER,
                "ann@far.example": ">ann@far.example",
                "ann@[192.0.2.1]": ">ann@[192.0.2.1]",
            }
        )

    def test_an_account_comes_before_an_alias_without_the_detail(self) -> None:
        self.check(
            {
                "dora+lists@a.example": "dora+lists@a.example",
                "dora+else@a.example": "bob@a.example",
            }
        )

    def test_addresses_that_only_others_make(self) -> None:
        for text, wanted in {
            "Try..This.@b.example": "kit@b.example",
            "Kit+a..b@b.example": "Kit+a..b@b.example=kit@b.example",
            "Try..This.@far.example": ">Try..This.@far.example",
            '"Try..This."@far.example': '>"Try..This."@far.example',
            "try..this.@a.example": str(NO_SUCH_USER),
        }.items():
            found = ROUTER.route(VIEW, parse_address(text, lenient=True))
            self.assertEqual(led(found), wanted)

    def test_alias_domains(self) -> None:
        self.check(
            {
                "ann+x@also.example": "ann+x@also.example=ann@a.example",
                "team@also.example": "ann@a.example bob@a.example >sue@far.example",
                "nobody@also.example": NO_SUCH_USER,
            }
        )

    def test_aliases(self) -> None:
        self.check(
            {
                "one@a.example": "ann@a.example",
                "team@a.example": "ann@a.example bob@a.example >sue@far.example",
                "TEAM+tag@a.example": "ann@a.example bob@a.example >sue@far.example",
                "far@a.example": ">sue@far.example >sam@far.example",
                "tagged@a.example": "ann+tag@a.example=ann@a.example",
                "over@a.example": "kit@b.example",
                "empty@a.example": NO_SUCH_USER,
            }
        )

    def test_an_alias_that_holds_its_own_name_means_the_account(self) -> None:
        self.check({"carol@a.example": "carol@a.example=Carol@a.example bob@a.example"})

    def test_the_aliases_on_the_way_to_a_mailbox(self) -> None:
        aliases = {"list": "team x@b.example", "team": "ann"}
        view = view_of(domain("a.example", "ann", aliases), domain("b.example"))
        found = ROUTER.route(view, address("List@a.example"))
        assert isinstance(found, Destinations)
        (place,) = found.here.values()
        self.assertEqual(
            [str(each) for each in place.through], ["list@a.example", "team@a.example"]
        )

    def test_nested_aliases_and_diamonds_lead_to_each_place_once(self) -> None:
        self.check(
            {
                "everybody@a.example": "ann@a.example bob@a.example "
                "carol@a.example=Carol@a.example >sue@far.example",
                "diamond@a.example": "bob@a.example",
                "twice@a.example": "bob@a.example",
            }
        )

    def test_an_account_that_is_redirected_gets_nothing_however_often_it_is_met(self) -> None:
        self.check({"both-postmen@a.example": "bob@a.example"})

    def test_loops(self) -> None:
        self.check(
            {
                "a-loop@a.example": LOOP,
                "half-loop@a.example": "ann@a.example",
                "lost@a.example": NO_SUCH_USER,
                "to-tag@a.example": LOOP,
            }
        )

    def test_unknown_targets_are_named(self) -> None:
        self.check(
            {
                "half-unknown@a.example": "ann@a.example ?nobody@a.example",
                "nobodies@a.example": NO_SUCH_USER,
            }
        )

    def test_catch_all(self) -> None:
        self.check(
            {
                "anybody@b.example": "kit@b.example",
                "kit+x@b.example": "kit+x@b.example=kit@b.example",
                "anybody@d.example": ">sue@far.example",
                "anybody@e.example": "eve@c.example",
            }
        )

    def test_a_catch_all_that_nobody_has_is_a_loop(self) -> None:
        self.check({"anybody@c.example": LOOP, "eve@c.example": "eve@c.example"})

    def test_roles_of_their_own(self) -> None:
        for router in (ROUTER, NO_ADMIN):
            self.check(
                {
                    "postmaster@d.example": "postmaster@d.example",
                    "abuse@c.example": "eve@c.example",
                },
                router,
            )

    def test_the_admin_gets_what_roles_have_nobody_for(self) -> None:
        for name in ("a", "b", "e", "also"):
            for role in ("postmaster", "Abuse"):
                self.check({f"{role}@{name}.example": "ann@a.example"})

    def test_without_admin_the_catch_all_gets_it(self) -> None:
        self.check(
            {
                "postmaster@b.example": "kit@b.example",
                "abuse@d.example": ">sue@far.example",
                "postmaster@e.example": "eve@c.example",
            },
            NO_ADMIN,
        )

    def test_without_a_reader_a_role_is_deferred(self) -> None:
        self.assertEqual((NO_POSTMASTER.code, NO_POSTMASTER.enhanced), (451, "4.3.0"))
        self.check(
            {
                "postmaster@a.example": NO_POSTMASTER,
                "Abuse@also.example": NO_POSTMASTER,
                "postmaster@c.example": NO_POSTMASTER,  # its catch-all is nobody
                "postmaster": NO_POSTMASTER,
            },
            NO_ADMIN,
        )

    def test_an_admin_who_does_not_exist(self) -> None:
        gone = Router("mail.host.example", address("gone@a.example"))
        self.check(
            {
                "postmaster@b.example": NO_POSTMASTER,
                "gone@a.example": NO_POSTMASTER,
                "gone@far.example": ">gone@far.example",
                "postmaster": NO_POSTMASTER,
                "postmaster@d.example": "postmaster@d.example",
            },
            gone,
        )
        role = Router("mail.host.example", address("postmaster@a.example"))
        self.check({"postmaster@a.example": NO_POSTMASTER, "abuse@b.example": NO_POSTMASTER}, role)
        own = Router("mail.host.example", address("postmaster@d.example"))
        self.check({"abuse@a.example": "postmaster@d.example"}, own)

    def test_an_alias_to_a_role_without_a_reader_waits(self) -> None:
        aliases = {"team": "ann postmaster", "only": "abuse"}
        view = view_of(domain("a.example", "ann", aliases))
        found = NO_ADMIN.route(view, address("team@a.example"))
        assert isinstance(found, Destinations)
        self.assertEqual(found.waiting, [address("postmaster@a.example")])
        self.assertEqual(found.unknown, [])
        self.assertEqual(NO_ADMIN.route(view, address("only@a.example")), NO_POSTMASTER)

    def test_bare_postmaster_is_the_hosts_own(self) -> None:
        self.check({"postmaster": "ann@a.example", "PostMaster": "ann@a.example"})
        self.check({"postmaster": "postmaster@d.example"}, Router("d.example", ADMIN))
        self.check({"postmaster": "ann@a.example"}, Router("b.example", ADMIN))
        self.check({"postmaster": "ann@a.example"}, Router("mail.d.example", ADMIN))
        far = Router("mail.host.example", address("ops@far.example"))
        self.check({"postmaster": ">ops@far.example"}, far)

    def test_bare_postmaster_without_admin(self) -> None:
        """That of the nearest domain above the host's name, or of the only one."""
        self.check({"postmaster": NO_POSTMASTER}, NO_ADMIN)
        self.check({"postmaster": "postmaster@d.example"}, Router("mail.d.example"))
        self.check({"postmaster": "postmaster@d.example"}, Router("a.b.d.example"))
        self.check({"postmaster": NO_POSTMASTER}, Router("mail.a.example"))
        view = view_of(domain("z.example", "postmaster"))
        self.assertEqual(led(NO_ADMIN.route(view, address("postmaster"))), "postmaster@z.example")

    def test_a_host_without_domains_sends_no_postmaster_away(self) -> None:
        empty = DirectoryView()
        self.assertEqual(NO_ADMIN.route(empty, address("postmaster")), NO_POSTMASTER)
        self.assertEqual(led(ROUTER.route(empty, address("postmaster"))), ">ann@a.example")

    def test_addresses_for_dmarc_reports(self) -> None:
        """They lead to a place of their own, also beside a catch-all, an alias or an account."""
        names = ("dmarc", "ann", "one")
        router = replace(ROUTER, reports=frozenset(("a.example", name) for name in names))
        view = VIEW
        for name in names:
            found = router.route(view, address(f"{name}@a.example"))
            assert isinstance(found, Destinations)
            self.assertEqual([address(f"{name}@a.example")], list(found.here))
        account = router.account_of(view, address("DMARC+detail@a.example"))
        self.assertEqual(address("dmarc@a.example"), account and account.address)
        self.assertEqual(NO_SUCH_USER, ROUTER.route(view, address("dmarc@a.example")))

    def test_addresses_for_dmarc_reports_beside_a_catch_all(self) -> None:
        """All names of a catch-all have the same destinations, but for these addresses."""
        view = view_of(domain("c.example", "ann", catch_all="ann"))
        router = replace(ROUTER, reports=frozenset({("c.example", "dmarc")}))
        names = ("any@c.example", "dmarc@c.example", "DMARC+x@c.example", "other@c.example")
        for recipients in (names, names[::-1]):
            routes = Routes(router, view, Pauses())
            found = {name: led(now(routes.route(address(name)))) for name in recipients}
            places = {name: text.lower() for name, text in found.items()}
            self.assertEqual("ann@c.example", places["any@c.example"])
            self.assertEqual("ann@c.example", places["other@c.example"])
            self.assertIn("dmarc", places["dmarc@c.example"])
            self.assertIn("dmarc", places["DMARC+x@c.example"])

    def test_what_is_expanded(self) -> None:
        for text, wanted in {"ann": False, "one": False, "team": True, "everybody": True}.items():
            found = ROUTER.route(VIEW, Address(text, "a.example"))
            assert isinstance(found, Destinations)
            self.assertEqual(found.expanded, wanted, text)

    def test_a_chain_of_any_length(self) -> None:
        links = {f"l{number}": f"l{number + 1}" for number in range(5000)}
        view = view_of(domain("a.example", "l5000", links))
        self.assertEqual(led(ROUTER.route(view, address("l0@a.example"))), "l5000@a.example")

    def test_too_many(self) -> None:
        far = " ".join(f"u{number}@far.example" for number in range(MOST_DESTINATIONS + 1))
        view = view_of(domain("a.example", "ann", {"all": far, "more": f"all {far}"}))
        self.assertEqual(ROUTER.route(view, address("all@a.example")), TOO_MANY)
        self.assertEqual(ROUTER.route(view, address("more@a.example")), TOO_MANY)


def unmarked(found: Destinations | Status) -> Destinations | Status:
    """The same without the aliases on the way: two addresses of a catch-all have those of one."""
    if isinstance(found, Status):
        return found
    here = {account: replace(place, through=()) for account, place in found.here.items()}
    return replace(found, here=here, elsewhere=dict.fromkeys(found.elsewhere, ()))


class RoutesTests(SynchronousTestCase):
    """Many recipients that mean the same list cost no more than one."""

    def setUp(self) -> None:
        self.pauses = Pauses()

    def routes(self, view: DirectoryView, router: Router = ROUTER) -> Routes:
        return Routes(router, view, self.pauses)

    def test_it_finds_what_the_router_finds(self) -> None:
        routes = self.routes(VIEW)
        locals_ = "ann ANN+x dora+lists team TEAM+x carol+y far a-loop nobody postmaster"
        for local in locals_.split():
            for name in ("a", "b", "c", "d", "e", "also", "far"):
                for _ in range(2):
                    written = address(f"{local}@{name}.example")
                    found = unmarked(now(routes.route(written)))
                    self.assertEqual(found, unmarked(ROUTER.route(VIEW, written)), written)
        self.assertEqual(led(now(routes.route(Address("postmaster", "")))), "ann@a.example")

    def test_a_list_is_followed_once_whatever_its_details(self) -> None:
        members = list_of(1000)
        routes = self.routes(view_of(members, also_example="a.example"))
        first = now(routes.route(address("list@a.example")))
        assert isinstance(first, Destinations)
        self.assertEqual(len(first.here), 1000)
        self.assertLess(look_ups(members), 10_000)
        for number in range(1000):
            for written in (f"List+{number}@a.example", f"list+{number}@also.example"):
                self.assertIs(now(routes.route(address(written))), first)
        self.assertLess(look_ups(members), 10_000)
        self.assertEqual(routes.weight, 1000)

    def test_a_catch_all_is_followed_once(self) -> None:
        members = list_of(1000)
        other = domain("b.example", catch_all="list@a.example")
        routes = self.routes(view_of(members, other))
        found = [now(routes.route(address(f"x{n}@b.example"))) for n in range(1000)]
        self.assertEqual(len({*map(id, found)}), 1)
        self.assertLess(look_ups(members), 10_000)

    def test_a_list_of_itself_with_details_is_followed_once(self) -> None:
        text = " ".join(f"list+{number}" for number in range(1000))
        members = replace(domain("a.example", "", {"list": text}), accounts=CountingDict())
        self.assertEqual(ROUTER.route(view_of(members), address("list@a.example")), LOOP)
        self.assertLess(look_ups(members), 10_000)

    def test_others_have_a_turn_between_the_parts_of_a_long_list(self) -> None:
        routes = self.routes(view_of(list_of(5 * NAMES_IN_A_ROW)))
        found = now(routes.route(address("list@a.example")))
        assert isinstance(found, Destinations)
        self.assertEqual(found.count, 5 * NAMES_IN_A_ROW)
        self.assertEqual(self.pauses.count, 5)

    def test_knows_is_false_for_aliases_that_were_not_followed(self) -> None:
        routes = self.routes(view_of(list_of(2, "other")))
        self.assertTrue(routes.knows(address("u1@a.example")))
        self.assertFalse(routes.knows(address("list@a.example")))
        now(routes.route(address("list@a.example")))
        self.assertTrue(routes.knows(address("list+x@a.example")))
        self.assertFalse(routes.knows(address("other@a.example")))

    def test_reach_follows_a_list_once(self) -> None:
        members = list_of(1000)
        view = view_of(members)
        reach = Reach(ROUTER, view, address("u1@a.example"))
        self.assertFalse(reach(address("u2@a.example")))
        self.assertFalse(reach(address("x@far.example")))
        look_ups(members)
        for number in range(100):
            self.assertTrue(reach(address(f"list+{number}@a.example")))
        self.assertLess(look_ups(members), 10_000)


def way(text: str, router: Router = ROUTER, passed: Sequence[str] = ()) -> list[str]:
    """The steps from an address, each as a text: the address, the rule, and its targets; with the
    name under which it was found where that differs."""
    steps = []

    def note(address: Address, rule: StepRule, name: Address, targets: Sequence[Address]) -> None:
        found = "" if name == address else f" as {name}"
        to = f" -> {' '.join(map(str, targets))}" if targets else ""
        steps.append(f"{address}: {rule}{found}{to}")

    whole(router.route_in_parts(VIEW, address(text), passed, note))
    return steps


class StepTests(SynchronousTestCase):
    """The steps that routing notes are those that it takes."""

    def test_mailboxes(self) -> None:
        self.assertEqual(["ann@a.example: mailbox"], way("ann@a.example"))
        self.assertEqual(
            ["Ann+x@also.example: mailbox as ann@a.example"], way("Ann+x@also.example")
        )

    def test_aliases(self) -> None:
        self.assertEqual(
            [
                "one+x@also.example: alias as one@a.example -> ann@a.example",
                "ann@a.example: mailbox",
            ],
            way("one+x@also.example"),
        )
        self.assertEqual(
            [
                "diamond@a.example: alias -> left@a.example right@a.example",
                "left@a.example: alias -> below@a.example",
                "below@a.example: alias -> bob@a.example",
                "bob@a.example: mailbox",
                "right@a.example: alias -> below@a.example",
                "below@a.example: again",
            ],
            way("diamond@a.example"),
        )

    def test_elsewhere_unknown_and_loops(self) -> None:
        self.assertEqual(["x@far.example: elsewhere"], way("x@far.example"))
        self.assertEqual(["nobody@a.example: unknown"], way("nobody@a.example"))
        self.assertEqual(
            [
                "a-loop@a.example: alias -> b-loop@a.example",
                "b-loop@a.example: alias -> a-loop@a.example",
                "a-loop@a.example: loop",
            ],
            way("a-loop@a.example"),
        )
        back = way("one@a.example", passed=["one@a.example"])
        self.assertEqual(["one@a.example: came back"], back)

    def test_catch_all_and_roles(self) -> None:
        self.assertEqual(
            ["any@b.example: catch-all -> kit@b.example", "kit@b.example: mailbox"],
            way("any@b.example"),
        )
        self.assertEqual(
            ["abuse@a.example: admin -> ann@a.example", "ann@a.example: mailbox"],
            way("abuse@a.example"),
        )
        self.assertEqual(["abuse@a.example: no reader"], way("abuse@a.example", NO_ADMIN))
        self.assertEqual(
            ["postmaster: bare postmaster -> ann@a.example", "ann@a.example: mailbox"],
            way("postmaster"),
        )
        reports = replace(ROUTER, reports=frozenset({("a.example", "dmarc")}))
        self.assertEqual(["dmarc@a.example: reports"], way("dmarc@a.example", reports))


class AccountTests(SynchronousTestCase):
    def test_the_account_an_address_names_itself(self) -> None:
        cases = {
            "ann@a.example": "ann@a.example",
            "Ann+x@also.example": "ann@a.example",
            "carol@a.example": "Carol@a.example",
            "dora+lists@a.example": "dora+lists@a.example",
            "abuse@a.example": "ann@a.example",
            "postmaster@d.example": "postmaster@d.example",
            "team@a.example": "None",
            "nobody@b.example": "None",
            "ann@far.example": "None",
        }
        for text, wanted in cases.items():
            account = ROUTER.account_of(VIEW, address(text))
            self.assertEqual(str(account and account.address), wanted, text)
        self.assertIsNone(NO_ADMIN.account_of(VIEW, address("abuse@a.example")))


class RightToSendTests(SynchronousTestCase):
    def check(self, account: str, yes: str, no: str) -> None:
        for text in yes.split():
            self.assertTrue(ROUTER.reaches(VIEW, address(text), address(account)), text)
        for text in no.split():
            self.assertFalse(ROUTER.reaches(VIEW, address(text), address(account)), text)

    def test_own_names_tags_aliases_and_alias_domains(self) -> None:
        self.check(
            "ann@a.example",
            "ann@a.example Ann+x@also.example one@a.example team@also.example tagged@a.example "
            "postmaster@a.example half-loop@a.example",
            "bob@a.example far@a.example nobody@a.example kit@b.example ann@b.example "
            "sue@far.example ann@far.example a-loop@a.example postmaster@d.example",
        )

    def test_the_catch_all_sends_as_anybody_whom_it_serves(self) -> None:
        self.check("kit@b.example", "any@b.example kit@b.example over@a.example", "any@a.example")

    def test_not_as_an_account_that_is_redirected_away(self) -> None:
        self.check("postmen@a.example", "", "postmen@a.example")
