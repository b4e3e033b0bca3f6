"""Labelled Secrets on an API server, over real HTTP."""

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest

from backup_sentinel.demo.access import Grant
from backup_sentinel.demo.apiserver import SimulatedApiServer
from backup_sentinel.demo.faults import Answer, Expired
from backup_sentinel.errors import ProblemReason
from backup_sentinel.fleet import Fleet, SecretSource
from backup_sentinel.kube import credentials
from backup_sentinel.kube.settings import ClusterSettings
from fleet.conftest import HOME, TOKENS, Follow, Follower, Log, created, manifest, unlabelled
from fleet.test_kubeconfig import config

ONE, TWO, _ = TOKENS
URL = "https://{}.example:6443".format


async def test_added_changed_removed(home: SimulatedApiServer, follow: Follow, log: Log) -> None:
    put = home.cluster.put
    put(manifest("prod", server=URL("prod"), token=ONE))
    put(unlabelled(manifest("other", server=URL("other"))))
    put(manifest("stranger", "default", server=URL("stranger")))
    async with follow() as follower:
        wanted = await follower.until("prod")
        assert wanted["prod"] == ClusterSettings(name="prod", api_url=URL("prod"), token=ONE)
        assert ONE not in repr(wanted)

        put(manifest("lab", server=URL("lab"), label="The lab"))
        wanted = await follower.until("prod", "lab")
        assert wanted["lab"].title == "The lab"

        put(manifest("prod", server=URL("prod"), token=TWO))
        assert (await follower.next())["prod"].token == TWO

        put(manifest("prod", server=URL("prod"), token=TWO, surplus="x"))
        await follower.still()

        put(manifest("lab", name="renamed", server=URL("lab")))
        await follower.until("prod", "renamed")

        put(unlabelled(manifest("prod", server=URL("prod"), token=TWO)))
        await follower.until("renamed")
        home.cluster.delete("secrets", HOME, "lab")
        assert await follower.until() == {}
        put(manifest("other", server=URL("other")))
        await follower.until("other")
    assert log.matching("cluster added", "The lab", f"Secret {HOME}/lab")


async def test_the_server_selects(home: SimulatedApiServer, follow: Follow) -> None:
    home.watch_list = "refused"
    async with follow():
        await home.journal.wait("watch", "secrets", count=2)
    asked = home.journal.find(resource="secrets")
    assert {entry.verb for entry in asked} == {"list", "watch"}
    assert {entry.query.get("labelSelector") for entry in asked} == {"backup-sentinel.io/cluster=true"}
    assert {entry.namespace for entry in asked} == {HOME}


async def test_a_malformed_one_is_a_problem_and_the_others_go_on(
    home: SimulatedApiServer, follow: Follow, log: Log
) -> None:
    put = home.cluster.put
    put(manifest("bad", token=ONE))
    put(manifest("good", server=URL("good")))
    async with follow() as follower:
        await follower.until("good")
        assert [problem.reason for problem in follower.problems] == [ProblemReason.NO_IDENTITY]
        [line] = log.matching("Secret does not describe a cluster:")
        assert '"secret": "bad"' in line

        put(manifest("good", server=f"https://u:{ONE}@good.example"))
        await wait(lambda: len(follower.problems) == 2)
        assert follower.fleet.wanted["good"].api_url == URL("good")
        assert log.matching("its last usable version counts", '"secret": "good"', '"path": "data.server"')

        put(manifest("bad", server=URL("bad"), token=ONE))
        await follower.until("good", "bad")
        home.cluster.delete("secrets", HOME, "good")
        await follower.until("bad")
        put(manifest("good", server="nonsense"))
        await wait(lambda: len(follower.problems) == 3)
        assert set(follower.fleet.wanted) == {"bad"}


async def test_a_list_read_again_tells_nothing_again(
    home: SimulatedApiServer, follow: Follow, log: Log
) -> None:
    home.cluster.put(manifest("bad"))
    home.cluster.put(manifest("good", server=URL("good")))
    async with follow() as follower:
        await follower.until("good")
        home.faults.add(Expired(verb="watch", resource="secrets", times=2))
        await home.down()
        await home.up()
        home.cluster.put(manifest("new", server=URL("new")))
        await follower.until("good", "new")
        assert len(follower.problems) == 1
        assert len(log.matching("Secret does not describe a cluster")) == 1


async def test_away_and_back(home: SimulatedApiServer, follow: Follow, log: Log) -> None:
    put = home.cluster.put
    put(manifest("one", server=URL("one")))
    put(manifest("two", server=URL("two")))
    async with follow() as follower:
        await follower.until("one", "two")
        await home.down()
        await wait(lambda: log.matching("cannot read Secrets that describe clusters; those known"))
        assert set(follower.fleet.wanted) == {"one", "two"}
        home.cluster.delete("secrets", HOME, "one")
        put(manifest("three", server=URL("three")))
        await follower.still(1)
        home.cluster.compact()
        await home.up()
        await follower.until("two", "three")
        assert log.matching("can read Secrets that describe clusters again")
        assert len(log.matching("cannot read Secrets")) == 1


async def test_made_anew_while_nobody_looked(home: SimulatedApiServer, follow: Follow) -> None:
    home.cluster.put(manifest("one", server=URL("one")))
    async with follow() as follower:
        await follower.until("one")
        await home.down()
        home.cluster.delete("secrets", HOME, "one")
        home.cluster.put(manifest("one", server="nonsense"))
        home.cluster.compact()
        await home.up()
        await follower.until()
        assert len(follower.problems) == 1


async def test_forbidden_says_what_to_grant(home: SimulatedApiServer, follow: Follow, log: Log) -> None:
    home.access.tokens[TOKENS[2]] = "sentinel"
    home.access.grants["sentinel"] = []
    home.cluster.put(manifest("one", server=URL("one")))
    configured = (ClusterSettings(name="here", in_cluster=True),)
    async with follow(configured) as follower:
        await follower.until("here")
        await asyncio.sleep(1)
        [line] = log.matching("cannot read Secrets", "is forbidden")
        assert "grant get, list and watch on secrets in this namespace" in line
        home.access.grants["sentinel"] = [Grant(("list", "watch"), ("secrets",), (HOME,))]
        await follower.until("here", "one")


async def test_not_asked_before_it_answers(home: SimulatedApiServer, follow: Follow) -> None:
    home.faults.add(Answer(resource="secrets", times=3))
    home.cluster.put(manifest("one", server=URL("one")))
    async with follow((ClusterSettings(name="here", in_cluster=True),), settle=False) as follower:
        assert set(await follower.next()) == {"here"}
        await follower.until("here", "one")
        async with asyncio.timeout(1):
            await follower.fleet.settled()


async def test_a_name_that_is_taken(home: SimulatedApiServer, follow: Follow, log: Log) -> None:
    put = home.cluster.put
    put(created("2026-02-01T00:00:00Z", manifest("b", name="prod", server=URL("younger"))))
    put(manifest("c", name="here", server=URL("secret")))
    configured = (ClusterSettings(name="here", api_url=URL("configured")),)
    async with follow(configured, HOME, "default") as follower:
        wanted = await follower.until("here", "prod")
        assert wanted["here"].api_url == URL("configured")
        put(created("2026-01-01T00:00:00Z", manifest("a", "default", name="prod", server=URL("older"))))
        assert (await follower.next())["prod"].api_url == URL("older")
        home.cluster.delete("secrets", "default", "a")
        assert (await follower.next())["prod"].api_url == URL("younger")
        assert [problem.reason for problem in follower.problems] == [ProblemReason.DUPLICATE] * 2
        assert len(log.matching("its name is taken", f"Secret {HOME}/c", '"taken_by": "configuration"')) == 1
        assert len(log.matching("its name is taken", f"Secret {HOME}/b", "Secret default/a")) == 1


async def test_a_kubeconfig(
    home: SimulatedApiServer, follow: Follow, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    home.cluster.put(manifest("prod", kubeconfig=config()))
    async with follow() as follower:
        first = (await follower.until("prod"))["prod"]
        found = await credentials.load(first)
        assert found.authorization == f"Bearer {ONE}"
        home.cluster.put(manifest("prod", kubeconfig=config().replace(ONE, TWO)))
        second = (await follower.next())["prod"]
        assert second != first
        assert (await credentials.load(second)).authorization == f"Bearer {TWO}"
        home.cluster.put(manifest("prod", kubeconfig=config(None, {"exec": {"command": "sh"}})))
        await wait(lambda: len(follower.problems) == 1)
        assert (await credentials.load(second)).authorization == f"Bearer {TWO}"
        home.cluster.put(manifest("prod", server=URL("prod")))
        assert (await follower.next())["prod"].kubeconfig is None
        assert all(path.is_dir() for path in entries(tmp_path))
    assert not entries(tmp_path)


async def test_no_place_for_a_kubeconfig(
    home: SimulatedApiServer, follow: Follow, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "missing"))
    home.cluster.put(manifest("prod", kubeconfig=config()))
    home.cluster.put(manifest("good", server=URL("good")))
    async with follow() as follower:
        await follower.until("good")
        assert "cannot be kept" in follower.problems[0].detail


async def test_the_namespace_of_this_process(home: SimulatedApiServer, tmp_path: Path) -> None:
    kubeconfig = tmp_path / "config"
    kubeconfig.write_text(
        config()
        .replace("https://api.example:6443", home.url)
        .replace("namespace: velero", f"namespace: {HOME}")
    )
    home.cluster.put(manifest("one", server=URL("one")))
    fleet = Fleet((), sources=[SecretSource(ClusterSettings(kubeconfig=str(kubeconfig)))])
    running = asyncio.create_task(fleet.run())
    follower = Follower(fleet, [])
    await follower.until("one")
    await follower.close()
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


async def test_outside_of_any_cluster(log: Log, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("KUBERNETES_SERVICE_HOST", raising=False)
    fleet = Fleet((ClusterSettings(name="a", api_url=URL("a")),), sources=[SecretSource()])
    running = asyncio.create_task(fleet.run())
    async with asyncio.timeout(5):
        await fleet.settled()
    assert set(fleet.wanted) == {"a"}
    assert log.matching("cannot read Secrets that describe clusters: not inside a cluster")
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


def entries(folder: Path) -> list[Path]:
    return list(folder.rglob("*"))


async def wait(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(10):
        while not condition():  # noqa: ASYNC110 - the condition is in another party's hands
            await asyncio.sleep(0.01)
