"""Look into the file without writing, also while a relay has it."""

import contextlib
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

from .letters import Letter, find, letters
from .schema import MIGRATIONS, OutboxError


def read_letters(path: str, channel: str | None = None, limit: int = -1) -> list[Letter]:
    """Return dead letters, the newest first, all unless limited. Raises OutboxError."""
    with _reading(path) as sql:
        return letters(sql, channel, limit)


def read_letter(path: str, identity: str) -> Letter | None:
    """Return one dead letter by its delivery id, None where there is none. Raises OutboxError."""
    with _reading(path) as sql:
        return find(sql, identity)


@contextlib.contextmanager
def _reading(path: str) -> Iterator[sqlite3.Connection]:
    file = Path(path)
    if not file.exists():
        raise OutboxError(f"there is no outbox {file}; `relay.outbox.path` says where it is")
    connection = None
    try:
        connection = sqlite3.connect(f"file:{quote(str(file.absolute()))}?mode=ro", uri=True, timeout=5)
        [version] = connection.execute("PRAGMA user_version").fetchone()
        if not 1 <= version <= len(MIGRATIONS):
            raise OutboxError(
                f"the outbox {file} has version {version}; this release knows 1 to {len(MIGRATIONS)}"
            )
        yield connection
    except sqlite3.Error as error:
        raise OutboxError(f"the outbox {file} cannot be read: {error}") from None
    finally:
        if connection is not None:
            connection.close()
