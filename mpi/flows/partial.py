"""A partial telling: the header of an image names its patient in a few words, and says nothing of the rest.

What it leaves out is not withdrawn. Its words are read together with what the source record said before, so
that the thousandth image of a person whose register told everything changes nothing.

Two people are never mixed in one version: words that contradict a version in one strict trait are not
completed from it in anything, so that a status that was checked stays with the traits that were checked.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from matching.normalise import normalise
from matching.records import GivenNames, Name, RawRecord, Record
from mpi.flows.told import Version
from mpi.flows.verdicts import strict_changes

_KEPT = (
    "birth_name",
    "given_names",
    "used_given_name",
    "sex",
    "birth_date",
    "birth_place",
    "address",
    "postal_code",
    "city",
    "country",
    "phone",
    "email",
    "multiple_birth",
    "death_date",
    "status",
    "attributes",
    "flags",
)


def basis(said: Record, history: Sequence[Version]) -> RawRecord | None:
    """The newest undisputed version that no strict trait of `said` contradicts; None: it stands alone."""
    fitting = [one.raw for one in history if not one.disputed and not strict_changes(one.record, said)]
    return fitting[-1] if fitting else None


def completed(told: RawRecord, before: RawRecord) -> RawRecord:
    """`told`, with the traits that it leaves out as they were `before`.

    A header holds one family name of unknown kind: the one that was told as the birth name is no new used
    name. A name written without its accents is no new name, and the first given names of a longer list are
    no shorter list. Identifiers told before stay.
    """
    said, known = normalise(told), normalise(before)
    kept = {name: getattr(told, name) or getattr(before, name) for name in _KEPT}
    if _same(said.birth_name, known.birth_name):
        kept["birth_name"] = before.birth_name
    if _begins(said.given_names, known.given_names):
        kept["given_names"] = before.given_names
    nothing_new = said.family_name is None or any(
        _same(said.family_name, name) for name in (known.family_name, known.birth_name)
    )
    own = [one for one in told.identifiers if one not in before.identifiers]
    return replace(
        told,
        family_name=before.family_name if nothing_new else told.family_name,
        identifiers=(*before.identifiers, *own),
        **kept,
    )


def _same(said: Name | None, known: Name | None) -> bool:
    return said is not None and known is not None and said.key == known.key


def _begins(said: GivenNames | None, known: GivenNames | None) -> bool:
    """Whether the given names told are the first words of those known."""
    return said is not None and known is not None and known.words[: len(said.words)] == said.words
