"""Which cluster has a name that several claim: configuration before environment before Secrets, of two Secrets the older."""

from collections.abc import Iterable
from enum import IntEnum

import msgspec

from backup_sentinel.kube.settings import ClusterSettings


class Rank(IntEnum):
    """Where a cluster was found; the lower one wins."""

    CONFIGURATION = 0
    ENVIRONMENT = 1
    SECRET = 2


class Candidate(msgspec.Struct, frozen=True, kw_only=True):
    """One cluster that one source names.

    `origin` says where, for messages. `age` orders candidates of one rank: what sorts first wins.
    """

    settings: ClusterSettings
    rank: Rank
    origin: str
    age: tuple[str, ...] = ()


class Clash(msgspec.Struct, frozen=True):
    """`loser` is not watched, because `winner` has the name; both are origins."""

    name: str
    winner: str
    loser: str


def merge(candidates: Iterable[Candidate]) -> tuple[dict[str, Candidate], list[Clash]]:
    """Return the winner of each name, best rank first, and who lost."""
    winners: dict[str, Candidate] = {}
    clashes = []
    for candidate in sorted(candidates, key=lambda candidate: (candidate.rank, candidate.age)):
        name = candidate.settings.name
        winner = winners.setdefault(name, candidate)
        if winner is not candidate:
            clashes.append(Clash(name, winner.origin, candidate.origin))
    return winners, clashes
