"""Benchmarks: each module has `run() -> list[Row]`; `python -m benchmarks` prints one table of ratios."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Row"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One line of the table. `ours` and `peer` are measured in the same run, on the same machine, in `unit`.

    `ratio` is what counts, `goal` what it should be (None: only reported). `peer_name` says what it is
    compared with, `load` what was measured on.
    """

    benchmark: str
    load: str
    ours: float
    peer: float
    peer_name: str
    unit: str
    ratio: float
    goal: str | None = None
