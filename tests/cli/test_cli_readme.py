"""What README and the guides tell a newcomer to type works from a clone, with `mpi` nowhere on the PATH."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PLUG_IN = r"## Plug it in\n\n```\n(.*?)```"
FIRST_BLOCK = r"```sh\n(.*?)```"
FREE_PORTS = {f"MPI_{name}_PORT": "0" for name in ("HTTP", "GATEWAY_HTTP", "DIMSE")}
BARE = "/usr/bin:/bin"


@pytest.mark.skipif(not Path(sys.prefix, "bin", "activate").exists(), reason="not in a virtual environment")
@pytest.mark.parametrize(("guide", "block"), [("README.md", PLUG_IN), ("docs/http.md", FIRST_BLOCK)])
def test_the_first_lines_lead_to_a_running_service(tmp_path: Path, guide: str, block: str) -> None:
    found = re.search(block, (ROOT / guide).read_text(), flags=re.DOTALL)
    assert found is not None
    (tmp_path / ".venv").symlink_to(sys.prefix)  # what make sets up in a clone
    with subprocess.Popen(
        ["bash", "-euo", "pipefail", "-c", found[1]],
        env={"PATH": BARE, "HOME": os.environ.get("HOME", "/"), **FREE_PORTS},
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    ) as shell:
        late = threading.Timer(60, os.killpg, (shell.pid, signal.SIGKILL))
        late.start()
        assert shell.stdout is not None
        said = []
        for line in shell.stdout:
            said.append(line)
            if line.startswith("index: http://127.0.0.1:"):
                os.killpg(shell.pid, signal.SIGTERM)
        late.cancel()
    assert any(line.startswith("index: ") for line in said), "".join(said)
    assert any(re.match(r"mpi_[0-9a-f]{12}_", line) for line in said), "".join(said)
