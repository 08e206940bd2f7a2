"""Blocking: which records are worth comparing. Two records are a candidate pair when they share a key.

No single trait is needed: a rule that lacks one gives no key, and the others still do. Each rule
forgives what another demands: a wrong or missing date, another surname, exchanged names, typing errors,
another spelling.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from hashlib import blake2b
from typing import NamedTuple

from matching.normalise.codes import OUTSIDE
from matching.normalise.contacts import SHORTEST_USER
from matching.normalise.names import sound
from matching.normalise.scripts import consonants, in_latin_letters
from matching.records import Name, Record

BLOCK_CAP = 500  # records under one key; a key with more is read no further, and the caller reports it
MOST_SOUNDS = 4  # sounds of family names a record is looked up by
MOST_GIVEN_SOUNDS = 3  # sounds of given names, the first included
FEWEST_CONSONANTS = 2  # of each name, for a key of consonants to say something


class BlockingKey(NamedTuple):
    """`rule` is a name of RULES; `value` what the records that share the key have in common."""

    rule: str
    value: str


@dataclass(frozen=True, slots=True)
class Rule:
    """`values`: the key values of a record, none where a trait is missing; `forgives`: why it is here."""

    forgives: str
    values: Callable[[Record], Iterator[str]]


def key_hash(key: BlockingKey) -> int:
    """The key as a signed 64-bit integer, the same on every machine (BLAKE2b, 8 bytes, big endian)."""
    text = f"{key.rule}\x1f{key.value}".encode("utf-8", "surrogatepass")
    return int.from_bytes(blake2b(text, digest_size=8).digest(), "big", signed=True)


def _family_names(record: Record) -> tuple[Name, ...]:
    return tuple(name for name in (record.birth_name, record.family_name) if name is not None)


def _family_sounds(record: Record) -> list[str]:
    """The sounds of the words of each family name, longest words first: one word of a compound is enough."""
    found = [
        (len(word), code)
        for name in _family_names(record)
        for word, code in zip(name.core, name.sounds, strict=True)
        if len(name.core) == 1 or word in name.parts or not name.parts
    ]
    return list(dict.fromkeys(code for _, code in sorted(found, key=lambda pair: -pair[0])))[:MOST_SOUNDS]


def _day(record: Record) -> str | None:
    """The birth date when all of it is known, YYYYMMDD."""
    born = record.birth_date
    if born is None or born.month is None or born.day is None:
        return None
    return f"{born.year:04}{born.month:02}{born.day:02}"


def _month_and_day(record: Record) -> str | None:
    """Month and day, the smaller first, so that exchanged ones meet; None for one that registries fill in."""
    born = record.birth_date
    if born is None or born.month is None or born.day is None or born.weak:
        return None
    low, high = sorted((born.month, born.day))
    return f"{low:02}{high:02}"


def _given_sounds(record: Record) -> list[str]:
    """The sounds of the given names, the first and the one in use before the others."""
    names, used = record.given_names, record.used_given_name
    found = [given.sound for given in (names, used) if given is not None]
    later = [sound(word) for word in names.words[1:] if len(word) > 1] if names else []
    return list(dict.fromkeys(found + later))[:MOST_GIVEN_SOUNDS]


def _given_initial(record: Record) -> str | None:
    return in_latin_letters(record.given_names.letters)[:1] if record.given_names else None


def _family_initials(record: Record) -> list[str]:
    return sorted({in_latin_letters(name.core[0])[:1] for name in _family_names(record)})


def _names(record: Record) -> Iterator[str]:
    """Family and given sound in alphabetical order, so that exchanged names meet."""
    given = record.given_names or record.used_given_name
    return (
        ("|".join(sorted((family, given.sound))) for family in _family_sounds(record)) if given else iter(())
    )


def _family_year(record: Record) -> Iterator[str]:
    born, initial = record.birth_date, _given_initial(record)
    if born is None or initial is None:
        return iter(())
    return (f"{family}|{initial}|{born.year}" for family in _family_sounds(record))


def _family_day(record: Record) -> Iterator[str]:
    day = _month_and_day(record)
    return (f"{family}|{day}" for family in _family_sounds(record)) if day else iter(())


def _given_day(record: Record) -> Iterator[str]:
    day, given = _month_and_day(record), record.given_names
    if day is None or given is None:
        return iter(())
    return (f"{given.sound}|{initial}|{day}" for initial in _family_initials(record))


def _date_name(record: Record) -> Iterator[str]:
    day = _day(record)
    sounds = dict.fromkeys(_family_sounds(record) + _given_sounds(record))
    return (f"{day}|{name}" for name in sounds) if day else iter(())


def _date_initial(record: Record) -> Iterator[str]:
    day, given, families = _day(record), _given_initial(record), _family_initials(record)
    if day is None:
        return iter(())
    initials = dict.fromkeys([given, *families] if given else families)
    return (f"{day}|{record.sex or '?'}|{initial}" for initial in initials)


def _date_place(record: Record) -> Iterator[str]:
    day, place = _day(record), record.birth_place
    return (f"{day}|{city}" for city in sorted(place.cities)) if day and place else iter(())


def _date_town(record: Record) -> Iterator[str]:
    day, town = _day(record), record.city
    return iter((f"{day}|{town}",)) if day and town else iter(())


def _family_town(record: Record) -> Iterator[str]:
    town, initial = record.city, _given_initial(record)
    if town is None or initial is None:
        return iter(())
    return (f"{family}|{initial}|{town}" for family in _family_sounds(record))


def _given_place(record: Record) -> Iterator[str]:
    born, place, given = record.birth_date, record.birth_place, record.given_names
    if born is None or place is None or given is None:
        return iter(())
    return (f"{given.sound}|{city}|{born.year}" for city in sorted(place.cities))


def _skeletons(record: Record) -> Iterator[str]:
    born, given = record.birth_date, record.given_names
    given_part = consonants(given.skeleton) if given else ""
    if born is None or len(given_part) < FEWEST_CONSONANTS:
        return iter(())
    families = dict.fromkeys(consonants(name.skeleton) for name in _family_names(record))
    return (f"{part}|{given_part}|{born.year}" for part in families if len(part) >= FEWEST_CONSONANTS)


def _mailboxes(record: Record) -> Iterator[str]:
    """The part before the @ when it is long enough to say something of a person, else the whole address."""
    for email in record.email:
        user = email.partition("@")[0]
        yield user if len(user) >= SHORTEST_USER else email


RULES: Mapping[str, Rule] = {
    "names": Rule("a wrong or missing date, exchanged names, an accent or a silent letter", _names),
    "family_year": Rule("a wrong day or month, a given name misspelt", _family_year),
    "family_day": Rule("a wrong year, or day and month exchanged, and another given name", _family_day),
    "given_day": Rule("a wrong year, or day and month exchanged, and a family name misspelt", _given_day),
    "date_name": Rule("another family name, or another given name; names in any order", _date_name),
    "date_initial": Rule("typing errors in both names", _date_initial),
    "date_place": Rule("all names changed or misspelt", _date_place),
    "date_town": Rule("all names changed or misspelt, and no birthplace", _date_town),
    "family_town": Rule("no date and a given name misspelt", _family_town),
    "given_place": Rule("another family name and a wrong day or month", _given_place),
    "skeletons": Rule("another transliteration or alphabet, and a wrong day or month", _skeletons),
    "phone": Rule("anything but the telephone number", lambda record: (p.number for p in record.phone)),
    "email": Rule("anything but the e-mail address, another provider too", _mailboxes),
    "identifier": Rule(
        "anything but a file number that one issuer gave", lambda record: map("|".join, record.identifiers)
    ),
}


def blocking_keys(record: Record) -> tuple[BlockingKey, ...]:
    """The keys of a record, about 8 to 16, each once, in the order of RULES.

    Empty for an identity that is outside linking: fictitious, hidden, anonymous.
    """
    if not OUTSIDE.isdisjoint(record.attributes):
        return ()
    keys = (BlockingKey(name, value) for name, rule in RULES.items() for value in rule.values(record))
    return tuple(dict.fromkeys(keys))
