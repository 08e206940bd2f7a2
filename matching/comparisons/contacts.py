"""Telephone, e-mail, postal address, town: what a household shares, hence flagged so."""

from __future__ import annotations

from rapidfuzz.distance import OSA, Indel

from matching.comparisons.ladder import Compared, Comparison, Ladder, Level
from matching.normalise.contacts import SHORTEST_USER
from matching.normalise.places import department
from matching.normalise.text import words
from matching.records import Record

PHONE = Ladder(
    "phone",
    Level("mobile", "a mobile number in common", household=True),
    Level("landline", "another number in common", household=True),
    Level("typo", "two numbers one digit apart", household=True),
    Level("disagree", "no number in common", agrees=False),
)
EMAIL = Ladder(
    "email",
    Level("exact", "an address in common", household=True),
    Level("user", "the same name before the @, another provider", household=True),
    Level("typo", "one typing error", household=True),
    Level("disagree", "no address in common", agrees=False),
)
ADDRESS = Ladder(
    "address",
    Level("exact", "house number and street", household=True),
    Level("street", "the street, the house number differs or is not told", household=True),
    Level("similar", "the street by most of its letters", household=True),
    Level("disagree", "another street", agrees=False),
)
LOCALITY = Ladder(
    "locality",
    Level("postal_code", "postal code equal", household=True),
    Level("city", "town equal", household=True),
    Level("department", "postal codes of one department", household=True),
    Level("disagree", "another place", agrees=False),
)
SIMILAR_STREET = 0.85  # normalised Indel similarity


def _compare_phones(a: Record, b: Record) -> Compared:
    if not a.phone or not b.phone:
        return PHONE.unknown
    shared = {phone.number: phone.mobile for phone in a.phone if phone in b.phone}
    if shared:
        return PHONE.at("mobile" if any(shared.values()) else "landline")
    near = any(OSA.distance(x.number, y.number, score_cutoff=1) <= 1 for x in a.phone for y in b.phone)
    return PHONE.at("typo" if near else "disagree")


def _user(email: str) -> str:
    return email.partition("@")[0]


def _bears_names(email: str, record: Record) -> bool:
    """The part before the @ holds a family name of the person: a namesake's may be it, or a digit apart."""
    letters = "".join(words(_user(email)))
    return any(
        name is not None and name.letters in letters for name in (record.birth_name, record.family_name)
    )


def _compare_emails(a: Record, b: Record) -> Compared:
    """Addresses that are alike and hold the family name are unknown: they repeat the names."""
    if not a.email or not b.email:
        return EMAIL.unknown
    if not set(a.email).isdisjoint(b.email):
        return EMAIL.at("exact")
    pairs = [(one, other, len({_user(one), _user(other)}) == 1) for one in a.email for other in b.email]
    long = [pair for pair in pairs if min(len(_user(pair[0])), len(_user(pair[1]))) >= SHORTEST_USER]
    user = [(one, other) for one, other, same in long if same]
    near = [
        (one, other)
        for one, other, same in pairs
        if (same or (one, other, same) in long) and OSA.distance(one, other, score_cutoff=1) <= 1
    ]
    for level, alike in (("user", user), ("typo", near)):
        if any(not _bears_names(one, a) and not _bears_names(other, b) for one, other in alike):
            return EMAIL.at(level)
    return EMAIL.unknown if user or near else EMAIL.at("disagree")


def _compare_addresses(one: Record, other: Record) -> Compared:
    a, b = one.address, other.address
    if a is None or b is None:
        return ADDRESS.unknown
    if a.street == b.street:
        return ADDRESS.at("exact" if a.number == b.number else "street")
    a_words, b_words = set(a.street), set(b.street)
    shorter = min(len(a_words), len(b_words))
    if shorter >= 2 and len(a_words & b_words) == shorter:
        return ADDRESS.at("street")
    alike = Indel.normalized_similarity(" ".join(a.street), " ".join(b.street))
    return ADDRESS.at("similar" if alike >= SIMILAR_STREET else "disagree")


def _compare_localities(a: Record, b: Record) -> Compared:
    code, other_code = a.postal_code, b.postal_code
    if code and code == other_code:
        return LOCALITY.at("postal_code", code)
    if a.city and a.city == b.city:
        return LOCALITY.at("city")
    if code and other_code:
        return LOCALITY.at("department" if department(code) == department(other_code) else "disagree")
    return LOCALITY.at("disagree") if a.city and b.city else LOCALITY.unknown


COMPARISONS = (
    Comparison.on(PHONE, _compare_phones, "phone"),
    Comparison.on(EMAIL, _compare_emails, "email"),
    Comparison.on(ADDRESS, _compare_addresses, "address"),
    Comparison.on(LOCALITY, _compare_localities, "postal_code", "city"),
)
