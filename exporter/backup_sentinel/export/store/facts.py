"""What the store is told and what it tells, besides its subjects."""

from typing import NamedTuple, Protocol

from backup_sentinel.model import Problem, Record

from .feed import FeedKey
from .marks import NamespaceKey


class Reading(Protocol):
    """What a profile made of one object."""

    @property
    def namespace(self) -> str: ...  # noqa: D102
    @property
    def name(self) -> str: ...  # noqa: D102
    @property
    def records(self) -> tuple[Record, ...]: ...  # noqa: D102
    @property
    def problems(self) -> tuple[Problem, ...]: ...  # noqa: D102


class News(NamedTuple):
    """Problems of an object that it did not have when it was last seen."""

    feed: FeedKey
    namespace: str
    name: str
    problems: tuple[Problem, ...]


class NamespaceFacts(NamedTuple):
    """What is added up over one namespace of backup resources."""

    key: NamespaceKey
    expired: int
    failed_deletions: int
    events: dict[str, int]


class ClusterFacts(NamedTuple):
    """Whether a cluster answers. `up` is None until it is known; `blind` seconds without an answer so far."""

    cluster: str
    up: bool | None = None
    blind: float = 0.0
    clock_skew: float | None = None
