"""The merge algebra keeps its promises for every log that up to seven records and fourteen assertions can
make.
"""

from __future__ import annotations

import json
import random
from collections.abc import Iterable
from dataclasses import replace
from itertools import combinations

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from mpi.rules.assertions import (
    Assertion,
    Link,
    Minted,
    NotSame,
    Pair,
    Partition,
    Retract,
    fold,
)

RECORDS = tuple("abcdefg")


def link(position: int, pair: str, *, manual: bool = False) -> Link:
    return Link(
        assertion_id=f"x{position}", position=position, record_a=pair[0], record_b=pair[1], manual=manual
    )


def not_same(position: int, pair: str) -> NotSame:
    return NotSame(assertion_id=f"x{position}", position=position, record_a=pair[0], record_b=pair[1])


def retract(position: int, of: int) -> Retract:
    return Retract(assertion_id=f"x{position}", position=position, retracts=f"x{of}")


def minted(records: str) -> tuple[Minted, ...]:
    """The older the letter, the older the id."""
    return tuple(Minted(identity_id=f"E{r}", record_id=r, position=-100 + ord(r) - ord("a")) for r in records)


@st.composite
def logs(draw: st.DrawFn, *, retractions: bool = True, contradictions: bool = True) -> list[Assertion]:
    """A log that flows could have written: only what stands is retracted, and a retraction never is."""
    log: list[Assertion] = []
    open_ids: list[int] = []
    for position in range(draw(st.integers(0, 14))):
        kinds = (
            ["link", "link"] + ["not_same"] * contradictions + ["retract"] * (retractions and bool(open_ids))
        )
        kind = draw(st.sampled_from(kinds))
        if kind == "retract":
            of = draw(st.sampled_from(open_ids))
            open_ids.remove(of)
            log.append(retract(position, of))
            continue
        pair = "".join(draw(st.lists(st.sampled_from(RECORDS), min_size=2, max_size=2, unique=True)))
        log.append(
            not_same(position, pair)
            if kind == "not_same"
            else link(position, pair, manual=draw(st.booleans()))
        )
        open_ids.append(position)
    return log


mints = st.sets(st.sampled_from(RECORDS)).map(lambda chosen: minted("".join(sorted(chosen))))


def as_bytes(state: Partition) -> bytes:
    """Everything that is derived from the log, as bytes."""
    return json.dumps(
        [
            [(i.identity_id, i.records, i.retired) for i in state.identities],
            [x.assertion_id for x in state.suspended],
            sorted(sorted(p) for p in state.not_same),
            sorted(sorted(p) for p in state.bars),
            state.membership,
        ]
    ).encode()


def naive_partition(log: list[Assertion]) -> set[frozenset[str]]:
    """The same fold written the slow, obvious way: try a link, look whether a not-same pair came together."""
    gone = {a.retracts for a in log if isinstance(a, Retract)}
    apart = [a.pair for a in log if isinstance(a, NotSame) and a.assertion_id not in gone]
    links = [a for a in log if isinstance(a, Link) and a.assertion_id not in gone]
    parts = [{r} for r in RECORDS]
    for one in [x for x in links if x.manual] + [x for x in links if not x.manual]:
        side_a, side_b = (next(p for p in parts if r in p) for r in (one.record_a, one.record_b))
        if side_a is not side_b and not any(pair <= side_a | side_b for pair in apart):
            parts = [p for p in parts if p is not side_a and p is not side_b] + [side_a | side_b]
    return {frozenset(p) for p in parts}


def crosses(pairs: Iterable[Pair], side_a: frozenset[str], side_b: frozenset[str]) -> bool:
    """True when one of `pairs` has one end in each of two disjoint sets of records."""
    return any(len(pair & side_a) == 1 and len(pair & side_b) == 1 for pair in pairs)


def partition(log: list[Assertion]) -> set[frozenset[str]]:
    return {frozenset(i.records) for i in fold(records=RECORDS, assertions=log).identities}


@pytest.mark.parametrize(
    ("log", "expected", "why"),
    [
        ([], "a b c", "nothing said, everybody stands alone"),
        ([link(0, "ab")], "ab c", "one link joins two"),
        ([link(0, "ab"), link(1, "bc")], "abc", "links are transitive"),
        ([link(0, "ab"), not_same(1, "ab")], "a b c", "a later not-same outranks the link"),
        (
            [not_same(0, "ac"), link(1, "ab"), link(2, "bc")],
            "ab c",
            "the link that would close the pair waits",
        ),
        (
            [not_same(0, "ac"), link(1, "ab"), link(2, "bc", manual=True)],
            "a bc",
            "a person's link goes first",
        ),
        ([link(0, "ab"), retract(1, 0)], "a b c", "a retracted link is as if it had not been"),
        ([link(0, "ab"), link(1, "ab"), retract(2, 0)], "ab c", "a second link of the pair still holds"),
        ([not_same(0, "ab"), link(1, "ab"), retract(2, 0)], "ab c", "the suspended link revives"),
        ([link(0, "ab"), link(1, "ab")], "ab c", "said twice, joined once"),
    ],
)
def test_a_log_gives_this_partition(log: list[Assertion], expected: str, why: str) -> None:
    found = fold(records="abc", assertions=log)
    assert ["".join(i.records) for i in found.identities] == expected.split(), why


@settings(max_examples=150, deadline=None)
@given(logs())
def test_the_fold_equals_the_slow_obvious_one(log: list[Assertion]) -> None:
    assert partition(log) == naive_partition(log)


@settings(max_examples=100, deadline=None)
@given(logs())
def test_no_standing_not_same_pair_is_ever_in_one_identity(log: list[Assertion]) -> None:
    state = fold(records=RECORDS, assertions=log)
    gone = {a.retracts for a in log if isinstance(a, Retract)}
    standing = {a.pair for a in log if isinstance(a, NotSame) and a.assertion_id not in gone}
    assert state.not_same == standing
    for pair in standing:
        assert not any(pair <= set(i.records) for i in state.identities)


@settings(max_examples=100, deadline=None)
@given(logs(), mints, st.data())
def test_taking_back_an_early_entry_equals_a_log_without_it(
    log: list[Assertion], ids: tuple[Minted, ...], data: st.DataObject
) -> None:
    gone = {a.retracts for a in log if isinstance(a, Retract)}
    standing = [a for a in log if not isinstance(a, Retract) and a.assertion_id not in gone]
    assume(standing)
    chosen = data.draw(st.sampled_from(standing))
    taken_back = [*log, Retract(assertion_id="last", position=99, retracts=chosen.assertion_id)]
    one = fold(records=RECORDS, minted=ids, assertions=taken_back)
    other = fold(records=RECORDS, minted=ids, assertions=[a for a in log if a is not chosen])
    assert one.identities == other.identities
    assert one.suspended == other.suspended


@settings(max_examples=100, deadline=None)
@given(logs(retractions=False), st.randoms(use_true_random=False))
def test_when_nothing_is_suspended_the_order_of_links_and_not_sames_does_not_matter(
    log: list[Assertion], shuffler: random.Random
) -> None:
    assume(not fold(records=RECORDS, assertions=log).suspended)
    positions = list(range(len(log)))
    shuffler.shuffle(positions)
    moved = [replace(a, position=p) for a, p in zip(log, positions, strict=True)]
    assert partition(moved) == partition(log)


@settings(max_examples=100, deadline=None)
@given(logs(), mints, st.randoms(use_true_random=False), st.integers(0, 14))
def test_replaying_twice_or_in_part_and_then_on_gives_the_same_bytes(
    log: list[Assertion], ids: tuple[Minted, ...], shuffler: random.Random, part: int
) -> None:
    once = as_bytes(fold(records=RECORDS, minted=ids, assertions=log))
    handed_over, mints_over = list(log), list(ids)
    fold(records=RECORDS, minted=ids, assertions=[a for a in log[:part] if not isinstance(a, Retract)])
    shuffler.shuffle(handed_over)
    shuffler.shuffle(mints_over)
    assert as_bytes(fold(records=reversed(RECORDS), minted=mints_over, assertions=handed_over)) == once


@settings(max_examples=100, deadline=None)
@given(logs(), mints)
def test_every_id_ever_minted_is_live_or_retired_in_one_identity(
    log: list[Assertion], ids: tuple[Minted, ...]
) -> None:
    state = fold(records=RECORDS, minted=ids, assertions=log)
    answered = [old for i in state.identities if i.identity_id for old in (i.identity_id, *i.retired)]
    assert sorted(answered) == sorted(one.identity_id for one in ids)


@settings(max_examples=100, deadline=None)
@given(logs(), st.data())
def test_an_automatic_link_said_last_joins_exactly_when_no_not_same_stands_between_the_two(
    log: list[Assertion], data: st.DataObject
) -> None:
    before = fold(records=RECORDS, assertions=log)
    pair = "".join(data.draw(st.lists(st.sampled_from(RECORDS), min_size=2, max_size=2, unique=True)))
    side_a, side_b = (before.identity_of(r) for r in pair)
    assume(side_a is not side_b)
    after = fold(records=RECORDS, assertions=[*log, link(50, pair)])
    blocked = crosses(before.not_same, frozenset(side_a.records), frozenset(side_b.records))
    untouched = {frozenset(i.records) for i in before.identities} - {
        frozenset(side_a.records),
        frozenset(side_b.records),
    }
    sides = {frozenset(side_a.records), frozenset(side_b.records)}
    joined = {frozenset(side_a.records + side_b.records)}
    assert {frozenset(i.records) for i in after.identities} == untouched | (sides if blocked else joined)


def test_a_retracted_link_bars_both_sides_until_they_are_one_again() -> None:
    log: list[Assertion] = [link(0, "ab"), link(1, "bc"), retract(2, 0)]
    state = fold(records=RECORDS, assertions=log)
    assert state.bars == {frozenset("ab")}
    one, other = (frozenset(state.identity_of(r).records) for r in "ac")
    assert crosses(state.bars, one, other), "c is linked to b, so a may not come to it by itself either"
    again = fold(records=RECORDS, assertions=[*log, link(3, "ac", manual=True)])
    assert again.bars == frozenset(), "a person brought the two together"
    assert crosses(again.bars, one, other) is False


def test_the_oldest_minted_id_survives_and_comes_back_whole_after_unmerge() -> None:
    merged = fold(records=RECORDS, minted=minted("abc"), assertions=[link(0, "cb"), link(1, "ba")])
    assert merged.identity_of("c").identity_id == "Ea"
    assert merged.identity_of("c").retired == ("Eb", "Ec")
    apart = fold(
        records=RECORDS, minted=minted("abc"), assertions=[link(0, "cb"), link(1, "ba"), retract(2, 1)]
    )
    assert apart.identity_of("c").identity_id == "Eb"
    assert apart.identity_of("c").retired == ("Ec",)


def test_an_identity_without_an_id_of_its_own_says_so() -> None:
    apart = fold(records="ab", minted=minted("a"), assertions=[link(0, "ab"), retract(1, 0)])
    assert apart.membership == (("a", "Ea"), ("b", None))


@pytest.mark.parametrize(
    ("log", "why"),
    [
        ([retract(0, 7)], "nothing to take back"),
        ([link(0, "ab"), retract(1, 0), retract(2, 1)], "a retraction is never retracted"),
        ([link(0, "az")], "a link to a record that is not there"),
        ([not_same(0, "az")], "a not-same with a record that is not there"),
    ],
)
def test_a_log_that_no_flow_can_have_written_is_refused(log: list[Assertion], why: str) -> None:
    with pytest.raises(ValueError):
        fold(records=RECORDS, assertions=log)


@pytest.mark.parametrize("make", [link, not_same])
def test_an_assertion_about_one_record_is_refused(make: object) -> None:
    with pytest.raises(ValueError):
        make(0, "aa")  # type: ignore[operator]


def test_every_pair_of_five_records_said_the_same_is_one_identity() -> None:
    log = [link(n, "".join(p)) for n, p in enumerate(combinations("abcde", 2))]
    assert [i.records for i in fold(records="abcde", assertions=log).identities] == [tuple("abcde")]
