"""The processes of a deployment: `mpi serve`, `gateway`, `worker`, and `all` that runs them as one.

Each is a list of parts with a start and a stop: started in order, stopped in reverse on SIGTERM or SIGINT, so
that doors close before what they stand on. Libraries of a door are imported when that door is asked for, so
that small commands start quickly.
"""

from __future__ import annotations

import logging
import signal
import sys
import threading
from collections.abc import Sequence
from contextlib import ExitStack
from datetime import UTC, datetime
from types import FrameType
from typing import TYPE_CHECKING, Annotated, Protocol

import typer

from mpi.cli.db import open_database
from mpi.cli.options import DatabaseUrl, DataDir, settings_from
from mpi.errors import MpiError

if TYPE_CHECKING:
    from mpi.flows.matcher import Matcher
    from mpi.settings import Settings
    from mpi.store.transaction import Database

app = typer.Typer()

Host = Annotated[
    str | None, typer.Option("--host", help="Address to bind to (MPI_HTTP_HOST).", show_default=False)
]
Port = Annotated[
    int | None,
    typer.Option("--port", min=0, max=65535, help="Port of the index (MPI_HTTP_PORT).", show_default=False),
]
GatewayPort = Annotated[
    int | None,
    typer.Option(
        "--gateway-port",
        min=0,
        max=65535,
        help="HTTP port of the gateway (MPI_GATEWAY_HTTP_PORT).",
        show_default=False,
    ),
]
DimsePort = Annotated[
    int | None,
    typer.Option("--dimse-port", min=0, max=65535, help="DICOM port (MPI_DIMSE_PORT).", show_default=False),
]


class Part(Protocol):
    """Something that runs beside others in this process."""

    def start(self) -> None:
        """Returns when it works."""
        ...

    def stop(self) -> None:
        """Finishes what is under way, then returns."""
        ...


@app.command()
def serve(
    data_dir: DataDir = None, database_url: DatabaseUrl = None, host: Host = None, port: Port = None
) -> None:
    """Serve the index over HTTP until told to stop.

    Example: mpi serve --data-dir ./var --port 8080
    """
    settings = settings_from(data_dir, database_url, http_host=host, http_port=port)
    db, matcher = open_index(settings)
    run(index_parts(db, matcher, settings))


@app.command()
def gateway(
    data_dir: DataDir = None,
    database_url: DatabaseUrl = None,
    host: Host = None,
    gateway_port: GatewayPort = None,
    dimse_port: DimsePort = None,
) -> None:
    """Serve the DICOM door (DIMSE and HTTP) until told to stop.

    Example: mpi gateway --data-dir ./var --dimse-port 11112
    """
    settings = settings_from(
        data_dir,
        database_url,
        http_host=host,
        dimse_host=host,
        gateway_http_port=gateway_port,
        dimse_port=dimse_port,
    )
    db, matcher = open_index(settings)
    run(gateway_parts(db, matcher, settings))


@app.command()
def worker(data_dir: DataDir = None, database_url: DatabaseUrl = None) -> None:
    """Carry out what decisions have ordered (the outbox) until told to stop.

    Example: mpi worker --data-dir ./var
    """
    db, matcher = open_index(settings_from(data_dir, database_url))
    run(worker_parts(db, matcher))


@app.command("all")
def everything(
    data_dir: DataDir = None,
    database_url: DatabaseUrl = None,
    host: Host = None,
    port: Port = None,
    gateway_port: GatewayPort = None,
    dimse_port: DimsePort = None,
) -> None:
    """Run index, gateway and worker as one process until told to stop.

    Example: mpi all --data-dir ./var
    """
    settings = settings_from(
        data_dir,
        database_url,
        http_host=host,
        dimse_host=host,
        http_port=port,
        gateway_http_port=gateway_port,
        dimse_port=dimse_port,
    )
    db, matcher = open_index(settings)
    run(
        [
            *worker_parts(db, matcher),
            *gateway_parts(db, matcher, settings),
            *index_parts(db, matcher, settings),
        ]
    )


def open_index(settings: Settings) -> tuple[Database, Matcher]:
    """The database and the matcher.

    Raises Unavailable when the database is away or its schema is behind, MpiError for a model or a key file
    that cannot be used.
    """
    from matching.xsi.key import KeyFileRefused
    from mpi.flows.matcher import Matcher

    db = open_database(settings)
    try:
        return db, Matcher.from_settings(settings)
    except (OSError, ValueError, KeyFileRefused) as error:
        raise MpiError(f"The model or the key file cannot be used: {error}.") from error


def index_parts(db: Database, matcher: Matcher, settings: Settings) -> list[Part]:
    """The HTTP door of the index."""
    from mpi.app import index_app
    from mpi.doors.rest.server import HttpServer

    server = HttpServer(
        index_app(db, matcher, settings), host=settings.http_host, port=settings.http_port, name="index"
    )
    return [Announced(server, f"index: {server.url}")]


def gateway_parts(db: Database, matcher: Matcher, settings: Settings) -> list[Part]:
    """The DICOM door with its forwarding, then its HTTP door."""
    from mpi.doors.rest.server import HttpServer
    from mpi.gateway.gateway import Gateway
    from mpi.gateway.http import gateway_app

    core = Gateway(settings, db, matcher)
    http = HttpServer(
        gateway_app(core), host=settings.http_host, port=settings.gateway_http_port, name="gateway"
    )
    return [core, Announced(http, f"gateway: {http.url}")]


def worker_parts(db: Database, matcher: Matcher) -> list[Part]:
    """The loop over the outbox, in a thread. A new effect is a new row among the handlers."""
    from mpi.flows.matcher import Ids
    from mpi.flows.rescore import RESCORE, rescore
    from mpi.store.outbox import Message
    from mpi.worker import Worker

    ids = Ids.system()

    def score_again(message: Message) -> None:
        at = datetime.now(UTC)
        db.run_write(lambda tx: rescore(tx, message.payload, matcher, at=at, ids=ids))

    return [Announced(Threaded(Worker(db, {RESCORE: score_again})), "worker: running")]


class Loop(Protocol):
    """Something that runs in the caller's thread until it is stopped from another."""

    def run(self) -> None:
        """Returns after `stop`."""
        ...

    def stop(self) -> None:
        """Makes `run` return soon."""
        ...


class Threaded:
    """A loop in a thread of its own."""

    def __init__(self, loop: Loop) -> None:
        self._loop = loop
        self._thread = threading.Thread(target=loop.run, daemon=True)

    def start(self) -> None:
        """Starts the loop."""
        self._thread.start()

    def stop(self) -> None:
        """Ends the loop and waits for it."""
        self._loop.stop()
        self._thread.join()


class Announced:
    """A part that prints one line once it works."""

    def __init__(self, part: Part, line: str) -> None:
        self._part = part
        self._line = line

    def start(self) -> None:
        """Starts the part, then prints."""
        self._part.start()
        typer.echo(self._line)
        sys.stdout.flush()

    def stop(self) -> None:
        """Stops the part."""
        self._part.stop()


def run(parts: Sequence[Part]) -> None:
    """Runs `parts` until SIGTERM or SIGINT; stops them in reverse order, also when one does not start."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    logging.getLogger("httpx").setLevel(logging.WARNING)  # it logs addresses at INFO
    asked_to_stop = threading.Event()

    def stop(_number: int, _frame: FrameType | None) -> None:
        asked_to_stop.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, stop)
    with ExitStack() as running:
        for part in parts:
            part.start()
            running.callback(part.stop)
        asked_to_stop.wait()
