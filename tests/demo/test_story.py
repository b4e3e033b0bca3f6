from pathlib import Path
from typing import Any

import pytest

from backup_sentinel.clock import Clock
from backup_sentinel.demo.cluster import SimulatedCluster
from backup_sentinel.demo.story import Story
from backup_sentinel.demo.storyfile import STORIES, load_story, parse_story
from backup_sentinel.demo.times import ManualClock, instant, rfc3339
from backup_sentinel.errors import DocumentError
from demo.presence import check

START = instant("2026-11-21T03:30:17Z")
NIGHTLY = """
name: nightly
start: 2026-11-21T00:00:00Z
history: 5d
clusters:
  east:
    sites:
      - namespace: velero
        locations: [{name: default, default: true}]
        schedules:
          - {name: shop, schedule: 0 1 * * *, namespaces: [shop], duration: 20m, ttl: 3d,
             volumes: [{namespace: shop, name: data-0}, {namespace: shop, name: files, mover: fs}]}
"""


def everything(story: Story) -> dict[str, bytes]:
    return {
        f"{name}/{kind.name}/{key}": item.body
        for name, cluster in story.clusters.items()
        for kind in cluster.types
        for key, item in cluster.shelf(kind).items.items()
    }


def nightly(extra: str = "") -> Story:
    return Story(parse_story(NIGHTLY + extra))


def phases(story: Story) -> list[str]:
    found = story.clusters["east"].objects("backups.velero.io")
    return [
        backup["status"].get("phase", "") for backup in sorted(found, key=lambda one: one["metadata"]["name"])
    ]


def newest(story: Story, kind: str = "backups.velero.io") -> dict[str, Any]:
    found = story.clusters["east"].objects(kind)
    newest: dict[str, Any] = max(
        found, key=lambda one: (one["metadata"]["creationTimestamp"], one["metadata"]["name"])
    )
    return newest


@pytest.mark.parametrize("path", sorted(STORIES.glob("*.yaml")), ids=lambda path: path.stem)
def test_shipped_stories_are_valid_at_each_beat_and_the_same_again(path: Path) -> None:
    clocks = [ManualClock(START), ManualClock(START)]
    stories = [Story.load(path, clock=clock) for clock in clocks]
    assert everything(stories[0]) == everything(stories[1])
    for _ in range(110):
        said = []
        for story, clock in zip(stories, clocks, strict=True):
            clock.move(story.tick)
            said.append(story.step())
        assert said[0] == said[1]
        for cluster in stories[0].clusters.values():
            check(cluster, clocks[0].now())
    assert everything(stories[0]) == everything(stories[1])


def test_the_fleet_shows_what_the_demo_is_for() -> None:
    story = Story.load("fleet", clock=ManualClock(START))
    prod, staging = story.clusters["prod-eu"], story.clusters["staging"]
    assert [len(cluster.objects("schedules.velero.io")) for cluster in (prod, staging)] == [10, 6]
    assert {found["metadata"]["namespace"] for found in prod.objects("schedules.velero.io")} == {
        "velero",
        "velero-tenants",
    }
    here = {found["status"]["phase"] for found in prod.objects("backups.velero.io")}
    assert {"Completed", "PartiallyFailed", "Failed", "Deleting"} <= here
    assert "FailedValidation" in {found["status"]["phase"] for found in staging.objects("backups.velero.io")}
    copies = [
        found
        for found in staging.objects("backups.velero.io")
        if found["metadata"]["name"].startswith("shop-daily-")
    ]
    assert len(copies) > 5
    for copy in copies:
        original = prod.get("backups.velero.io", "velero", copy["metadata"]["name"])
        assert original is not None
        assert copy["metadata"]["uid"] != original["metadata"]["uid"]
        assert copy["metadata"]["creationTimestamp"] > copy["status"]["startTimestamp"]
        assert copy["spec"]["storageLocation"] == "prod-eu-readonly"
    heard = set()
    for _ in range(60):
        story.clock.move(5)  # type: ignore[attr-defined]
        heard |= {words for line in story.step() for words in line.split()}
    assert {
        "created",
        "New",
        "InProgress,",
        "Finalizing,",
        "Completed",
        "PartiallyFailed",
        "Failed:",
    } <= heard
    assert {"Queued", "ReadyToStart", "FailedValidation:", "unavailable", "paused", "away", "back"} <= heard


def test_seed_and_clock_matter() -> None:
    file = load_story("fleet")
    one = everything(Story(file, clock=ManualClock(START)))
    file.seed += 1
    assert one != everything(Story(file, clock=ManualClock(START)))


def test_a_real_clock() -> None:
    clock = Clock()
    story = Story(load_story("fleet"), clock=clock)
    story.step()
    for cluster in story.clusters.values():
        check(cluster, clock.now())
    with pytest.raises(TypeError):
        story.advance(5)


def test_the_life_of_a_run_by_the_clock() -> None:
    story = nightly()
    assert phases(story) == ["Completed"] * 3
    assert story.advance(3599) == []
    assert story.advance(1) == ["east: backup shop-20261121010000 is created"]
    said = story.advance(3600)
    assert [line.split(" is ")[-1].split(",")[0] for line in said if "shop-20261121" in line] == [
        *(
            "New",
            "InProgress",
            "InProgress",
            "WaitingForPluginOperations",
            "WaitingForPluginOperations",
            "Finalizing",
        ),
        "east: backup shop-20261121010000 finished Completed",
    ]
    check(story.clusters["east"], story.clock.now())
    schedule = story.clusters["east"].get("schedules.velero.io", "velero", "shop")
    assert schedule is not None
    assert schedule["status"] == {"phase": "Enabled", "lastBackup": "2026-11-21T01:00:00Z"}
    gone = [line for line in said if "20261118" in line]
    assert [line.split(" is ")[-1] for line in gone] == ["being deleted", "gone"]
    assert phases(story) == ["Completed"] * 3
    story.advance(30 * 86400)
    assert len(phases(story)) == 3
    check(story.clusters["east"], story.clock.now())


BEATS = """
slots: false
beats:
  - {at: +10m, do: start, schedule: shop, expect: {running: 1}}
  - {at: +20m, do: progress, schedule: shop}
  - {at: +30m, do: partial, schedule: shop, cause: data_mover}
  - {at: +1h, do: fail, schedule: shop, cause: network}
  - {at: +2h, do: fail, schedule: shop, cause: interrupted}
  - {at: +3h, do: unavailable, location: default, message: gone away}
  - {at: +4h, do: slot, schedule: shop}
  - {at: +5h, do: available, location: default}
  - {at: +6h, do: pause, schedule: shop}
  - {at: +7h, do: stall, schedule: shop}
  - {at: +8h, do: finish, schedule: shop, outcome: warnings}
  - {at: +9h, do: restore, schedule: shop, outcome: partial, duration: 1m}
  - {at: +10h, do: deletion-fails, schedule: shop}
  - {at: +11h, do: delete, schedule: shop}
  - {at: +12h, apply: {apiVersion: velero.io/v1, kind: Schedule, metadata: {name: raw, namespace: velero}}}
  - {at: +13h, remove: {apiVersion: velero.io/v1, kind: Schedule, metadata: {name: raw, namespace: velero}}}
  - {at: +14h, do: offline, cluster: east}
"""


def test_beats_step_by_step() -> None:
    story = nightly(BEATS)
    east = story.clusters["east"]
    beat = story.next_beat
    assert beat is not None
    assert beat.expect == {"running": 1}
    assert story.step()[-1].startswith("east: backup shop-20261121001000 is InProgress, ")
    assert rfc3339(story.clock.now()) == "2026-11-21T00:10:00Z"
    story.step()
    assert story.step()[-1].startswith("east: backup shop-20261121001000 finished PartiallyFailed (")
    uploads = [
        found["status"]["phase"]
        for found in east.objects("datauploads.velero.io")
        if "001000" in found["metadata"]["name"]
    ]
    assert uploads == ["Failed"]
    assert "i/o timeout" in story.step()[-1]
    assert "completionTimestamp" not in newest(story)["status"]
    assert 'found a backup with status "InProgress"' in story.step()[-1]
    assert "completionTimestamp" in newest(story)["status"]
    story.step()
    location = east.get("backupstoragelocations.velero.io", "velero", "default")
    assert location is not None
    assert (location["status"]["phase"], "gone away" in location["status"]["message"]) == (
        "Unavailable",
        True,
    )
    story.step()
    assert "FailedValidation" in story.step()[1]
    story.step()
    assert east.objects("schedules.velero.io")[0]["spec"]["paused"] is True
    story.step()
    assert newest(story)["status"]["phase"] == "InProgress"
    assert story.step()[-1].startswith("east: backup shop-20261121070000 finished Completed (")
    story.step()
    story.step()
    assert newest(story, "restores.velero.io")["status"]["phase"] == "PartiallyFailed"
    story.advance(86400)
    assert story.next_beat is None
    assert newest(story, "deletebackuprequests.velero.io")["status"]["errors"]
    assert east.objects("schedules.velero.io") == []
    assert not east.reachable
    check(east, story.clock.now())


def test_recent_outcomes_and_their_gaps() -> None:
    text = NIGHTLY.replace(
        "duration: 20m", "duration: 20m, recent: [missed, {failed: tls}, stalled, completed]"
    )
    story = Story(parse_story(text.replace("ttl: 3d", "ttl: 30d")))
    assert phases(story) == ["Completed", "Failed", "InProgress"]
    said = story.advance(2 * 86400)
    assert said == []
    assert story.advance(0) == []


def test_beats_before_the_start_are_history() -> None:
    story = nightly("beats:\n  - {at: -26h, do: run, schedule: shop, outcome: failed, cause: capacity}\n")
    failed = [
        one
        for one in story.clusters["east"].objects("backups.velero.io")
        if one["status"]["phase"] == "Failed"
    ]
    assert [one["metadata"]["creationTimestamp"] for one in failed] == ["2026-11-19T22:00:00Z"]
    check(story.clusters["east"], story.clock.now())


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("name: nightly", "nam: nightly", "unknown field `nam`"),
        ("0 1 * * *", "0 1 * *", "cron"),
        ("duration: 20m", "duration: soon", "duration"),
        ("namespace: velero", "namespace: velero\n        operator: none", "no operator 'none'"),
        ("history: 5d", "history: [", "expected"),
        ("history: 5d", "tick: 0s", "tick"),
    ],
)
def test_bad_stories(old: str, new: str, message: str) -> None:
    with pytest.raises(DocumentError, match=message):
        Story(parse_story(NIGHTLY.replace(old, new, 1)))


@pytest.mark.parametrize(
    "beat", ["{do: pause, schedule: none}", "{do: fly}", "{at: -1h, do: pause}", "{do: run, cluster: west}"]
)
def test_bad_beats(beat: str) -> None:
    with pytest.raises(DocumentError):
        nightly(f"beats: [{beat}]").step()


def test_unreadable_file(tmp_path: Path) -> None:
    with pytest.raises(DocumentError, match="cannot be read"):
        load_story(tmp_path / "none.yaml")


def test_a_cluster_has_nothing_in_the_future_after_much_time() -> None:
    story = Story.load("fleet", clock=ManualClock(START))
    story.advance(3 * 86400)
    clusters: list[SimulatedCluster] = list(story.clusters.values())
    for cluster in clusters:
        check(cluster, story.clock.now())
