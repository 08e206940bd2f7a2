"""The only place that commits: `Database.write()` and `Database.read()`.

A write is one transaction, committed when its block ends and before anything is answered; an error rolls it
back. No network call belongs inside.
"""

from __future__ import annotations

import random
import re
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal, Self, TypeVar

from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from mpi.errors import MpiError, RecordedConflict, RecordedRefusal, Unavailable
from mpi.store import engine as connections

Answer = TypeVar("Answer")

ATTEMPTS = 8
GIVE_UP_AFTER = 20.0  # seconds: no attempt starts later
LONGEST_PAUSE = 0.5  # seconds between two attempts

CONTENDED_STATES = frozenset({"40001", "40P01", "55P03"})  # serialisation failure, deadlock, lock time-out
UNIQUE_VIOLATION = "23505"
DAMAGED_WORDS = ("database disk image is malformed", "file is not a database")
CONTENDED_WORDS = ("database is locked", "database table is locked", "database schema is locked")
BROKEN = re.compile(r"[A-Z ]+ constraint failed: ([\w.]+)")  # SQLite: the constraint or column of our schema

_jitter = random.SystemRandom()


class Contended(Unavailable):
    """Another transaction was in the way: the same work may be tried again at once."""

    code = "contended"


class KeyTaken(Contended):
    """Another transaction wrote the same unique key first: a second attempt will see it."""

    code = "key-taken"


class Refused(MpiError):
    """The database refused a value: a fault of ours. Names the rule that was broken, never the value."""

    code, status = "refused-by-database", 500


class Database:
    """One database, SQLite or PostgreSQL; safe to share between threads, not across a fork."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.dialect: Literal["sqlite", "postgresql"]
        self._writes: Engine
        self.dialect = "sqlite" if engine.dialect.name == "sqlite" else "postgresql"
        # Writers of one process queue here, without polling, before SQLite meets those of other processes.
        self._writer = threading.Lock() if self.dialect == "sqlite" else None
        if self.dialect == "sqlite":
            self._writes = engine.execution_options(
                **{connections.BEGIN: ("PRAGMA query_only=OFF", "BEGIN IMMEDIATE")}
            )
            self._reads = engine.execution_options(**{connections.BEGIN: ("PRAGMA query_only=ON", "BEGIN")})
        else:
            self._writes = engine
            self._reads = engine.execution_options(
                isolation_level="REPEATABLE READ", postgresql_readonly=True
            )

    @classmethod
    def open(cls, url: str) -> Self:
        """Opens `sqlite:///PATH` or `postgresql+psycopg://...`; connects at first use. Else ValueError."""
        return cls(connections.open_engine(url))

    @property
    def path(self) -> Path | None:
        """The file of a SQLite database; None on PostgreSQL."""
        name = self.engine.url.database
        return Path(name) if self.dialect == "sqlite" and name else None

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """A transaction that commits at the end of the block.

        BEGIN IMMEDIATE on SQLite; READ COMMITTED on PostgreSQL. RecordedConflict and RecordedRefusal commit
        and are raised again, any other error rolls back. Raises Contended when another transaction was in
        the way, Unavailable when the database is away or full, Refused when a constraint was broken;
        nothing is stored then.
        """
        recorded: RecordedConflict | RecordedRefusal | None = None
        with self._turn(), _edge(), self._writes.connect() as connection, connection.begin():
            try:
                yield connection
            except (RecordedConflict, RecordedRefusal) as raised:
                recorded = raised
        if recorded is not None:
            raise recorded

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """One snapshot, read only; nothing is committed. Raises Unavailable when the database is away."""
        with _edge(), self._reads.connect() as connection:
            connection.begin()
            yield connection

    def run_write(self, work: Callable[[Connection], Answer]) -> Answer:
        """Runs `work` in a write transaction, and again when others were in the way.

        That is: after a deadlock, a lock time-out or a lost race for a unique key. Bounded in attempts and
        time, with a growing random pause. Raises the last error.
        """
        started = time.monotonic()
        attempt = 0
        while True:
            try:
                with self.write() as tx:
                    return work(tx)
            except Contended:
                attempt += 1
                if attempt == ATTEMPTS or time.monotonic() - started > GIVE_UP_AFTER:
                    raise
            time.sleep(_jitter.uniform(0, min(LONGEST_PAUSE, 0.01 * 2**attempt)))

    def upgrade(self) -> None:
        """Brings the schema to the newest revision; safe when several processes start at once."""
        from mpi.store.schema import upgrade  # Alembic loads slowly and only here

        upgrade(self)

    def check(self) -> list[str]:
        """What is wrong, a sentence each; empty when all is well."""
        from mpi.store.check import check

        return check(self)

    def ping(self) -> None:
        """Raises Unavailable unless a query is answered."""
        with self.read() as tx:
            tx.execute(text("SELECT 1"))

    def close(self) -> None:
        """Closes every idle connection."""
        self.engine.dispose()

    @contextmanager
    def _turn(self) -> Iterator[None]:
        if self._writer is None:
            yield
        elif self._writer.acquire(timeout=connections.BUSY_TIMEOUT):
            try:
                yield
            finally:
                self._writer.release()
        else:
            raise Contended("The database is busy.")


@contextmanager
def _edge() -> Iterator[None]:
    """Turns the driver's errors into our own, without their text, which may hold values."""
    try:
        yield
    except PoolTimeout:
        raise Unavailable("Every connection to the database is in use.") from None
    except DBAPIError as error:
        raise _own(error).with_traceback(error.__traceback__) from None


def _own(error: DBAPIError) -> MpiError:
    """The error of ours that stands for one of a driver's."""
    state = getattr(error.orig, "sqlstate", None)
    words = str(error.orig) if state is None else ""  # SQLite's texts name tables and columns, never values
    if state in CONTENDED_STATES or words.startswith(CONTENDED_WORDS):
        return Contended("Another change is under way.", retry_after=1)
    if state == UNIQUE_VIOLATION or words.startswith("UNIQUE constraint failed"):
        return KeyTaken("Another change was first.", retry_after=1)
    if words.startswith(DAMAGED_WORDS):
        return Unavailable("The database file is damaged: restore a backup.")
    if error.connection_invalidated or isinstance(error, OperationalError | InterfaceError):
        return Unavailable("The database is out of reach.", cause=state or words)
    broken = BROKEN.match(words)
    rule = broken[1] if broken else getattr(getattr(error.orig, "diag", None), "constraint_name", None)
    state = state or getattr(error.orig, "sqlite_errorname", None)
    return Refused("The database refused a value.", rule=rule, state=state)
