"""Writes the shipped model: `python -m matching.training --out matching/data/fr-1.json`."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from matching.training.shipped import train


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m matching.training", description=__doc__)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--n", type=int, default=100_000, help="records of each of the two populations")
    parser.add_argument("--seed", type=int, default=2026)
    parser.add_argument("--pairs", type=int, default=1_000_000, help="random pairs compared for u")
    arguments = parser.parse_args()
    model = train(n=arguments.n, seed=arguments.seed, sampled_pairs=arguments.pairs)
    model.save(arguments.out)
    sys.stdout.write(f"{arguments.out}: {model.version}, household cap {model.household_cap} bits\n")


if __name__ == "__main__":
    main()
