"""The channel of Kubernetes Events, against an API server: on the object of the run, once, and never longer than allowed."""

from __future__ import annotations

import asyncio
import functools
import json
import logging
from collections.abc import AsyncIterator
from typing import Any

import msgspec
import pytest

from backup_sentinel.config import parse
from backup_sentinel.demo import faults
from backup_sentinel.demo.access import Access
from backup_sentinel.errors import DeliveryReason, DocumentError
from backup_sentinel.kube.settings import ClusterSettings
from backup_sentinel.relay.channels import Channel
from backup_sentinel.relay.channels.kubernetes_event import (
    IDLE,
    LONGEST,
    MANY,
    KubernetesEventSettings,
    RunKind,
)
from backup_sentinel.relay.finding import AlertFinding, Finding, ItemError
from backup_sentinel.relay.message import Alert, Delivery
from backup_sentinel.relay.reach import named
from backup_sentinel.relay.rendering import Rendering, RenderingError, samples
from relay.channels.suite import refused, renew, send
from relay.enrichers.kit import alert, message
from relay.enrichers.velero_kit import RUN, Velero, velero
from support.velero import backup

ABOUT = alert(annotations={"run": RUN, "summary": "The newest backup failed."})


@pytest.fixture
async def cluster() -> AsyncIterator[Velero]:
    async with velero() as made:
        made.put(backup(RUN, "Failed"))
        yield made


@functools.cache
def kinds() -> tuple[RunKind, ...]:
    """Return the kinds of runs as the configuration finds them in the profiles."""
    [settings] = parse("relay: {channels: [{type: kubernetes_event, name: x}]}", "config.yaml").relay.channels
    assert isinstance(settings, KubernetesEventSettings)
    return settings.kinds


def configured(cluster: Velero, message: str | None = None, **access: Any) -> KubernetesEventSettings:
    clusters = (ClusterSettings(api_url=cluster.server.url, **access),)
    return KubernetesEventSettings(name="events", message=message, clusters=clusters, kinds=kinds())


@pytest.fixture
async def channel(cluster: Velero) -> AsyncIterator[Channel]:
    opened = configured(cluster).open(Rendering())
    yield opened
    await opened.close()


def delivery(*about: Alert, number: int = 1, **facts: Finding) -> Delivery:
    plain = {kind: msgspec.to_builtins(found) for kind, found in facts.items()}
    made: Delivery = msgspec.structs.replace(
        renew(samples()[0], number), message=message(*about), facts=plain
    )
    return made


def events(cluster: Velero, namespace: str = "velero") -> list[dict[str, Any]]:
    return [one for one in cluster.server.cluster.objects("events", namespace) if one.get("source")]


async def test_an_event_stands_on_the_object_of_the_run(cluster: Velero, channel: Channel) -> None:
    await send(channel, delivery(ABOUT))
    [event] = events(cluster)
    run = cluster.server.cluster.get("backups.velero.io", "velero", RUN)
    assert run is not None
    assert event["involvedObject"] == {
        "apiVersion": "velero.io/v1",
        "kind": "Backup",
        "namespace": "velero",
        "name": RUN,
        "uid": run["metadata"]["uid"],
    }
    assert (event["type"], event["reason"]) == ("Warning", "KubeBackupFailed")
    assert event["message"] == "The newest backup failed."
    assert event["source"] == {"component": "backup-sentinel"}
    assert event["firstTimestamp"] == event["lastTimestamp"] == "2027-01-15T08:00:00Z"
    assert event["count"] == 1


async def test_a_second_message_about_the_same_makes_no_second_event(
    cluster: Velero, channel: Channel
) -> None:
    await send(channel, delivery(ABOUT))
    await send(channel, delivery(ABOUT, number=2))
    await send(channel, delivery(ABOUT, alert(schedule="other", annotations={"run": RUN}), number=3))
    assert len(events(cluster)) == 2


async def test_the_end_of_an_alert_is_an_event_of_its_own(cluster: Velero, channel: Channel) -> None:
    await send(channel, delivery(ABOUT))
    await send(channel, delivery(alert(status="resolved", annotations=ABOUT.annotations)))
    assert {(one["type"], one["reason"]) for one in events(cluster)} == {
        ("Warning", "KubeBackupFailed"),
        ("Normal", "KubeBackupFailedResolved"),
    }


async def test_a_restore_of_the_same_name_is_another_object(cluster: Velero, channel: Channel) -> None:
    cluster.put({**backup(RUN, "Failed"), "kind": "Restore"})
    await send(channel, delivery(alert(action="restore", annotations={"run": RUN})))
    assert events(cluster)[0]["involvedObject"]["kind"] == "Restore"


async def test_what_enrichers_found_is_told_and_bounded(cluster: Velero, channel: Channel) -> None:
    about = alert(annotations={"summary": "It failed."})
    known = AlertFinding(
        run=RUN,
        run_namespace="velero",
        error="bucket gone, secret_key=fake-hunter2",
        failed_items=tuple(ItemError(namespace="shop", name=f"pods/{n}", error="y" * 5000) for n in "abc"),
    )
    await send(channel, delivery(about, root_cause=Finding(alerts={about.fingerprint: known})))
    [event] = events(cluster)
    assert event["message"].startswith("It failed. bucket gone, secret_key=*** shop/pods/a: yyy")
    assert len(event["message"]) <= LONGEST
    await send(channel, delivery(alert(schedule="z", annotations={"summary": "z" * 5000, "run": RUN})))
    [message] = [one["message"] for one in events(cluster) if one["message"].startswith("zz")]
    assert len(message) == LONGEST
    assert message.endswith("z…")


@pytest.mark.parametrize(
    "about",
    [
        alert(),
        alert(annotations={"run": "gone"}),
        alert(operator="", annotations={"run": RUN}),
        alert(operator="x", annotations={"run": RUN}),
        alert(annotations={"run": f"../backups/{RUN}"}),
        alert(resource_namespace="velero/backups/x?", annotations={"run": RUN}),
    ],
    ids=["no run", "run is gone", "no operator", "unknown operator", "a way out", "a way in"],
)
async def test_alerts_without_an_object_are_passed_over_and_said_to_be(
    cluster: Velero, channel: Channel, about: Alert
) -> None:
    one = delivery(about)
    assert await channel.send(one, channel.render(one)) == IDLE
    assert not events(cluster)
    both = delivery(about, ABOUT)
    assert await channel.send(both, channel.render(both)) is None
    assert len(events(cluster)) == 1


async def test_what_cannot_be_written_keeps_nothing_else_from_being_written(cluster: Velero) -> None:
    opened = configured(cluster, name="prod").open(Rendering())
    lost = alert(cluster="lost", annotations={"run": RUN})
    mine = alert(cluster="prod", annotations={"run": RUN})
    error = await refused(opened, delivery(lost, mine))
    assert (error.reason, error.retry) == (DeliveryReason.UNROUTABLE, False)
    assert len(events(cluster)) == 1
    cluster.server.faults.add(faults.Answer(verb="create", code=500))
    error = await refused(opened, delivery(lost, mine))
    assert error.retry, "as long as one of them may still be written"
    await opened.close()


async def test_every_name_of_a_run_makes_a_name_of_an_event(cluster: Velero, channel: Channel) -> None:
    run = f"{'a' * 219}-{'b' * 20}"
    cluster.put(backup(run, "Failed"))
    await send(channel, delivery(alert(annotations={"run": run})))
    [event] = events(cluster)
    assert named(event["metadata"]["name"]) == event["metadata"]["name"]


async def test_alerts_with_the_same_fingerprint_are_told_apart(cluster: Velero, channel: Channel) -> None:
    other = alert(schedule="other", annotations={"run": RUN, "summary": "Another one."})
    await send(channel, delivery(ABOUT, msgspec.structs.replace(other, fingerprint=ABOUT.fingerprint)))
    assert sorted(one["message"] for one in events(cluster)) == ["Another one.", "The newest backup failed."]


async def test_every_sample_is_taken(channel: Channel) -> None:
    for number, sample in enumerate(samples()):
        await send(channel, renew(sample, number))


async def test_only_so_many_events_of_one_message(cluster: Velero, channel: Channel) -> None:
    alerts = [alert(target=str(number), annotations={"run": RUN}) for number in range(MANY + 5)]
    await send(channel, delivery(*alerts))
    assert len(events(cluster)) == MANY


async def test_a_preview_shows_what_would_be_written(channel: Channel) -> None:
    content = channel.render(delivery(ABOUT))
    [planned] = json.loads(content.body)
    assert (planned["run"], planned["namespace"], planned["type"]) == (RUN, "velero", "Warning")
    assert content == channel.render(delivery(ABOUT))


CASES = {
    401: (DeliveryReason.UNAUTHORIZED, True),
    403: (DeliveryReason.UNAUTHORIZED, True),
    429: (DeliveryReason.THROTTLED, True),
    500: (DeliveryReason.SERVER_ERROR, True),
    422: (DeliveryReason.REJECTED, False),
}


@pytest.mark.parametrize("code", CASES)
async def test_refusals_mean_what_the_table_says(cluster: Velero, channel: Channel, code: int) -> None:
    active = cluster.server.faults.add(faults.Answer(verb="create", code=code, retry_after=7))
    error = await refused(channel, delivery(ABOUT))
    assert (error.reason, error.retry) == CASES[code]
    cluster.server.faults.remove(active)
    await send(channel, delivery(ABOUT))
    assert len(events(cluster)) == 1


async def test_a_server_that_is_away_is_tried_again(cluster: Velero, channel: Channel) -> None:
    await cluster.server.stop()
    error = await refused(channel, delivery(ABOUT))
    assert (error.reason, error.retry) == (DeliveryReason.UNREACHABLE, True)


async def test_clusters_are_told_apart(cluster: Velero) -> None:
    opened = configured(cluster, name="prod").open(Rendering())
    await send(opened, delivery(alert(cluster="prod", annotations={"run": RUN})))
    assert len(events(cluster)) == 1
    error = await refused(opened, delivery(alert(cluster="test", annotations={"run": RUN})))
    assert (error.reason, error.retry) == (DeliveryReason.UNROUTABLE, False)
    await opened.close()


async def test_no_token_is_seen(cluster: Velero, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    cluster.server.access = Access({"another": "x"})
    settings = configured(cluster, token="fake-hunter2")
    opened = settings.open(Rendering())
    error = await refused(opened, delivery(ABOUT))
    assert error.reason is DeliveryReason.UNAUTHORIZED
    shown = f"{settings!r} {settings.clusters!r} {error!r} {opened!r} {caplog.text}"
    assert "fake-hunter2" not in shown
    async with asyncio.timeout(5):
        await opened.close()


async def test_a_template_of_ones_own(cluster: Velero) -> None:
    opened = configured(cluster, "{{ alerts[0].labels.schedule }}: {{ alerts | length }}").open(Rendering())
    await send(opened, delivery(ABOUT, alert(schedule="other", annotations={"run": RUN})))
    assert sorted(one["message"] for one in events(cluster)) == ["other: 1", "shop: 1"]
    await opened.close()
    with pytest.raises(RenderingError, match="channel events, message"):
        configured(cluster, "{{ nonsense }}").open(Rendering())


def test_errors_of_the_configuration_show_the_place() -> None:
    with pytest.raises(DocumentError, match="unknown field `nonsense`"):
        parse("relay: {channels: [{type: kubernetes_event, name: x, nonsense: 1}]}", "config.yaml")
