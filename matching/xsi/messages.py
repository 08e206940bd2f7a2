"""Messages and token families of XSI-1 (sections 5 and 6): what is keyed, before any key."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from matching.xsi import n1
from matching.xsi.records import UNKNOWN_SEX, XsiRecord

Values = tuple[str, ...]

_HEADER = "XSI1"
_SEPARATOR = "\x1f"


@dataclass(frozen=True, slots=True)
class Family:
    """A shape of message. `values` gives the values after the family id, a tuple a message.

    A message with an empty value is not emitted.
    """

    id: str
    strength: str
    values: Callable[[XsiRecord], Iterable[Values]]


def message(family: str, values: Values) -> bytes:
    """`XSI1 1F family 1F value [1F value]...`; values hold A-Z and 0-9 only, so never the separator."""
    return _SEPARATOR.join((_HEADER, family, *values)).encode("ascii")


def messages(record: XsiRecord) -> dict[str, tuple[bytes, ...]]:
    """The messages of a record by family, a set sorted by bytes; families without a message are left out."""
    told = {
        family.id: {message(family.id, values) for values in family.values(record) if all(values)}
        for family in FAMILIES
    }
    return {family: tuple(sorted(found)) for family, found in told.items() if found}


def _sex(record: XsiRecord) -> str:
    return "" if record.sex == UNKNOWN_SEX else record.sex


def _strict(record: XsiRecord) -> Values:
    """Birth name, given name in full, birth date, sex."""
    return n1.letters(record.family or ()), n1.letters(record.given), record.birth, _sex(record)


def _a4(record: XsiRecord) -> Iterable[Values]:
    return () if record.birth_estimated else (_strict(record),)


def _a5(record: XsiRecord) -> Iterable[Values]:
    return () if record.birth_estimated else ((*_strict(record), record.cog or ""),)


# In the order of the specification's table.
FAMILIES: tuple[Family, ...] = (
    Family("A4", "very strong", _a4),
    Family("A5", "very strong", _a5),
)
