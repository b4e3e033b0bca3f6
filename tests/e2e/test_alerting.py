"""From a backup to the phone: simulated clusters, our exporter, a Prometheus with our rules, an Alertmanager with our
routes and templates, and loopback servers that stand for OpsGenie, PagerDuty, Slack, Teams and Rocket.Chat.

The rules are those that are shipped but for one thing: a minute of `for` is 0.4 seconds, so that a story does not last
half an hour; the order in which alerts fire stays. And Alertmanager waits for milliseconds where its configuration says seconds or minutes; repetitions stay hours apart.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from datetime import datetime
from pathlib import Path
from typing import Any, Self, TypeVar

import pytest

from backup_sentinel.demo.beats import perform
from backup_sentinel.demo.control import Control
from backup_sentinel.demo.story import Story
from backup_sentinel.demo.storyfile import Beat, parse_story
from support.alertmanager import Alertmanager, hurry, join, shipped, turn_to_loopback
from support.exporter import Exporter
from support.process import free_port, require, wait_until
from support.prometheus import Prometheus
from support.receivers import Receivers, check
from support.rules import hurried

pytestmark = pytest.mark.e2e

ROOT = Path(__file__).resolve().parents[2]
PAGES = ("opsgenie", "pagerduty")
CHATS = ("slack", "msteams", "rocketchat")
FAST = {"export": {"discovery_interval_seconds": 0.5, "render_interval_seconds": 0.1}}
STORY = """
name: alerting
history: 3d
slots: false
clusters:
  prod:
    sites:
      - namespace: velero
        locations: [{name: default, default: true}]
        schedules:
          - {name: shop, schedule: daily -2h, namespaces: [shop]}
          - {name: wiki, schedule: daily -3h, namespaces: [wiki]}
"""

T = TypeVar("T")


class Stage:
    """Plays a story in a thread of its own, so that a test can wait for others meanwhile."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self.control: Control

    def __enter__(self) -> Self:
        self._thread.start()

        async def start() -> Control:
            control = Control(Story(parse_story(self._text)))
            await control.start()
            return control

        self.control = self._await(start())
        return self

    def __exit__(self, *_: object) -> None:
        self._await(self.control.stop())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def _await(self, coroutine: Any) -> Any:
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(30)

    def call(self, function: Callable[[], T]) -> T:
        """Call something in the thread that serves the clusters."""
        done: Future[T] = Future()
        self._loop.call_soon_threadsafe(lambda: done.set_result(function()))
        return done.result(30)

    def run(self, schedule: str, outcome: str = "completed", cause: str = "") -> None:
        """Let a run of a schedule begin and end. Runs are named by the second, so the next one waits for its own."""
        story = self.control.story

        def play() -> bool:
            beat = Beat(do="run", schedule=schedule, outcome=outcome, cause=cause)
            if any("nothing starts" in line for line in perform(story.stage, beat)):
                story.step()
                return False
            while story.stage.open:
                story.step()
            return True

        wait_until(lambda: self.call(play), f"a run of {schedule}")

    def line(self, do: str) -> None:
        """Take the API server away (`offline`) or bring it back (`online`)."""
        self.call(lambda: perform(self.control.story.stage, Beat(do=do, cluster="prod")))
        self._await(self.control.align())

    def promise(self, schedule: str, max_age: int) -> None:
        """Set how old the newest recovery point of a schedule may be, in seconds."""
        stage = self.control.story.stage

        def annotate() -> None:
            [spec] = [site.schedules[schedule].spec for site in stage.sites if schedule in site.schedules]
            spec.annotations = {"backup-sentinel.io/max-age": f"{max_age}s"}
            stage.settle()

        self.call(annotate)


class Chain:
    """Everything from the cluster to the services."""

    def __init__(self, directory: Path, receivers: Receivers, stage: Stage) -> None:
        self.receivers = receivers
        self.stage = stage
        config = shipped()
        join(config, "pagerduty", "msteams", "rocketchat")
        hurry(config["route"])
        config = turn_to_loopback(config, receivers, directory)
        self.alertmanager = Alertmanager(directory / "alertmanager", config)
        address = f"127.0.0.1:{free_port()}"
        cluster = {"name": "prod", "api_url": stage.control.servers["prod"].url}
        self.exporter = Exporter(
            directory / "exporter", {"clusters": [cluster], "web": {"listen": address}, **FAST}
        )
        self.prometheus = Prometheus(
            directory / "prometheus",
            [{"job_name": "backup-sentinel", "static_configs": [{"targets": [address]}]}],
            rule_files={"backup-sentinel": hurried()},
        )

    def __enter__(self) -> Self:
        with contextlib.ExitStack() as stack:
            stack.enter_context(self.alertmanager)
            stack.enter_context(self.exporter)
            self.exporter.wait_ready()
            self._configure()
            stack.enter_context(self.prometheus)
            self._stack = stack.pop_all()
        return self

    def _configure(self) -> None:
        self.prometheus.settings = {
            "global": {"scrape_interval": "500ms", "evaluation_interval": "500ms"},
            "alerting": {"alertmanagers": [{"static_configs": [{"targets": [self.alertmanager.address]}]}]},
        }

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def wait_for_state(self, name: str, state: str, **labels: str) -> dict[str, Any]:
        """Return an alert once Alertmanager has it in a state: active or suppressed."""

        def found() -> dict[str, Any] | None:
            alerts = self.alertmanager.alerts(alertname=name, **labels)
            return next((alert for alert in alerts if alert["status"]["state"] == state), None)

        alert: dict[str, Any] = self.alertmanager.wait_until(found, f"{name} is {state}")
        return alert

    def wait_for_rules(self) -> None:
        """Wait until every rule has been evaluated twice from now on, with what is scraped meanwhile."""
        for _ in range(2):
            begin = time.time()

            def all_later(begin: float = begin) -> bool:
                groups = self.prometheus._api("rules", {})["groups"]
                stamps = [re.sub(r"(\.\d{6})\d+", r"\1", group["lastEvaluation"]) for group in groups]
                return all(datetime.fromisoformat(stamp).timestamp() > begin for stamp in stamps)

            wait_until(all_later, "the rules are evaluated")

    def counts(self) -> dict[str, int]:
        """Return how many requests each service has got."""
        services = [request.service for request in self.receivers.got()]
        return {service: services.count(service) for service in sorted(set(services))}


@pytest.fixture
def chain(tmp_path: Path) -> Iterator[Chain]:
    require("alertmanager")
    with Receivers() as receivers, Stage(STORY) as stage, Chain(tmp_path, receivers, stage) as chain:
        yield chain
        for request in receivers.got():
            check(request)


def test_partial_then_failed_then_good_again(chain: Chain) -> None:
    receivers, stage = chain.receivers, chain.stage
    s = 'schedule="shop",cluster="prod"'
    chain.prometheus.wait_for(f"kube_backup_last_success_timestamp_seconds{{{s}}}")
    chain.wait_for_rules()
    assert chain.counts() == {}, "all is well, nobody hears of it"

    # A partial backup: a warning in the chat, and nowhere else.
    stage.run("shop", "partial", "hook")
    for chat in CHATS:
        warning = receivers.wait_for(chat, lambda request: "Backup partially failed" in request.text)
        assert "velero/shop" in warning.text
        assert "prod" in warning.text
        assert "PartiallyFailed/runbook.md" in warning.text
        assert re.search(r"Last good backup:\W+20\d\d-", warning.text)
        assert re.search(r"Next run:\W+20\d\d-", warning.text)
    alert = chain.wait_for_state("KubeBackupPartiallyFailed", "active")
    assert [receiver["name"] for receiver in alert["receivers"]] == ["backup-sentinel-chat"]
    chain.wait_for_rules()
    assert set(chain.counts()) <= {*CHATS}
    assert {request.body["channel"] for request in receivers.got("rocketchat")} == {"#backups"}

    # A failed one: a page, with what to know on the lock screen.
    stage.run("shop", "failed", "credentials")
    page = receivers.wait_for("opsgenie")
    assert page.body["message"] == "Backup failed: velero/shop in prod"
    assert page.body["priority"] == "P1"
    assert "reason: credentials" in page.body["description"]
    for text in ("Since", "Last good backup", "Next run"):
        found = rf"^{text}: 20\d\d-\d\d-\d\d \d\d:\d\d UTC$"
        assert re.search(found, page.body["description"], re.MULTILINE), text
    assert page.body["details"]["schedule"] == "shop"
    incident = receivers.wait_for("pagerduty")
    assert incident.body["payload"]["severity"] == "critical"
    receivers.wait_for("slack-critical", lambda request: "Backup failed" in request.text)
    receivers.wait_for("slack", lambda request: "Backup failed" in request.text)

    # It fails once more: the same problem, nobody is told again.
    chain.wait_for_rules()
    before = {page: len(receivers.got(page)) for page in PAGES}
    stage.run("shop", "failed", "network")
    chain.prometheus.wait_for(f'kube_backup_last_run_info{{{s},reason="network"}}')
    chain.wait_for_rules()
    assert {page: len(receivers.got(page)) for page in PAGES} == before

    # The next success ends it: the same alias, and the chat hears of it.
    stage.run("shop")
    closed = receivers.wait_for("opsgenie", lambda request: request.path.endswith("/close"))
    assert closed.path.split("/")[2] == page.body["alias"]
    resolved = receivers.wait_for("pagerduty", lambda request: request.body["event_action"] == "resolve")
    assert resolved.body["dedup_key"] == incident.body["dedup_key"]
    receivers.wait_for("slack-critical", lambda request: "Resolved: Backup failed" in request.text)

    # And a failure in another week is another alert of the same alias.
    seen = len(receivers.got("opsgenie"))
    stage.run("shop", "failed", "capacity")
    again = receivers.wait_for("opsgenie", after=seen)
    assert again.body["alias"] == page.body["alias"]


def test_an_outage_of_the_api_server_pages_once_for_the_cluster_and_for_no_schedule(chain: Chain) -> None:
    receivers, stage = chain.receivers, chain.stage
    stage.run("wiki")
    began = wait_until(
        lambda: next(
            (
                value
                for _, value in chain.exporter.samples(
                    "kube_backup_last_recovery_point_timestamp_seconds", schedule="wiki"
                )
                if value > time.time() - 60
            ),
            None,
        ),
        "the run of wiki is seen",
    )
    max_age = int(time.time() - began) + 10
    stage.promise("wiki", max_age)
    chain.prometheus.wait_for(
        f'kube_backup_schedule_deadline_timestamp_seconds{{schedule="wiki"}} == {began + max_age}'
    )
    stage.line("offline")

    chain.wait_for_state("BackupSentinelBlind", "active")
    page = receivers.wait_for("opsgenie")
    assert page.body["message"] == "Backup Sentinel: cluster unreachable: cluster prod"
    assert page.body["priority"] == "P1"
    overdue = chain.wait_for_state("KubeBackupOverdue", "suppressed", schedule="wiki")
    assert overdue["status"]["inhibitedBy"]
    # For the page, the critical chat and the chat.
    chain.alertmanager.wait_until(
        lambda: chain.alertmanager.suppressed() >= 3, "it was to be sent and was not"
    )
    chain.wait_for_rules()
    assert len(receivers.got("opsgenie")) == 1
    assert len(receivers.got("pagerduty")) == 1
    assert not [request for request in receivers.got() if "wiki" in request.text]

    stage.run("wiki")  # Backups go on while nobody looks.
    stage.line("online")
    alias = page.body["alias"]
    receivers.wait_for("opsgenie", lambda request: request.path == f"v2/alerts/{alias}/close", timeout=60)


def test_a_restart_of_the_exporter_sends_nothing(chain: Chain) -> None:
    receivers, stage = chain.receivers, chain.stage
    stage.run("shop", "failed", "credentials")
    stage.run("wiki", "partial", "hook")
    for page in PAGES:
        receivers.wait_for(page)
    for service in (*CHATS, "slack-critical", "msteams-critical"):
        receivers.wait_for(service, lambda request: "Backup failed" in request.text)
    for chat in CHATS:
        receivers.wait_for(chat, lambda request: "Backup partially failed" in request.text)
    wait_until(lambda: len(receivers.got("rocketchat")) == 3, "both channels of Rocket.Chat")
    chain.wait_for_rules()
    before = chain.counts()

    chain.exporter.stop()
    chain.prometheus.wait_for("up == 0")
    chain.wait_for_rules()
    chain.exporter.start()
    chain.exporter.wait_ready()
    chain.prometheus.wait_for("up == 1")
    chain.prometheus.wait_for('kube_backup_last_failure_timestamp_seconds{schedule="shop"}')
    chain.wait_for_rules()
    assert chain.counts() == before
    assert {alert["labels"]["alertname"] for alert in chain.alertmanager.alerts()} == {
        "KubeBackupFailed",
        "KubeBackupPartiallyFailed",
    }
