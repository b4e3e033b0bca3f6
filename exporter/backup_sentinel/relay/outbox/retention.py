"""What is deleted: dead letters that somebody throws away, and what is older than it is kept."""

import sqlite3

_DELIVERED, _DEAD = 1, 2


def purge(sql: sqlite3.Connection, identity: str) -> bool:
    """Throw a dead letter away; False where there is none."""
    rows = sql.execute(
        "DELETE FROM delivery WHERE id = ? AND state = 2 RETURNING seq", (identity,)
    ).fetchall()
    _forget(sql, rows)
    return bool(rows)


def tidy(
    sql: sqlite3.Connection,
    delivered_before: float,
    dead_before: float,
    said_before: float,
    limit: int,
) -> int:
    """Delete at most `limit` of each state that are too old to be kept, and give as many pages back; return how many they were."""
    rows: list[tuple[int]] = []
    for state, before in ((_DELIVERED, delivered_before), (_DEAD, dead_before)):
        rows += sql.execute(
            """DELETE FROM delivery WHERE (seq, channel) IN (
            SELECT seq, channel FROM delivery WHERE state = ? AND settled < ? LIMIT ?) RETURNING seq""",
            (state, before, limit),
        ).fetchall()
    _forget(sql, rows)
    sql.execute("DELETE FROM news WHERE said < ?", (said_before,))
    sql.execute(f"PRAGMA incremental_vacuum({limit})").fetchall()
    return len(rows)


def _forget(sql: sqlite3.Connection, rows: list[tuple[int]]) -> None:
    """Delete messages of which no delivery is left."""
    sql.executemany(
        "DELETE FROM message WHERE seq = ?1 AND NOT EXISTS (SELECT 1 FROM delivery WHERE seq = ?1)",
        {row[0]: row for row in rows}.values(),
    )
