"""The two policies: what rewrites images, and what is for files."""

from __future__ import annotations

import pytest

from matching.decision import POLICIES, policy
from matching.model import Model

SERVICE = POLICIES["service"]


def test_service_has_the_fixed_table() -> None:
    """Posterior 0.05 and 0.99999, second person half-way, 13 bits over the runner-up."""
    assert (SERVICE.review_at, SERVICE.second_person_at, SERVICE.link_at, SERVICE.margin) == (
        -4.2,
        6.2,
        16.6,
        13.0,
    )
    assert policy("service", Model.load()) == SERVICE


def test_balanced_is_less_strict_than_service() -> None:
    balanced = policy("balanced", Model.load())
    assert balanced.review_at <= balanced.second_person_at <= balanced.link_at < SERVICE.link_at
    assert 0 < balanced.margin < SERVICE.margin


def test_there_is_no_other_policy() -> None:
    with pytest.raises(KeyError):
        policy("bold", Model.load())
