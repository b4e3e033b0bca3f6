"""The SQLite file: how it is opened, who may, and how an older one becomes a newer one."""

import fcntl
import os
import sqlite3
from pathlib import Path

from backup_sentinel.errors import SentinelError

MIGRATIONS: tuple[str, ...] = (
    """
    CREATE TABLE message (
        seq INTEGER PRIMARY KEY AUTOINCREMENT,
        id TEXT NOT NULL UNIQUE,
        received REAL NOT NULL,
        body BLOB NOT NULL
    );
    CREATE TABLE delivery (
        seq INTEGER NOT NULL REFERENCES message (seq),
        channel TEXT NOT NULL,
        id TEXT NOT NULL UNIQUE,
        lane BLOB NOT NULL,
        state INTEGER NOT NULL DEFAULT 0,
        head INTEGER NOT NULL DEFAULT 0,
        since REAL NOT NULL,
        due REAL NOT NULL,
        attempts INTEGER NOT NULL DEFAULT 0,
        settled REAL,
        reason TEXT,
        error TEXT,
        PRIMARY KEY (seq, channel)
    ) WITHOUT ROWID;
    CREATE INDEX delivery_due ON delivery (channel, due) WHERE state = 0 AND head = 1;
    CREATE INDEX delivery_lane ON delivery (channel, lane, seq) WHERE state = 0;
    CREATE INDEX delivery_waiting ON delivery (channel, seq) WHERE state = 0;
    CREATE INDEX delivery_settled ON delivery (state, settled) WHERE state > 0;
    CREATE TABLE news (
        lane BLOB PRIMARY KEY,
        said REAL NOT NULL,
        body BLOB NOT NULL
    ) WITHOUT ROWID;
    CREATE INDEX news_said ON news (said);
    """,
    """
    ALTER TABLE message ADD COLUMN findings BLOB;
    ALTER TABLE message ADD COLUMN hold REAL;
    CREATE INDEX message_hold ON message (seq) WHERE hold IS NOT NULL;
    """,
)
"""What makes version n of version n-1; the version of a file is its `user_version`.

delivery.state: 0 waits, 1 delivered, 2 dead. delivery.lane: hash of the group key. delivery.head: 1 for the first of those
that wait in their lane, the only one that may be claimed. `since` is when it began to wait, `due` when it may be tried.
message.hold: until when deliveries wait for the findings of enrichers; null once these are there, and where nobody asks.
"""


JOURNAL = 16 << 20
"""Bytes that the journal keeps on disk. It grows beyond while somebody else reads the file for long."""


class OutboxError(SentinelError):
    """The outbox cannot be used; the text names the file and says why."""


class OutboxInUseError(OutboxError):
    """Another process has the outbox."""


class Lock:
    """Keeps other processes from the file, as long as this one lives."""

    def __init__(self, path: Path) -> None:
        """Take the lock. Raises OutboxError where another process has it, or nothing can be written there."""
        file = path.with_name(path.name + ".lock")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._descriptor = os.open(file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise OutboxError(
                f"the outbox {path} cannot be written: {error.strerror}; set `relay.outbox.path` to a folder "
                "that is writable and lasts"
            ) from None
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            holder = os.read(self._descriptor, 20).decode("ascii", "replace").strip()
            os.close(self._descriptor)
            raise OutboxInUseError(
                f"the outbox {path} is in use by another process" + (f" ({holder})" if holder else "")
            ) from None
        try:
            os.ftruncate(self._descriptor, 0)
            os.pwrite(self._descriptor, str(os.getpid()).encode(), 0)
        except OSError:  # a full disk: the number only informs
            pass

    def release(self) -> None:
        """Let others have it; once is enough."""
        descriptor, self._descriptor = self._descriptor, -1
        if descriptor >= 0:
            os.close(descriptor)


def connect(path: Path) -> sqlite3.Connection:
    """Open the file, create or migrate it. Raises OutboxError for a damaged file, or one of a newer version."""
    try:
        connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=5)
    except sqlite3.Error as error:
        raise OutboxError(f"the outbox {path} cannot be opened: {error}") from None
    try:
        connection.execute("PRAGMA auto_vacuum = INCREMENTAL")
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute(f"PRAGMA journal_size_limit = {JOURNAL}")
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA foreign_keys = ON")
        connection.execute("PRAGMA temp_store = MEMORY")
        _migrate(connection, path)
    except sqlite3.Error as error:
        connection.close()
        raise OutboxError(_told(path, error)) from None
    except BaseException:
        connection.close()
        raise
    return connection


def inspect(connection: sqlite3.Connection, path: Path) -> None:
    """Read the whole file once. Raises OutboxError where it is damaged."""
    try:
        [(found,)] = connection.execute("PRAGMA quick_check(1)").fetchall()
    except sqlite3.Error as error:
        raise OutboxError(_told(path, error)) from None
    if found != "ok":
        raise OutboxError(_told(path, sqlite3.DatabaseError(found)))


def _migrate(connection: sqlite3.Connection, path: Path) -> None:
    [version] = connection.execute("PRAGMA user_version").fetchone()
    if version > len(MIGRATIONS):
        raise OutboxError(
            f"the outbox {path} has version {version}, made by a newer release; this one knows {len(MIGRATIONS)}"
        )
    for number in range(version, len(MIGRATIONS)):
        connection.executescript(
            f"BEGIN IMMEDIATE;{MIGRATIONS[number]};PRAGMA user_version={number + 1};COMMIT;"
        )


def _told(path: Path, error: sqlite3.Error) -> str:
    if isinstance(error, sqlite3.OperationalError):
        return f"the outbox {path} cannot be used: {error}"
    return (
        f"the outbox {path} is damaged: {error}; move it away to start with an empty one, "
        "and keep it: `sqlite3 FILE .recover` gets messages out of it"
    )
