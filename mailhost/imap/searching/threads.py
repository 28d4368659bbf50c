"""THREAD=ORDEREDSUBJECT and THREAD=REFERENCES (RFC 5256 §3), without recursion.

Messages come in one after another, so that what they refer to need not be in memory at once. The
time is nearly linear in the number of messages and references, whatever strangers write there: a
loop is found by sets that are joined (union-find), and of many references few are looked at.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from mailhost.imap.grammar.response_message import ThreadNode

REFERENCES_OF_EACH = 10  # that are looked at, of all messages on the average
NO_PARENT = -1


class ThreadMessage(NamedTuple):
    """The data that THREAD needs of a message: the number to be answered, seconds since 1970, its
    base subject, whether it is a reply, and identifiers, those of References divided by blanks."""

    number: int
    sent: int
    subject: str
    is_reply: bool = False
    message_id: str = ""
    references: str = ""


def by_subject(messages: Iterable[ThreadMessage]) -> list[ThreadNode]:
    """Return the threads of ORDEREDSUBJECT: the first message of each subject, and the others as
    its children."""
    groups: dict[str, list[ThreadMessage]] = {}
    for message in sorted(messages, key=lambda each: (each.sent, each.number)):
        groups.setdefault(message.subject, []).append(message)
    return [
        ThreadNode(first.number, [ThreadNode(each.number) for each in others])
        for first, *others in groups.values()
    ]


class ReferenceThreads:
    """Makes the threads of REFERENCES: `add` each message in the order of their numbers, then
    `threads`. A node is the place of a message or of an identifier that no message has."""

    def __init__(self) -> None:
        self._nodes: dict[str, int] = {}  # by identifier
        self._messages: list[ThreadMessage | None] = []  # by node
        self._parents = array("l")
        self._trees = array("l")  # for `_root`
        self._last = array("l")  # of each message with references: the message, the last of them
        self._links = array("l")  # older references: a child, its parent
        self._allowance = 0

    def add(self, message: ThreadMessage) -> None:
        """Take the next message."""
        node = self._node_of(message.message_id) if message.message_id else self._new()
        if self._messages[node] is not None:  # two with one identifier
            node = self._new()
        self._messages[node] = message._replace(references="", message_id="")
        references = message.references.split(" ") if message.references else []
        self._allowance += REFERENCES_OF_EACH
        taken = references[-max(self._allowance, 1) :]
        self._allowance -= len(taken)
        before = NO_PARENT
        for reference in taken:
            this = self._node_of(reference)
            if before != NO_PARENT:
                self._links.extend((this, before))
            before = this
        if before != NO_PARENT:
            self._last.extend((node, before))

    def _node_of(self, identifier: str) -> int:
        node = self._nodes.get(identifier)
        if node is None:
            node = self._nodes[identifier] = self._new()
        return node

    def _new(self) -> int:
        self._messages.append(None)
        self._parents.append(NO_PARENT)
        self._trees.append(len(self._trees))
        return len(self._trees) - 1

    def threads(self) -> list[ThreadNode]:
        """Return the threads. The parent that a message itself names is linked before those that
        other messages name (step 1 of the RFC)."""
        for links in (self._last, self._links):
            for at in range(0, len(links), 2):
                self._link(links[at], links[at + 1])
        roots = self._pruned()
        roots.sort(key=_Node.order)
        roots = _merged(roots)
        return _written(roots)

    def _link(self, child: int, parent: int) -> None:
        """Make one the parent of the other, unless that has a parent or it would be a loop: a child
        without a parent is the root of its tree."""
        if self._parents[child] != NO_PARENT:
            return
        root = self._root(parent)
        if root != child:
            self._parents[child] = parent
            self._trees[child] = root

    def _root(self, node: int) -> int:
        trees = self._trees
        while trees[node] != node:
            trees[node] = trees[trees[node]]
            node = trees[node]
        return node

    def _pruned(self) -> list[_Node]:
        """Return the roots (steps 2 and 3): a node without a message is replaced by its children,
        but for a root with several."""
        children: list[list[int]] = [[] for _ in self._parents]
        roots: list[int] = []
        for node, parent in enumerate(self._parents):
            (roots if parent == NO_PARENT else children[parent]).append(node)
        made: list[list[_Node]] = [[] for _ in self._parents]  # what stands in place of each node
        for node in reversed(_parents_first(roots, children)):
            inside = [each for child in children[node] for each in made[child]]
            for child in children[node]:
                made[child] = []
            message = self._messages[node]
            made[node] = inside if message is None else [_Node(message, inside)]
        found: list[_Node] = []
        for root in roots:
            nodes = made[root]
            found += nodes if len(nodes) < 2 else [_Node(None, nodes)]
        return found


def _parents_first(roots: Sequence[int], children: Sequence[Sequence[int]]) -> list[int]:
    """All nodes, each behind its parent."""
    order = list(roots)
    for node in order:  # it grows meanwhile
        order.extend(children[node])
    return order


@dataclass(slots=True, eq=False)
class _Node:
    """A message with its replies; None for one that is missing, which only roots are."""

    message: ThreadMessage | None
    replies: list[_Node] = field(default_factory=list)

    @property
    def first(self) -> ThreadMessage:
        """The message, or else its first reply: that of the earliest date."""
        if self.message is not None:
            return self.message
        found = min(self.replies, key=_Node.order).message
        assert found is not None
        return found

    def order(self) -> tuple[int, int]:
        """The key by which siblings are sorted."""
        first = self.first
        return first.sent, first.number


def _merged(roots: Sequence[_Node]) -> list[_Node]:
    """Merge the threads of one subject (step 5)."""
    table: dict[str, _Node] = {}
    for root in roots:
        subject = root.first.subject
        before = table.get(subject)
        if subject and (before is None or _goes_before(root, before)):
            table[subject] = root
    merged: dict[int, _Node] = {}
    for root in roots:
        subject = root.first.subject
        other = table.get(subject, root)
        if other is root:
            merged[id(root)] = root
        elif root.message is None and other.message is None:
            other.replies += root.replies
        elif other.message is None or (_is_reply(root) and not _is_reply(other)):
            other.replies.append(root)
        else:
            both = table[subject] = _Node(None, [other, root])
            merged.pop(id(other), None)
            merged[id(both)] = both
    # one that was put below another before its turn came
    below = {id(reply) for root in merged.values() for reply in root.replies}
    return [root for key, root in merged.items() if key not in below]


def _goes_before(root: _Node, before: _Node) -> bool:
    if before.message is None:
        return False
    return root.message is None or (_is_reply(before) and not _is_reply(root))


def _is_reply(root: _Node) -> bool:
    return root.message is not None and root.message.is_reply


def _written(roots: list[_Node]) -> list[ThreadNode]:
    """Sort the siblings (step 6), and return the nodes as they are answered."""
    roots.sort(key=_Node.order)
    found: list[ThreadNode] = []
    waiting = [(root, found) for root in reversed(roots)]
    while waiting:
        node, siblings = waiting.pop()
        replies: list[ThreadNode] = []
        siblings.append(ThreadNode(node.message.number if node.message else None, replies))
        node.replies.sort(key=_Node.order)
        waiting += [(reply, replies) for reply in reversed(node.replies)]
    return found
