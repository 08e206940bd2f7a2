"""A real PostgreSQL of our own: a throw-away cluster on a Unix socket, set to be durable."""

from __future__ import annotations

import itertools
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any

import psycopg

SETTINGS = {
    "listen_addresses": "",
    "fsync": "on",
    "full_page_writes": "on",
    "synchronous_commit": "on",
    "max_connections": "100",
    "shared_buffers": "64MB",
    "logging_collector": "off",
}


def programs() -> Path | None:
    """The folder of initdb and postgres; None when PostgreSQL is not here."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    on_path = shutil.which("initdb")
    return found[-1].parent if found else Path(on_path).parent if on_path else None


def as_account(user: int, group: int) -> list[str]:
    """What to write in front of a command so that it runs as another account.

    Where the root folder is closed to all but root (a bare chroot is), the account would find no program:
    the command may then read folders as root does, and nothing else.
    """
    command = ["setpriv", f"--reuid={user}", f"--regid={group}", "--clear-groups"]
    if Path("/").stat().st_mode & 0o005 != 0o005:
        capability = "+dac_read_search"
        command += [
            f"--inh-caps={capability}",
            f"--ambient-caps={capability}",
            "--securebits=+no_setuid_fixup",
        ]
    return command


class Cluster:
    """Started by `start`, gone after `stop`. PostgreSQL refuses root: then it runs as `postgres`."""

    def __init__(self) -> None:
        folder = programs()
        assert folder is not None, "PostgreSQL is not here: mark the test with needs('postgresql')"
        self._programs = folder
        self._as: list[str] = []
        self._home = Path(tempfile.mkdtemp(prefix="mpi-pg-"))
        if os.geteuid() == 0:
            account = pwd.getpwnam("postgres")
            os.chown(self._home, account.pw_uid, account.pw_gid)
            self._as = as_account(account.pw_uid, account.pw_gid)
        self._server: subprocess.Popen[bytes] | None = None
        self._names = (f"t{number}" for number in itertools.count())

    def start(self) -> None:
        """Makes the cluster and returns when it answers."""
        options = ["--no-sync", "--auth=trust", "--username=postgres", "--encoding=UTF8", "--locale=C.UTF-8"]
        subprocess.run(
            [*self._as, self._programs / "initdb", *options, "--pgdata", self._home / "data"],
            check=True,
            stdout=subprocess.DEVNULL,
            cwd="/",
        )
        self.serve()

    def serve(self) -> None:
        """Starts the server on the cluster as it is."""
        options = [part for name, value in SETTINGS.items() for part in ("-c", f"{name}={value}")]
        with (self._home / "log").open("ab") as log:
            self._server = subprocess.Popen(
                [
                    *self._as,
                    self._programs / "postgres",
                    "-D",
                    self._home / "data",
                    "-k",
                    self._home,
                    *options,
                ],
                stdout=log,
                stderr=log,
                cwd="/",
            )
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            try:
                self.run("SELECT 1")
            except psycopg.OperationalError:
                time.sleep(0.05)
            else:
                return
        raise AssertionError(f"PostgreSQL did not start: {(self._home / 'log').read_text()[-2000:]}")

    def halt(self) -> None:
        """Ends the server at once, as a machine that goes away would; the cluster stays."""
        if self._server is not None:
            self._server.send_signal(signal.SIGQUIT)
            self._server.wait(timeout=30)
            self._server = None

    def stop(self) -> None:
        """Ends the server and removes the cluster."""
        self.halt()
        shutil.rmtree(self._home, ignore_errors=True)

    def run(self, statement: str, *, database: str = "postgres") -> list[tuple[Any, ...]]:
        """Runs one statement outside a transaction, as the owner of everything."""
        address = f"host={self._home} user=postgres dbname={database}"
        with psycopg.connect(address, autocommit=True) as connection:
            cursor = connection.execute(statement)  # type: ignore[call-overload]
            return cursor.fetchall() if cursor.description else []

    def create(self, *, template: str = "template0") -> str:
        """A fresh database; returns its name."""
        name = next(self._names)
        self.run(f"CREATE DATABASE {name} TEMPLATE {template} STRATEGY wal_log")
        return name

    def drop(self, name: str) -> None:
        """Removes a database, whoever is still connected."""
        self.run(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")

    def url(self, name: str) -> str:
        """The SQLAlchemy address of a database."""
        return f"postgresql+psycopg://postgres@/{name}?host={self._home}"
