"""Makes `communes.json.gz` from the npm package @etalab/decoupage-administratif, the same bytes every time.

    npm pack @etalab/decoupage-administratif@6.0.0 && tar xzf etalab-decoupage-administratif-6.0.0.tgz
    python matching/data/make_reference.py package

The table says what became of a former code (renumbered, merged, delegated or associated commune, municipal
arrondissement), and which codes of the departments 91 to 94 are communes of today: before 1962 these
departments were Algeria's.
"""

from __future__ import annotations

import gzip
import json
import sys
from pathlib import Path
from typing import Any

OUTPUT = Path(__file__).with_name("communes.json.gz")
HEADER = {
    "version": "COG 2026",
    "source": "INSEE, code officiel géographique; Etalab, @etalab/decoupage-administratif 6.0.0 (npm)",
    "licence": "Licence Ouverte 2.0 (data), MIT (package)",
}
ALGERIA = ("91", "92", "93", "94")  # departments of Algeria until independence, of Île-de-France since 1968


def former_codes(communes: list[dict[str, Any]]) -> dict[str, str]:
    """Former code -> code of the commune of today; a code in use today is never a former one."""
    today = {c["code"] for c in communes if c["type"] == "commune-actuelle"}
    former: dict[str, str] = {}
    for commune in communes:
        becomes = commune.get("chefLieu") or commune.get("commune") or commune["code"]
        for code in (commune["code"], *commune.get("anciensCodes", ())):
            if code not in today and becomes in today:
                former.setdefault(code, becomes)
    return dict(sorted(former.items()))


def table(communes: list[dict[str, Any]]) -> dict[str, Any]:
    """The whole reference table, header first."""
    today = sorted(c["code"] for c in communes if c["type"] == "commune-actuelle")
    return {
        **HEADER,
        "former": former_codes(communes),
        "reused": [code for code in today if code.startswith(ALGERIA)],
    }


def main(package: Path) -> None:
    communes = json.loads((package / "data" / "communes.json").read_text(encoding="utf-8"))
    text = json.dumps(table(communes), ensure_ascii=False, separators=(",", ":"))
    OUTPUT.write_bytes(gzip.compress(text.encode(), mtime=0))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
