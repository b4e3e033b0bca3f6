"""One look at clusters on simulated API servers, with a real mail server: what is told, when again, and what is noted."""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
from collections.abc import Iterator
from typing import Any

import pytest

from backup_sentinel import direct
from backup_sentinel.demo import faults
from backup_sentinel.demo.times import instant
from backup_sentinel.demo.velero.objects import TYPES as VELERO
from backup_sentinel.errors import SentinelError
from backup_sentinel.notify.post import GIVEN_UP, MOST
from backup_sentinel.relay.channels import DeliverySettings
from demo.kit import until
from notify.kit import DAY, HOME, HOUR, MINUTE, NOW, SAID, World, text_of
from support.mailserver import Mail


@contextlib.contextmanager
def hanging() -> Iterator[int]:
    """Listen and never say a word."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


def sent(world: World) -> dict[str, str]:
    found: dict[str, str] = json.loads(world.home.record().get("sent", "{}"))
    return found


def configmap(world: World, name: str, **data: str) -> None:
    world.home.cluster.put(
        {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, "namespace": HOME}, "data": data}
    )


async def look(world: World, after: float = 0.0, **notify: Any) -> bool:
    world.clock.wind(after)
    return await direct.once(world.config(**notify), clock=world.clock)


class TestWhatIsTold:
    async def test_a_run_is_one_row_with_the_namespaces_of_all_its_actions(self) -> None:
        async with World() as world:
            world.home.policy()
            world.home.run("run-a", NOW - 30 * MINUTE, namespaces=("shop", "billing", "shop-assets"))
            assert await look(world)
            [mail] = world.mails
            assert mail.message["Subject"] == "Backups: 1 failed in prod-eu"
            lines = [line.strip() for line in text_of(mail.message).splitlines()]
            assert lines[0] == "FAILED (1)"
            for row in ("Cluster", "Run Action", "Policy", "Namespaces", "Error"):
                assert sum(line.startswith(f"{row}:") for line in lines) == 1
            assert f"{'Run Action:':17} run-a" in lines
            assert f"{'Policy:':17} daily" in lines
            assert f"{'Namespaces:':17} billing, shop, shop-assets" in lines
            assert f"{'Error:':17} {SAID}" in lines

    async def test_a_run_that_does_not_say_why_has_the_errors_of_its_actions(self) -> None:
        async with World() as world:
            world.home.policy()
            for namespace, error in (("billing", "no space left on device"), ("shop", "connection refused")):
                failed = json.dumps({"message": error})
                world.home.run("run-a", NOW - 30 * MINUTE, namespaces=(namespace,), error=failed)
            world.home.run("run-a", NOW - 30 * MINUTE, error=None)
            assert await look(world)
            text = text_of(world.mails[0].message)
            assert (
                f"{'Error:':17} billing: no space left on device\n{'':19} shop: connection refused\n" in text
            )

    async def test_actions_whose_run_is_gone_are_one_row(self) -> None:
        async with World() as world:
            world.home.policy()
            world.home.run("run-a", NOW - 30 * MINUTE, namespaces=("shop", "billing"))
            world.home.cluster.delete("runactions", "kasten-io", "run-a")
            assert await look(world)
            assert list(sent(world)) == ["prod-eu:run-a:2026-03-05"]
            assert f"{'Namespaces:':17} billing, shop" in text_of(world.mails[0].message)

    async def test_actions_whose_run_is_gone_are_told_when_all_of_them_have_ended(self) -> None:
        async with World() as world:
            world.home.policy()
            world.home.run("run-a", NOW - 30 * MINUTE, namespaces=("shop",))
            world.home.run("run-a", NOW - 30 * MINUTE, "Running", namespaces=("billing",))
            world.home.cluster.delete("runactions", "kasten-io", "run-a")
            assert await look(world)
            assert world.mails == []

    async def test_very_many_runs_are_several_mails(self) -> None:
        async with World() as world:
            for number in range(MOST + 1):
                world.home.run(
                    f"run-{number:03}", NOW - 30 * MINUTE, policy=f"p-{number:03}", error="x" * 5000
                )
            assert await look(world)
            assert [text_of(mail.message).splitlines()[0] for mail in world.mails] == [
                f"FAILED ({MOST})",
                "FAILED (1)",
            ]
            assert await look(world)
            assert len(world.mails) == 2

    async def test_a_backup_of_velero_is_a_run_of_a_schedule(self) -> None:
        async with World() as world:
            cluster = world.home.cluster
            for kind in VELERO:
                cluster.install(kind)
            labels = {"velero.io/schedule-name": "shop-daily"}
            cluster.put(
                {
                    "apiVersion": "velero.io/v1",
                    "kind": "Backup",
                    "metadata": {
                        "name": "shop-daily-20260305093000",
                        "namespace": "velero",
                        "creationTimestamp": "2026-03-05T09:30:00Z",
                        "labels": labels,
                    },
                    "spec": {"includedNamespaces": ["shop", "shop-assets"]},
                    "status": {
                        "phase": "Failed",
                        "startTimestamp": "2026-03-05T09:30:00Z",
                        "completionTimestamp": "2026-03-05T09:35:00Z",
                        "failureReason": "error checking if backup already exists: AccessDenied",
                    },
                }
            )
            assert await look(world)
            lines = [line.strip() for line in text_of(world.mails[0].message).splitlines()]
            assert f"{'Run:':17} shop-daily-20260305093000" in lines
            assert f"{'Schedule:':17} shop-daily" in lines
            assert f"{'Namespaces:':17} shop, shop-assets" in lines
            assert any(line.startswith("Error:") and "AccessDenied" in line for line in lines)

    async def test_a_run_is_told_when_all_of_it_has_ended(self) -> None:
        async with World() as world:
            world.home.policy()
            world.home.run("run-a", NOW - 30 * MINUTE, namespaces=("shop",))
            world.home.run("run-a", NOW - 30 * MINUTE, "Running")
            assert await look(world)
            assert world.mails == []
            world.home.run("run-a", NOW + 5 * MINUTE)
            assert await look(world, HOUR)
            [mail] = world.mails
            assert f"{'Namespaces:':17} shop" in text_of(mail.message)

    async def test_what_ended_before_the_look_back_is_not_told(self) -> None:
        async with World() as world:
            world.home.policy()
            world.home.run("run-a", NOW - 3 * HOUR)
            assert await look(world)
            assert world.mails == []
            assert await look(world, lookback="4h")
            assert len(world.mails) == 1

    async def test_partial_overdue_and_recovered(self) -> None:
        async with World() as world:
            world.home.policy("hourly", "@hourly")
            world.home.run("run-good", NOW - 5 * HOUR, "Complete", policy="hourly", namespaces=("shop",))
            world.home.policy("daily")
            status = {
                "state": "Complete",
                "startTime": "2026-03-05T09:00:00Z",
                "endTime": "2026-03-05T09:30:00Z",
                "exceptions": [{"message": "Could not snapshot PVC data-0, which is ignored"}],
            }
            labels = {"k10.kasten.io/policyName": "daily", "k10.kasten.io/policyNamespace": "kasten-io"}
            world.home.put(
                "actions.kio.kasten.io/v1alpha1",
                "RunAction",
                "run-part",
                "kasten-io",
                created=NOW - HOUR,
                labels=labels,
                status=status,
            )
            assert await look(world)
            [mail] = world.mails
            assert mail.message["Subject"] == "Backups: 1 failed in part, 1 overdue in prod-eu"
            text = text_of(mail.message)
            assert text.index("FAILED IN PART (1)") < text.index("run-part") < text.index("OVERDUE (1)")
            assert text.index("OVERDUE (1)") < text.index(f"{'Namespaces:':17} shop")
            assert "Next run" not in text.partition("OVERDUE")[2]  # it is in the past
            assert "Could not snapshot PVC data-0" in text
            assert set(sent(world)) == {
                "prod-eu:run-part:2026-03-05",
                "prod-eu:overdue/kasten/kasten-io/hourly:2026-03-05",
            }

            world.home.run("run-better", NOW + 10 * MINUTE, "Complete", namespaces=("shop",))
            world.home.run("run-late", NOW + 10 * MINUTE, "Complete", policy="hourly", namespaces=("shop",))
            assert await look(world, 20 * MINUTE)
            [_, mail] = world.mails
            assert mail.message["Subject"] == "Backups: 2 recovered in prod-eu"
            text = text_of(mail.message)
            assert text.startswith("RECOVERED (2)")
            assert f"{'Run Action:':17} run-part" in text
            assert await look(world, 20 * MINUTE)
            assert len(world.mails) == 2
            assert json.loads(world.home.record()["open"]) == {}

    async def test_only_the_states_that_are_wanted(self) -> None:
        async with World() as world:
            world.home.policy("hourly", "@hourly")
            world.home.run("run-good", NOW - 5 * HOUR, "Complete", policy="hourly", namespaces=("shop",))
            assert await look(world, states=("failed",))
            assert world.mails == []

    async def test_a_failure_that_was_made_up_for_between_two_looks_is_told(self) -> None:
        async with World() as world:
            world.home.policy()
            world.home.run("run-bad", NOW - 40 * MINUTE, namespaces=("shop",))
            world.home.run("run-good", NOW - 10 * MINUTE, "Complete", namespaces=("shop",))
            assert await look(world)
            [mail] = world.mails
            assert text_of(mail.message).startswith("RECOVERED (1)")
            assert "run-bad" in text_of(mail.message)
            assert SAID in text_of(mail.message)


class TestOnceADay:
    async def test_a_failure_is_told_once_in_a_day_and_again_on_the_next_while_it_is_in_the_look_back(
        self,
    ) -> None:
        async with World(now=instant("2026-03-05T23:40:00Z")) as world:
            world.home.policy("weekly", "@weekly")
            world.home.run("run-a", world.clock.now() - 5 * MINUTE, policy="weekly")
            for _ in range(2):
                assert await look(world)
                assert len(world.mails) == 1
            assert await look(world, HOUR)
            assert len(world.mails) == 2
            assert set(sent(world)) == {"prod-eu:run-a:2026-03-05", "prod-eu:run-a:2026-03-06"}
            assert await look(world, HOUR)
            assert len(world.mails) == 2
            assert await look(world, DAY)  # too old to be told a third time
            assert len(world.mails) == 2

    async def test_what_is_overdue_is_told_on_each_day(self) -> None:
        async with World() as world:
            world.home.policy("hourly", "@hourly")
            for days in (0, 0.1, 1, 1):
                assert await look(world, days * DAY)
            assert len(world.mails) == 3
            assert all("OVERDUE (1)" in text_of(mail.message) for mail in world.mails)

    async def test_never_twice_where_that_is_wanted(self) -> None:
        async with World(now=instant("2026-03-05T23:40:00Z")) as world:
            world.home.policy("weekly", "@weekly")
            world.home.run("run-a", world.clock.now() - 5 * MINUTE, policy="weekly")
            assert await look(world, repeat="never")
            assert await look(world, HOUR, repeat="never")
            assert len(world.mails) == 1

    async def test_entries_expire_after_seven_days(self) -> None:
        async with World() as world:
            world.home.policy()
            world.home.run("run-a", NOW - 5 * MINUTE)
            assert await look(world, states=("failed",))
            assert await look(world, 6.9 * DAY, states=("failed",))
            assert list(sent(world)) == ["prod-eu:run-a:2026-03-05"]
            assert await look(world, 0.2 * DAY, states=("failed",))
            assert sent(world) == {}
            assert len(world.mails) == 1

    @pytest.mark.parametrize(
        "text",
        ['{"prod-eu:run-a:2026-03-05": 1772704600}', '["prod-eu:run-a:2026-03-05"]'],
        ids=["map", "list"],
    )
    async def test_what_a_kasten_alerter_has_told_is_not_told_again(self, text: str) -> None:
        async with World() as world:
            world.home.policy()
            world.home.run("run-a", NOW - 5 * MINUTE)
            world.home.run("run-b", NOW - 4 * MINUTE, policy="other")
            configmap(world, "kasten-alerter-sent", sent=text)
            assert await look(world)
            [mail] = world.mails
            assert "run-b" in text_of(mail.message)
            assert "run-a" not in text_of(mail.message)
            assert set(sent(world)) == {"prod-eu:run-a:2026-03-05", "prod-eu:run-b:2026-03-05"}


class TestNothingIsMissed:
    async def test_runs_of_the_job_that_were_skipped(self) -> None:
        async with World() as world:
            world.home.policy()
            assert await look(world)
            world.home.run("run-a", NOW + 10 * MINUTE)
            assert await look(world, 9 * HOUR)
            assert len(world.mails) == 1

    async def test_a_mail_server_that_is_away_for_longer_than_the_look_back(self) -> None:
        async with World() as world:
            world.home.policy()
            world.home.run("run-a", NOW - 10 * MINUTE)
            world.smtp.answers["DATA"] = "451 4.3.0 later"
            assert not await look(world)
            assert not await look(world, 4 * HOUR)
            assert sent(world) == {}
            world.smtp.answers.clear()
            assert await look(world, 4 * HOUR)
            assert len(world.mails) == 1
            assert list(sent(world)) == ["prod-eu:run-a:2026-03-05"]

    async def test_a_channel_that_refuses_gets_it_later_and_the_others_only_once(self) -> None:
        async with World() as world:
            world.home.policy()
            world.home.run("run-a", NOW - 10 * MINUTE)
            world.smtp.answers["second@example.org"] = "450 4.2.0 greylisted"
            channels = (world.mail(), world.mail(name="second", to=("second@example.org",)))
            assert not await look(world, channels=channels)
            assert [mail.recipients for mail in world.mails] == [("ops@example.org",)]
            assert json.loads(world.home.record()["partly"]) == {"prod-eu:run-a:2026-03-05": ["mail"]}
            world.smtp.answers.clear()
            assert await look(world, HOUR, channels=channels)
            assert [mail.recipients for mail in world.mails] == [
                ("ops@example.org",),
                ("second@example.org",),
            ]
            assert list(sent(world)) == ["prod-eu:run-a:2026-03-05"]
            assert json.loads(world.home.record()["partly"]) == {}

    async def test_a_cluster_that_does_not_answer_does_not_hold_up_the_others_and_is_made_up_for(
        self,
    ) -> None:
        async with World("prod-eu", "prod-us") as world:
            for cluster in world.clusters:
                cluster.policy()
                cluster.run(f"run-{cluster.name}", NOW - 10 * MINUTE)
            away = world.clusters[1]
            await away.server.down()
            assert not await look(world)
            [mail] = world.mails
            assert "run-prod-eu" in text_of(mail.message)
            assert "Note: prod-us could not be read completely:" in text_of(mail.message)
            assert not await look(world, 6 * HOUR)
            assert len(world.mails) == 1
            await away.server.up()
            assert await look(world, 6 * HOUR)
            assert "run-prod-us" in text_of(world.mails[-1].message)

    async def test_what_was_sent_is_noted_although_a_channel_that_follows_hangs(self) -> None:
        async with World() as world:
            world.home.policy()
            world.home.run("run-a", NOW - 10 * MINUTE)
            with hanging() as port:
                slow = world.mail(name="slow", port=port, delivery=DeliverySettings(timeout_seconds=60))
                looking = asyncio.create_task(look(world, channels=(world.mail(), slow)))
                await until(lambda: bool(world.home.record()), 30)
                looking.cancel()
                await asyncio.gather(looking, return_exceptions=True)
            assert json.loads(world.home.record()["partly"]) == {"prod-eu:run-a:2026-03-05": ["mail"]}

    async def test_each_message_is_noted_before_the_next_one_is_sent(self) -> None:
        async with World() as world:
            for number in range(3):
                world.home.run(f"run-{number}", NOW - 10 * MINUTE, policy=f"p-{number}")
            noted: list[int] = []

            class Inbox(list[Mail]):
                def append(self, mail: Mail) -> None:
                    noted.append(len(sent(world)))
                    super().append(mail)

            world.smtp.mails = Inbox()
            assert await look(world, digest=())
            assert noted == [0, 1, 2]

    @pytest.mark.parametrize(
        ("answer", "tried"), [("451 4.3.0 later", GIVEN_UP), ("554 5.6.0 not this one", GIVEN_UP + 2)]
    )
    async def test_a_channel_that_is_away_is_not_tried_with_each_of_many_messages(
        self, answer: str, tried: int, caplog: pytest.LogCaptureFixture
    ) -> None:
        async with World() as world:
            for number in range(GIVEN_UP + 2):
                world.home.run(f"run-{number}", NOW - 10 * MINUTE, policy=f"p-{number}")
            world.smtp.answers["DATA"] = answer
            with caplog.at_level("ERROR", "backup_sentinel.notify"):
                assert not await look(world, digest=())
            assert [one.message for one in caplog.records].count("delivery failed") == tried
            world.smtp.answers.clear()
            assert await look(world, HOUR, digest=())
            assert len(world.mails) == GIVEN_UP + 2

    async def test_what_another_process_has_told_while_this_one_read_is_not_told_again(self) -> None:
        async with World() as world:
            world.home.policy()
            world.home.run("run-a", NOW - 10 * MINUTE)
            configmap(world, "backup-sentinel-sent", sent="{}")
            world.home.server.faults.add(faults.Latency(verb="list", resource="runactions", seconds=1.0))
            looking = asyncio.create_task(look(world))
            await until(lambda: bool(world.home.server.journal.find("list", "runactions")), 30)
            configmap(world, "backup-sentinel-sent", sent='["prod-eu:run-a:2026-03-05"]')
            assert await looking
            assert world.mails == []

    async def test_without_its_record_nothing_is_sent(self) -> None:
        async with World("prod-eu", "home") as world:
            world.clusters.reverse()
            world.clusters[1].policy()
            world.clusters[1].run("run-a", NOW - 10 * MINUTE)
            await world.home.server.down()
            with pytest.raises(SentinelError):
                await look(world)
            assert world.mails == []

    async def test_a_record_that_is_no_record_begins_anew(self) -> None:
        async with World() as world:
            world.home.policy()
            world.home.run("run-a", NOW - 10 * MINUTE)
            configmap(world, "backup-sentinel-sent", sent="{", looked="{}")
            assert await look(world)
            assert len(world.mails) == 1
            assert list(sent(world)) == ["prod-eu:run-a:2026-03-05"]
