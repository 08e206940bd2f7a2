"""Every curl line of the guide works as it stands."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import pytest

from tests.doors.doorway import Doorway

GUIDE = Path(__file__).parents[2] / "docs" / "http.md"


@pytest.mark.needs("curl")
def test_the_lines_of_the_guide_run_in_order(door: Doorway) -> None:
    blocks = re.findall(r"```sh\n(.*?)```", GUIDE.read_text(), flags=re.DOTALL)
    lines = [block for block in blocks if "curl" in block]
    assert len(lines) == 5
    for block in lines:
        run = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", block],
            env={"PATH": os.environ["PATH"], "MPI": door.server.url, "KEY": door.keys["sender-a"]},
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
        )
        assert run.returncode == 0, f"{block}\n{run.stdout}\n{run.stderr}"
        assert '"status":"' in run.stdout or '"identity_id"' in run.stdout
