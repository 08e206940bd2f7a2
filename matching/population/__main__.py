"""Writes a population: `python -m matching.population --n 100000 --seed 1 --out people.parquet` (or .csv)."""

from __future__ import annotations

import argparse
from pathlib import Path

from matching.population.generator import frame


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m matching.population", description=__doc__)
    parser.add_argument("--n", type=int, default=100_000, help="number of records")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--out", type=Path, required=True, help="file ending in .parquet or .csv")
    arguments = parser.parse_args()
    if arguments.n < 1:
        parser.error("--n must be at least 1")
    people = frame(arguments.n, seed=arguments.seed)
    if arguments.out.suffix == ".csv":
        people.to_csv(arguments.out, index=False)
    elif arguments.out.suffix == ".parquet":
        people.to_parquet(arguments.out, index=False)
    else:
        parser.error("--out must end in .parquet or .csv")
    print(f"{arguments.out}: {len(people):,} records of {people['entity_id'].nunique():,} people")


if __name__ == "__main__":
    main()
