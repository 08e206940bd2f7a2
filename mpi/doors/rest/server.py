"""One HTTP application on one socket, in a thread of its own, with a start and a stop."""

from __future__ import annotations

import socket
import threading
from time import monotonic

import uvicorn
from starlette.types import ASGIApp

from mpi.errors import MpiError, Unavailable

START_SECONDS = 15.0
STOP_SECONDS = 10


class HttpServer:
    """Serves `app`. Port 0 takes a free one; `url` and `port` tell the real address once built.

    The constructor binds and raises MpiError if it cannot: a taken port is a sentence before anything starts.
    """

    def __init__(self, app: ASGIApp, *, host: str, port: int, name: str) -> None:
        try:
            family = socket.AF_INET6 if ":" in host else socket.AF_INET
            self._socket = socket.create_server((host, port), family=family, backlog=2048)
        except OSError as error:
            raise MpiError(f"{name} cannot listen on {host} port {port}: {error.strerror}.") from error
        # asyncio sets this only on sockets that name their protocol; connections inherit it.
        # Without it the body of an answer comes 40 ms after its head.
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.port: int = self._socket.getsockname()[1]
        self.url = f"http://[{host}]:{self.port}" if ":" in host else f"http://{host}:{self.port}"
        self.name = name
        self._server = uvicorn.Server(
            uvicorn.Config(
                app,
                log_config=None,
                log_level="warning",
                access_log=False,  # a path may hold a local id; the application writes its own line
                server_header=False,
                timeout_graceful_shutdown=STOP_SECONDS,
                lifespan="off",
            )
        )
        self._thread = threading.Thread(
            target=self._server.run, kwargs={"sockets": [self._socket]}, name=name, daemon=True
        )

    def start(self) -> None:
        """Returns when requests are answered. Raises Unavailable when that does not happen in time."""
        self._thread.start()
        until = monotonic() + START_SECONDS
        while not self._server.started:
            if monotonic() > until or not self._thread.is_alive():
                raise Unavailable(f"{self.name} did not start.")
            threading.Event().wait(0.01)

    def stop(self) -> None:
        """Takes no new request, lets the running ones finish, then returns."""
        self._server.should_exit = True
        if self._thread.is_alive():
            self._thread.join(STOP_SECONDS + 5)
        self._socket.close()
