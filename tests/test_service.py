"""The exporter as a process: configuration read again, clusters that come and go, shards, a locked front door."""

from __future__ import annotations

import asyncio
import base64
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from importlib.resources import files
from pathlib import Path
from typing import Any, TypeVar

import bcrypt
import pytest
import yaml

from backup_sentinel import service
from backup_sentinel.config import Config
from backup_sentinel.demo.apiserver import SimulatedApiServer
from backup_sentinel.demo.story import Story
from backup_sentinel.export.archive import StateSettings
from backup_sentinel.service import Service
from backup_sentinel.telemetry import Telemetry
from support.exporter import Exporter
from support.process import wait_until

T = TypeVar("T")


@pytest.fixture
async def clusters() -> AsyncIterator[list[dict[str, Any]]]:
    """Entries of a configuration for two simulated clusters."""
    async with AsyncExitStack() as stack:
        entries = []
        for name, cluster in list(Story.load("fleet").clusters.items())[:2]:
            server = await stack.enter_async_context(SimulatedApiServer(cluster))
            entries.append({"name": name, "api_url": server.url})
        yield entries


async def aside(call: Callable[..., T], *arguments: Any) -> T:
    """Run what blocks beside the loop on which the simulated clusters live."""
    return await asyncio.to_thread(call, *arguments)


def rewrite(exporter: Exporter, settings: dict[str, Any]) -> None:
    config = exporter.directory / "config.yaml"
    text = yaml.safe_dump({**yaml.safe_load(config.read_text("utf-8")), **settings})
    fresh = config.with_suffix(".new")
    fresh.write_text(text, encoding="utf-8")
    fresh.replace(config)


def seen(exporter: Exporter) -> set[str]:
    return {labels["cluster"] for labels, _ in exporter.samples("backup_sentinel_cluster_up")}


def series(exporter: Exporter) -> set[tuple[str, ...]]:
    found = exporter.samples("kube_backup_last_success_timestamp_seconds")
    return {tuple(sorted(labels.values())) for labels, _ in found}


async def test_clusters_come_and_go_with_the_configuration(
    clusters: list[dict[str, Any]], tmp_path: Path
) -> None:
    def story() -> None:
        with Exporter(tmp_path, {"clusters": clusters[:1]}) as exporter:
            exporter.wait_ready()
            kept = series(exporter)
            assert kept
            rewrite(exporter, {"clusters": clusters})
            exporter.signal(signal.SIGHUP)
            wait_until(
                lambda: seen(exporter) == {"prod-eu", "staging"} or None, "the second cluster is watched"
            )
            assert kept <= series(exporter)
            rewrite(exporter, {"clusters": clusters[1:]})
            wait_until(
                lambda: seen(exporter) == {"staging"} or None,
                "the first cluster is forgotten, without a signal",
            )
            assert not {row for row in series(exporter) if "prod-eu" in row}
            assert exporter.value("backup_sentinel_config_last_reload_successful") == 1

    await aside(story)


async def test_a_broken_configuration_changes_nothing(clusters: list[dict[str, Any]], tmp_path: Path) -> None:
    def story() -> None:
        with Exporter(tmp_path, {"clusters": clusters}) as exporter:
            exporter.wait_ready()
            before = series(exporter)
            good = exporter.value("backup_sentinel_config_last_reload_success_timestamp_seconds")
            rewrite(exporter, {"clusters": [], "exprot": {}})
            exporter.signal(signal.SIGHUP)
            name = "backup_sentinel_config_last_reload_successful"
            wait_until(lambda: exporter.value(name) == 0 or None, "the failure is told")
            assert series(exporter) == before
            assert exporter.value("backup_sentinel_config_last_reload_success_timestamp_seconds") == good
            told = [line["message"] for line in exporter.lines() if "was not taken" in line["message"]]
            assert told
            assert all("did you mean `export`" in message for message in told)

    await aside(story)


async def test_a_file_that_is_being_written_is_left_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its first half is a good configuration as well, of fewer clusters."""
    reads: list[str] = []
    path = tmp_path / "config.yaml"
    path.touch()
    pieces = [f"# {number}\n" for number in range(6)]
    loop, done = asyncio.get_running_loop(), asyncio.Event()

    def read() -> Config:
        reads.append(path.read_text("utf-8"))
        loop.call_soon_threadsafe(done.set)
        return config

    class Watched(Service):
        def _stamps(self, path: str) -> Any:
            if pieces:
                with Path(path).open("a", encoding="utf-8") as file:
                    file.write(pieces.pop(0))
            return super()._stamps(path)

    monkeypatch.setattr(service, "LOOK_INTERVAL", 0.01)
    config = Config(state=StateSettings(backend="off"))
    running = asyncio.create_task(Watched(config, str(path), Telemetry(), read, outside=False).run())
    await asyncio.wait({running, waiting := asyncio.create_task(done.wait())}, return_when="FIRST_COMPLETED")
    assert waiting.done()
    assert [text.count("#") for text in reads] == [6]
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


async def test_a_new_promise_is_taken_without_a_gap(clusters: list[dict[str, Any]], tmp_path: Path) -> None:
    def story() -> None:
        with Exporter(tmp_path, {"clusters": clusters}) as exporter:
            exporter.wait_ready()
            before = series(exporter)
            rewrite(exporter, {"export": {"promises": [{"schedule": "mysql-*", "max_age": "8d"}]}})
            exporter.signal(signal.SIGHUP)

            def taken() -> bool | None:
                assert before <= series(exporter), "a series vanished on the way"
                return (
                    exporter.value("kube_backup_schedule_max_age_seconds", schedule="mysql-daily") == 691200
                    or None
                )

            wait_until(taken, "the promise is shown")

    await aside(story)


async def test_profiles_in_folders_are_read_again_as_well(
    clusters: list[dict[str, Any]], tmp_path: Path
) -> None:
    shipped = files("backup_sentinel.export.profiles").joinpath("velero.yaml").read_text("utf-8")
    folder = tmp_path / "profiles"
    folder.mkdir()

    def write(operator: str, text: str = shipped) -> Path:
        file = folder / f"{operator}.yaml"
        file.write_text(text.replace("operator: velero", f"operator: {operator}"), encoding="utf-8")
        return file

    def operators(exporter: Exporter) -> set[str]:
        found = exporter.samples("kube_backup_last_success_timestamp_seconds")
        return {labels["operator"] for labels, _ in found} & {"mine", "yours"}

    def story() -> None:
        first = write("mine")
        settings = {"clusters": clusters[:1], "profiles": {"folders": [str(folder)]}}
        with Exporter(tmp_path / "exporter", settings) as exporter:
            exporter.wait_ready()
            assert operators(exporter) == {"mine"}
            write("yours")
            first.unlink()
            wait_until(lambda: operators(exporter) == {"yours"} or None, "another profile is used")
            good = exporter.value("backup_sentinel_config_last_reload_success_timestamp_seconds")
            write("yours", "operator: velero\nresuorces: []\n")
            exporter.signal(signal.SIGHUP)
            name = "backup_sentinel_config_last_reload_successful"
            wait_until(lambda: exporter.value(name) == 0 or None, "the failure is told")
            assert operators(exporter) == {"yours"}
            assert exporter.value("backup_sentinel_config_last_reload_success_timestamp_seconds") == good

    await aside(story)


async def test_shards_are_together_the_whole(clusters: list[dict[str, Any]], tmp_path: Path) -> None:
    def story() -> None:
        whole: set[tuple[str, ...]] = set()
        parts: list[set[tuple[str, ...]]] = []
        for number, arguments in enumerate(("", "0/3", "1/3", "2/3")):
            command = ("export", *(("--shard", arguments) if arguments else ()))
            with Exporter(tmp_path / str(number), {"clusters": clusters}, arguments=command) as exporter:
                exporter.wait_ready()
                if arguments:
                    parts.append(series(exporter))
                    assert exporter.value("backup_sentinel_shards") == 3
                    assert exporter.value("backup_sentinel_shard") == number - 1
                    [listening] = [line for line in exporter.lines() if line["message"] == "listening"]
                    assert listening["clusters"] == len(seen(exporter))
                else:
                    whole = series(exporter)
        assert whole
        assert set.union(*parts) == whole
        assert sum(map(len, parts)) == len(whole)

    await aside(story)


async def test_the_front_door_is_before_every_route(clusters: list[dict[str, Any]], tmp_path: Path) -> None:
    secret = bcrypt.hashpw(b"not-a-secret", bcrypt.gensalt(4)).decode()
    (tmp_path / "web.yaml").write_text(
        yaml.safe_dump({"basic_auth_users": {"prometheus": secret}}), encoding="utf-8"
    )
    web = {"listen": "127.0.0.1:0", "config_file": str(tmp_path / "web.yaml")}
    right = {"Authorization": "Basic " + base64.b64encode(b"prometheus:not-a-secret").decode()}
    wrong = {"Authorization": "Basic " + base64.b64encode(b"prometheus:guess").decode()}

    def story() -> None:
        with Exporter(tmp_path / "exporter", {"clusters": clusters, "web": web}) as exporter:
            for path in ("/", "/metrics", "/-/healthy", "/-/ready", "/api/v1/schedules", "/nothing"):
                assert exporter.get(path)[0] == 401, path
                assert exporter.get(path, wrong)[0] == 401, path
            assert exporter.get("/-/healthy", right)[0] == 200
            assert exporter.get("/nothing", right)[0] == 404

    await aside(story)


def test_a_port_that_is_taken_is_one_line(tmp_path: Path) -> None:
    import socket

    with socket.create_server(("127.0.0.1", 0)) as taken:
        listen = f"127.0.0.1:{taken.getsockname()[1]}"
        done = subprocess.run(
            [sys.executable, "-m", "backup_sentinel", "demo", "--listen", listen],
            check=False,
            capture_output=True,
            text=True,
            timeout=60,
        )
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
    assert done.stderr.startswith(f"backup-sentinel: cannot listen on {listen}")
    assert "--listen" in done.stderr
