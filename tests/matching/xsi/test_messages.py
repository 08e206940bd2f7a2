"""Messages and pilot tokens: bytes fixed by the specification."""

from __future__ import annotations

import json
from pathlib import Path

from matching.xsi.messages import FAMILIES, message
from matching.xsi.tokens import family_key, token
from matching.xsi.vectors import SHIPPED


def test_the_example_of_the_specification() -> None:
    expected = "585349311f44311f4d415254494e1f464154494d411f59313937311f4d3033"
    assert message("D1", ("MARTIN", "FATIMA", "Y1971", "M03")).hex() == expected


def test_families_stand_in_the_order_of_the_table() -> None:
    order = json.loads(Path(SHIPPED).read_text())["family_order"]
    built = [family.id for family in FAMILIES]
    assert built == [family for family in order if family in built]


def test_a_family_has_its_own_key() -> None:
    key = bytes(32)
    assert family_key(key, "A4") != family_key(key, "A5")
    assert token(key, "A4", b"x") != token(key, "A5", b"x")
    assert len(token(key, "A4", b"x")) == 32
