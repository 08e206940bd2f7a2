"""The merge algebra: who is one person is a fold of an append-only list of assertions about source records.

Nothing here is stored or edited in place. The same assertions give the same identities whatever the order in
which they are handed over (their ledger position counts, not their place in the list), and taking one back
gives exactly what would stand without it. A new kind of assertion is one more class and one more step at the
head of `fold`.

The table of memberships is rebuilt from `Partition.membership` alone. `suspended`, `not_same` and `bars` are
there to be checked: what the flows keep apart by reading a few rows must be what the whole log keeps apart.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

Pair = frozenset[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """Source records `record_a` and `record_b` are one person. `manual`: a person says so, not a model."""

    assertion_id: str
    position: int
    record_a: str
    record_b: str
    manual: bool

    def __post_init__(self) -> None:
        _two(self.record_a, self.record_b)

    @property
    def pair(self) -> Pair:
        """Both records, without order."""
        return frozenset((self.record_a, self.record_b))


@dataclass(frozen=True, slots=True, kw_only=True)
class NotSame:
    """Source records `record_a` and `record_b` are two people, until a person retracts this."""

    assertion_id: str
    position: int
    record_a: str
    record_b: str

    def __post_init__(self) -> None:
        _two(self.record_a, self.record_b)

    @property
    def pair(self) -> Pair:
        """Both records, without order."""
        return frozenset((self.record_a, self.record_b))


@dataclass(frozen=True, slots=True, kw_only=True)
class Retract:
    """Assertion `retracts` no longer counts. A retraction is never itself retracted: what was right is said
    anew.
    """

    assertion_id: str
    position: int
    retracts: str


Assertion = Link | NotSame | Retract


@dataclass(frozen=True, slots=True, kw_only=True)
class Minted:
    """`record_id` brought identity id `identity_id` into the world at ledger position `position`."""

    identity_id: str
    record_id: str
    position: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """One person as far as we know: `records` in sorted order.

    `identity_id` is the oldest id that its records minted, None when none of them has minted one yet (the
    entry that separated it must). `retired` are the younger ids: they answer with this identity while its
    links stand.
    """

    identity_id: str | None
    records: tuple[str, ...]
    retired: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Partition:
    """What the assertions amount to.

    `identities` in the order of their first record. `suspended` links would put a not-same pair into one
    identity: they wait, in ledger order, and join again when the not-same goes. `not_same` pairs stand.
    `bars` are the ends of retracted links that are in two identities today: no automatic link may bring the
    two together.
    """

    identities: tuple[Identity, ...]
    suspended: tuple[Link, ...]
    not_same: frozenset[Pair]
    bars: frozenset[Pair]
    _of: dict[str, Identity] = field(repr=False, compare=False)

    def identity_of(self, record_id: str) -> Identity:
        """The identity that holds `record_id`; KeyError for a record that was not folded."""
        return self._of[record_id]

    @property
    def membership(self) -> tuple[tuple[str, str | None], ...]:
        """(record id, identity id) of every record, sorted."""
        return tuple((record, self._of[record].identity_id) for record in sorted(self._of))


def fold(
    *, records: Iterable[str], minted: Iterable[Minted] = (), assertions: Iterable[Assertion] = ()
) -> Partition:
    """The identities that `assertions` amount to over `records`.

    Retracted entries are dropped; every standing not-same is a constraint whatever its date; links join in
    order, manual before automatic and then by ledger position, unless they would put a not-same pair
    together. ValueError for a log that no flow can have written: an unknown record, or the retraction of
    nothing or of a retraction.
    """
    told = sorted(assertions, key=lambda assertion: assertion.position)
    retracted = _retracted(told)
    standing = [a for a in told if not isinstance(a, Retract) and a.assertion_id not in retracted]
    not_same = frozenset(a.pair for a in standing if isinstance(a, NotSame))
    components = _Components(records, not_same)
    links = sorted(
        (a for a in standing if isinstance(a, Link)), key=lambda link: (not link.manual, link.position)
    )
    suspended = [link for link in links if not components.join(link.record_a, link.record_b)]

    ids: dict[str, list[Minted]] = {}
    for one in sorted(minted, key=lambda one: (one.position, one.identity_id)):
        ids.setdefault(components.root(one.record_id), []).append(one)
    of: dict[str, Identity] = {}
    for root, members in components.members.items():
        oldest_first = [one.identity_id for one in ids.get(root, ())]
        identity = Identity(
            identity_id=oldest_first[0] if oldest_first else None,
            records=tuple(sorted(members)),
            retired=tuple(oldest_first[1:]),
        )
        of.update(dict.fromkeys(members, identity))
    taken_back = (a.pair for a in told if isinstance(a, Link) and a.assertion_id in retracted)
    return Partition(
        identities=tuple(sorted({id(one): one for one in of.values()}.values(), key=lambda one: one.records)),
        suspended=tuple(sorted(suspended, key=lambda link: link.position)),
        not_same=not_same,
        bars=frozenset(pair for pair in taken_back if len({id(of[record]) for record in pair}) == 2),
        _of=of,
    )


def _two(record_a: str, record_b: str) -> None:
    if record_a == record_b:
        raise ValueError("an assertion is about two records")


def _retracted(assertions: Iterable[Assertion]) -> set[str]:
    """Ids of what is taken back; ValueError where that is nothing, or itself a retraction."""
    told = list(assertions)
    may_go = {a.assertion_id for a in told if not isinstance(a, Retract)}
    gone = {a.retracts for a in told if isinstance(a, Retract)}
    if not gone <= may_go:
        raise ValueError("a retraction takes back a link, a not-same or a split, and nothing else")
    return gone


class _Components:
    """Disjoint sets of records that refuse to bring a not-same pair together; the smaller set moves."""

    def __init__(self, records: Iterable[str], not_same: Iterable[Pair]) -> None:
        self._root = {record: record for record in records}
        self.members = {record: {record} for record in self._root}
        self._foes: dict[str, set[str]] = {record: set() for record in self._root}
        for record_a, record_b in not_same:
            self._known(record_a, record_b)
            self._foes[record_a].add(record_b)
            self._foes[record_b].add(record_a)

    def root(self, record_id: str) -> str:
        """The record that stands for the set of `record_id`."""
        self._known(record_id)
        return self._root[record_id]

    def join(self, record_a: str, record_b: str) -> bool:
        """False, and no change, when a not-same pair stands between the two sets."""
        small, large = self.root(record_a), self.root(record_b)
        if small == large:
            return True
        if not self._foes[small].isdisjoint(self.members[large]):
            return False
        if len(self.members[small]) > len(self.members[large]):
            small, large = large, small
        for record in self.members[small]:
            self._root[record] = large
        self.members[large] |= self.members.pop(small)
        self._foes[large] |= self._foes.pop(small)
        return True

    def _known(self, *records: str) -> None:
        for record in records:
            if record not in self._root:
                raise ValueError("an assertion names a record that is not there")
