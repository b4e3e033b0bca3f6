"""The only door to redis-py: backup plans and statuses in the Redis of a NethServer 8 cluster.

Keys, `<id>` being that of a plan:

    node/<node>/backup_status/<id>        hash, module to JSON
    cluster/backup/<id>/status            hash of fields, about the plan
    module/<module>/backup/<id>/status    hash of fields
    module/<module>/backup_status/<id>    hash of fields, until April 2026
    cluster/backup/<id>                   hash: name, instances, ...
    cluster/module_node                   hash, module to the id of its node
"""

import contextlib
import re
from collections.abc import AsyncIterator, Mapping
from typing import TYPE_CHECKING, Any

from backup_sentinel.errors import EnrichmentError, SentinelError

from .status import Status, from_fields, from_json

if TYPE_CHECKING:
    from redis.asyncio import Redis

_FORMS = (
    ("node/{any}/backup_status/{id}", re.compile(r"node/(?P<node>[^/]+)/backup_status/(?P<id>[^/]+)")),
    ("cluster/backup/{id}/status", re.compile(r"cluster/backup/(?P<id>[^/]+)/status")),
    ("module/{any}/backup/{id}/status", re.compile(r"module/(?P<module>[^/]+)/backup/(?P<id>[^/]+)/status")),
    ("module/{any}/backup_status/{id}", re.compile(r"module/(?P<module>[^/]+)/backup_status/(?P<id>[^/]+)")),
)
_MOST = 2000
"""Keys of one form that are read."""
_PATIENCE = 5.0
"""Seconds for a connection, and for one answer."""
_GLOB = re.compile(r"([\\*?\[\]^-])")


class Cluster:
    """One connection to the Redis of a cluster."""

    def __init__(self, redis: "Redis") -> None:
        self._redis = redis
        self.unreadable = 0
        """Keys that were there and could not be read."""

    async def statuses(self, backup: str | None) -> list[Status]:
        """Return every status of a plan, or of all plans. Raises EnrichmentError."""
        found: list[Status] = []
        for pattern, form in _FORMS:
            wanted = "*" if backup is None else _GLOB.sub(r"\\\1", backup)
            keys = await self._keys(pattern.format(any="*", id=wanted))
            matches = [match for key in keys if (match := form.fullmatch(key))]
            hashes = await self._hashes([match[0] for match in matches])
            for match, fields in zip(matches, hashes, strict=True):
                found += _read(match.groupdict(), fields)
        return found

    async def plan(self, backup: str) -> dict[str, str]:
        """Return the fields of a plan, {} where it is not known. Raises EnrichmentError."""
        [fields] = await self._hashes([f"cluster/backup/{backup}"])
        return fields

    async def homes(self) -> dict[str, str]:
        """Return the node of each module, {} where that is not known. Raises EnrichmentError."""
        [fields] = await self._hashes(["cluster/module_node"])
        return fields

    async def _keys(self, pattern: str) -> list[str]:
        keys: set[str] = set()
        async for key in self._redis.scan_iter(match=pattern, count=1000):
            keys.add(_text(key))
            if len(keys) >= _MOST:
                break
        return sorted(keys)

    async def _hashes(self, keys: list[str]) -> list[dict[str, str]]:
        """Return hashes; {} for what is no hash, or what may not be read."""
        if not keys:
            return []
        pipeline = self._redis.pipeline(transaction=False)
        for key in keys:
            pipeline.hgetall(key)
        answers: list[Any] = await pipeline.execute(raise_on_error=False)
        self.unreadable += sum(not isinstance(answer, dict) for answer in answers)
        return [
            {_text(name): _text(value) for name, value in answer.items()} if isinstance(answer, dict) else {}
            for answer in answers
        ]


@contextlib.asynccontextmanager
async def connect(
    *, socket: str | None, host: str, port: int, database: int, username: str | None, password: str | None
) -> AsyncIterator[Cluster]:
    """Connect for a moment. Raises EnrichmentError for whatever goes wrong in between."""
    from redis import asyncio as client  # noqa: PLC0415 - an optional package
    from redis.asyncio.retry import Retry  # noqa: PLC0415
    from redis.backoff import NoBackoff  # noqa: PLC0415
    from redis.exceptions import AuthenticationError, RedisError  # noqa: PLC0415

    place = socket or f"{host}:{port}"
    where: dict[str, Any] = {"unix_socket_path": socket} if socket else {"host": host, "port": port}
    redis = client.Redis(
        **where,
        db=database,
        username=username,
        password=password,
        socket_timeout=_PATIENCE,
        socket_connect_timeout=_PATIENCE,
        retry=Retry(NoBackoff(), 0),
    )
    try:
        yield Cluster(redis)
    except AuthenticationError:
        raise EnrichmentError(f"Redis at {place} refused the password") from None
    except (RedisError, OSError, UnicodeError) as error:
        why = str(error).splitlines()[0][:200] if str(error) else type(error).__name__
        raise EnrichmentError(f"Redis at {place} could not be read: {why}") from None
    finally:
        await redis.aclose()


def require() -> None:
    """Raise SentinelError where redis-py is not installed."""
    try:
        import redis.asyncio  # noqa: F401, PLC0415 - an optional package
    except ImportError:
        raise SentinelError(
            "enrichers of type `ns8` need a package: pip install 'backup-sentinel[ns8]'"
        ) from None


def _read(names: Mapping[str, str], fields: Mapping[str, str]) -> list[Status]:
    backup, node = names["id"], names.get("node")
    if not fields:
        return []
    if node is not None:
        return [from_json(text, backup=backup, module=module, node=node) for module, text in fields.items()]
    return [from_fields(fields, backup=backup, module=names.get("module", ""))]


def _text(value: Any) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)
