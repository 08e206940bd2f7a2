"""`mpi demo`: the main job on an embedded default."""

from __future__ import annotations

import json
import signal
import tempfile
import threading
from contextlib import ExitStack
from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer()


@app.command()
def demo(
    once: Annotated[
        bool, typer.Option("--once", help="Stop after the run; exit 0 only when all is well.")
    ] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="Answer for machines: JSON on standard output.")
    ] = False,
    data_dir: Annotated[
        Path | None, typer.Option("--data-dir", help="An empty folder, or one of an earlier demonstration.")
    ] = None,
    port: Annotated[
        int,
        typer.Option("--port", min=1, max=65534, help="HTTP port of the index; the gateway takes the next."),
    ] = 8080,
    folder: Annotated[
        bool, typer.Option("--folder", help="Use the folder archive even where Orthanc is installed.")
    ] = False,
) -> None:
    """Send invented patients' real DICOM objects through the index into an archive, and show what happened.

    Example: mpi demo --once
    """
    from rich.console import Console

    from mpi.demo.report import show, show_addresses
    from mpi.demo.run import fresh_folder, run, staged

    console = Console(stderr=as_json)
    with ExitStack() as held:
        if data_dir is None and once:
            data_dir = Path(held.enter_context(tempfile.TemporaryDirectory(prefix="mpi-demo-")))
        place = fresh_folder(data_dir or Path("var") / "demo").resolve()
        stage = held.enter_context(staged(place, port=0 if once else port, with_orthanc=not folder))
        with console.status("sending registers and studies, reading everything back ..."):
            result = run(stage)
        if as_json:
            typer.echo(json.dumps(result.as_json(), ensure_ascii=False, indent=1))
        else:
            show(console, result)
        if once:
            raise typer.Exit(0 if result.passed else 1)
        show_addresses(console, stage)
        stopped = threading.Event()
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda *_: stopped.set())
        stopped.wait()
