"""Checks that the tags in a filter's `when` and `unless` are left by other filters, and in time.

A filter is asked at stages of SMTP, and sees the tags that were left at earlier stages, or at the
same stage by filters before it. Milters leave no tags. A filter of the operator's own code may
leave any tag at any stage, so where there is one, no tag is reported as missing.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from mailhost.config.filters.authenticity import JUNK, TAGS, Authenticity
from mailhost.config.filters.block import (
    Attachment,
    CountBy,
    DNSList,
    Greylist,
    List,
    Match,
    Rate,
    Size,
)
from mailhost.config.filters.common import Acting, Action, Filter, LookAt
from mailhost.config.filters.edit import Disclaimer, Header, Rewrite, Strip, Subject
from mailhost.config.filters.monitor import Journal
from mailhost.config.filters.outside import Python
from mailhost.config.problems import Problem, key_of
from mailhost.interfaces.verdict import Stage

ALL = tuple(Stage)
BY_LOOK_AT = {
    LookAt.CLIENT: Stage.CONNECTED,
    LookAt.HELLO: Stage.HELLO,
    LookAt.SENDER: Stage.SENDER,
    LookAt.RECIPIENT: Stage.RECIPIENT,
}
STAGES: dict[type[Filter], Sequence[Stage]] = {
    Attachment: (Stage.MESSAGE,),
    Authenticity: (Stage.MESSAGE,),
    Disclaimer: (Stage.MESSAGE,),
    DNSList: (Stage.RECIPIENT,),
    Greylist: (Stage.RECIPIENT,),
    Header: (Stage.MESSAGE,),
    Journal: (Stage.MESSAGE,),
    Match: (Stage.MESSAGE,),
    Rewrite: (Stage.SENDER, Stage.RECIPIENT),
    Size: (Stage.SENDER, Stage.MESSAGE),
    Strip: (Stage.MESSAGE,),
    Subject: (Stage.MESSAGE,),
}
# stages that a client may come to again: tags that were left there the first time are still known
REPEATED = (Stage.HELLO, Stage.RECIPIENT)


def stages_of(settings: Filter) -> Sequence[Stage]:
    """Return the stages at which a filter with these settings is asked; all stages if this depends
    on its code."""
    if isinstance(settings, List):
        return (BY_LOOK_AT[settings.look_at],)
    if isinstance(settings, Rate):
        by_recipient = settings.count_by is CountBy.RECIPIENT
        return (Stage.RECIPIENT,) if by_recipient else (Stage.SENDER,)
    return STAGES.get(type(settings), ALL)


def check_tags(filters: Sequence[Filter]) -> Iterator[Problem]:
    """Yield tags that are never left, or left too late, and filters that can never be asked."""
    own_code = any(isinstance(each, Python) for each in filters)
    for number, each in enumerate(filters):
        if each.when and set(each.when) <= set(each.unless):
            text = "can never match: all of its tags are in unless too"
            yield Problem(key_of(("filter", number, "when")), text)
        elif not own_code:
            yield from _check_each(filters, number)


def _check_each(filters: Sequence[Filter], number: int) -> Iterator[Problem]:
    each = filters[number]
    known = frozenset().union(*map(_tags, filters))
    for name in ("when", "unless"):
        if name not in each.model_fields_set:
            continue  # the default of greylisting
        late = []
        for place, tag in enumerate(getattr(each, name)):
            key = key_of(("filter", number, name, place))
            if tag not in known:
                there = f"known: {', '.join(sorted(known))}" if known else "there are no tags"
                yield Problem(key, f"no filter leaves the tag {tag!r}; {there}")
                continue
            text = _too_late(filters, number, tag)
            if text:
                late.append(Problem(key, text))
        if name == "unless" or len(late) == len(each.when):  # of `when`, one tag is enough
            yield from late


def _too_late(filters: Sequence[Filter], number: int, tag: str) -> str:
    """Return the reason why the filter never sees this tag, empty if it may see the tag."""
    leaving = [place for place, each in enumerate(filters) if tag in _tags(each)]
    here = [place for place in leaving if _meet(filters[place], filters[number])]
    if not here:
        return f"filter[{leaving[0] + 1}] leaves {tag!r} for other listeners only"
    if any(_in_time(filters, place, number) for place in here):
        return ""
    if here == [number]:
        return f"only this filter itself leaves {tag!r}"
    first = next(place for place in here if place != number)
    if min(stages_of(filters[first])) == max(stages_of(filters[number])):
        return f"filter[{first + 1}] leaves {tag!r} after this one; put it before"
    return f"filter[{first + 1}] leaves {tag!r} at a later stage than this filter is asked at"


def _in_time(filters: Sequence[Filter], first: int, second: int) -> bool:
    """True if the second filter sees the tags of the first."""
    return first != second and any(
        left < seen or (left == seen and (first < second or seen in REPEATED))
        for left in stages_of(filters[first])
        for seen in stages_of(filters[second])
    )


def _meet(one: Filter, other: Filter) -> bool:
    """True if both filters are used for the same protocol."""
    return not one.listeners or not other.listeners or bool({*one.listeners} & {*other.listeners})


def _tags(each: Filter) -> frozenset[str]:
    """Return the tags that a filter may leave."""
    if isinstance(each, Authenticity):
        return TAGS | {JUNK}
    leaves = isinstance(each, Acting) and each.action is Action.TAG and each.tag
    return frozenset([each.tag]) if leaves and isinstance(each, Acting) else frozenset()
