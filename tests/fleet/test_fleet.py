import asyncio
from collections.abc import Callable, Sequence

import pytest

from backup_sentinel.errors import ProblemReason
from backup_sentinel.fleet import Fleet, Shard
from backup_sentinel.fleet.precedence import Candidate, Rank
from backup_sentinel.kube.settings import ClusterSettings
from backup_sentinel.model import Problem
from fleet.conftest import Follower, Log

HERE = ClusterSettings()


def cluster(name: str, host: str = "") -> ClusterSettings:
    return ClusterSettings(name=name, api_url=f"https://{host or name}.example")


def secret(name: str, cluster_name: str, created: str) -> Candidate:
    return Candidate(
        settings=cluster(cluster_name, name),
        rank=Rank.SECRET,
        origin=f"Secret ns/{name}",
        age=(created, "ns", name),
    )


class Hand:
    """A source that is moved by hand."""

    def __init__(self, *held: Candidate) -> None:
        self.held: Sequence[Candidate] = held
        self.changed: Callable[[], None] = lambda: None

    def candidates(self) -> Sequence[Candidate]:
        return self.held

    async def settled(self) -> None:
        return

    async def run(self, changed: Callable[[], None]) -> None:
        self.changed = changed

    def put(self, *held: Candidate) -> None:
        self.held = held
        self.changed()


@pytest.mark.parametrize(
    ("configured", "environment", "names"),
    [
        ((HERE,), (), [""]),
        ((HERE,), (cluster("a"),), ["a"]),
        ((ClusterSettings(context="x"),), (cluster("a"),), ["", "a"]),
        ((cluster("b"),), (cluster("a"),), ["b", "a"]),
        ((), (), []),
    ],
)
def test_the_cluster_that_nobody_named_gives_way_to_the_environment(
    configured: tuple[ClusterSettings, ...], environment: tuple[ClusterSettings, ...], names: list[str]
) -> None:
    assert list(Fleet(configured, environment=environment).wanted) == names


def test_it_stays_beside_secrets() -> None:
    assert list(Fleet((HERE,), sources=[Hand(secret("s", "a", "1"))]).wanted) == ["", "a"]


async def test_whole_sets_only_when_they_differ() -> None:
    fleet = Fleet((cluster("a"),))
    follower = Follower(fleet, [])
    assert await follower.next() == {"a": cluster("a")}
    fleet.configure((cluster("a"),))
    await follower.still()
    fleet.configure((cluster("a"), cluster("b")))
    fleet.configure((cluster("b"), cluster("a", "elsewhere")))
    assert await follower.next() == {"b": cluster("b"), "a": cluster("a", "elsewhere")}
    fleet.configure((cluster("a", "elsewhere"), cluster("b")))
    await follower.still()
    fleet.configure(())
    assert await follower.next() == {}
    await follower.close()


async def test_a_change_and_its_opposite_are_none() -> None:
    fleet = Fleet((cluster("a"),))
    follower = Follower(fleet, [])
    await follower.next()
    fleet.configure(())
    fleet.configure((cluster("a"),))
    await follower.still()
    await follower.close()


async def test_everybody_who_listens_hears() -> None:
    fleet = Fleet(())
    followers = [Follower(fleet, []) for _ in range(3)]
    for follower in followers:
        assert await follower.next() == {}
    waiting = [asyncio.create_task(follower.next()) for follower in followers]
    await asyncio.sleep(0)
    fleet.configure((cluster("a"),))
    assert [set(wanted) for wanted in await asyncio.gather(*waiting)] == [{"a"}] * 3
    for follower in followers:
        await follower.close()


async def test_who_wins_a_name(log: Log) -> None:
    problems: list[Problem] = []
    hand = Hand(secret("young", "x", "2026-01-02T00:00:00Z"), secret("old", "x", "2026-01-01T00:00:00Z"))
    fleet = Fleet((), environment=(cluster("e"),), sources=[hand], problem=problems.append)
    await fleet.run()
    assert fleet.wanted["x"].api_url == "https://old.example"
    assert [problem.reason for problem in problems] == [ProblemReason.DUPLICATE]

    fleet.configure((cluster("x", "config"), cluster("e", "config")))
    assert {str(found.api_url) for found in fleet.wanted.values()} == {"https://config.example"}
    assert (
        len(log.matching("its name is taken", '"source": "Secret ns/old"', '"taken_by": "configuration"'))
        == 1
    )
    assert len(log.matching("its name is taken", '"source": "environment"')) == 1

    said = len(log.lines)
    hand.put(*reversed(hand.held))
    assert len(log.lines) == said

    fleet.configure(())
    hand.put(hand.held[1])
    assert fleet.wanted["x"].api_url in {"https://old.example", "https://young.example"}
    assert log.matching("cluster changed", '"cluster": "x"')


def test_same_age_is_decided_by_name() -> None:
    both = [secret("b", "x", "1"), secret("a", "x", "1")]
    for held in (both, both[::-1]):
        assert Fleet((), sources=[Hand(*held)]).wanted["x"].api_url == "https://a.example"


async def test_shards_share_the_fleet(log: Log) -> None:
    names = [f"c{number}" for number in range(40)]
    hand = [Hand(*(secret(f"s{name}", name, "1") for name in names[20:])) for _ in range(4)]
    fleets = [
        Fleet(
            tuple(map(cluster, names[:10])),
            environment=tuple(map(cluster, names[5:20])),
            sources=[hand[index]],
        )
        for index in range(4)
    ]
    whole = fleets[0].wanted
    assert sorted(whole) == sorted(names)
    parts = [
        Fleet(
            tuple(map(cluster, names[:10])),
            environment=tuple(map(cluster, names[5:20])),
            sources=[hand[index]],
            shard=Shard(index, 4),
        ).wanted
        for index in range(4)
    ]
    assert sum(map(len, parts)) == 40
    assert {name: settings for part in parts for name, settings in part.items()} == whole
    assert all(part for part in parts)
    # Each of the five clashes is told once by the fleets that are whole, and once by all shards together.
    assert len(log.matching("its name is taken")) == 4 * 5 + 5


async def test_comings_and_goings_are_told(log: Log) -> None:
    hand = Hand()
    fleet = Fleet((cluster("a"),), sources=[hand])
    await fleet.run()
    assert not log.matching("cluster added")
    hand.put(secret("s", "b", "1"))
    assert log.matching("cluster added", '"cluster": "b"', "Secret ns/s")
    hand.put()
    assert log.matching("cluster removed", '"cluster": "b"')
