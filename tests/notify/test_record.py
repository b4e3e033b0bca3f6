"""The record of what was sent: texts that people and other alerters wrote, what expires, and who writes at the same time."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backup_sentinel.clock import Clock
from backup_sentinel.demo import faults
from backup_sentinel.demo.access import Grant
from backup_sentinel.demo.apiserver import SimulatedApiServer
from backup_sentinel.errors import ApiError
from backup_sentinel.kube.settings import ClusterSettings
from backup_sentinel.model import ScheduleKey
from backup_sentinel.notify import storage
from backup_sentinel.notify.configmap import PAUSES, TRIES, ConfigMapShelf
from backup_sentinel.notify.file import FileShelf
from backup_sentinel.notify.incident import Told
from backup_sentinel.notify.record import LIFE, CorruptRecordError, Record, entries, identity
from backup_sentinel.notify.settings import Change, RecordSettings
from backup_sentinel.notify.shelf import RecordError, Shelf
from backup_sentinel.notify.storage import open_shelf
from notify.kit import DAY, HOME, NOW, RECORD

ID = "prod-eu:run-a:2026-03-05"
MIDNIGHT = 1772668800.0
NAMES = st.text(max_size=20)
RECORDS = st.builds(
    Record,
    sent=st.dictionaries(
        NAMES.map(lambda name: f"{name}:2026-03-05"), st.integers(0, 2**32).map(float), max_size=5
    ),
    partly=st.dictionaries(NAMES, st.lists(NAMES, max_size=3).map(tuple), max_size=5),
    looked=st.dictionaries(NAMES, st.integers(0, 2**32).map(float), max_size=5),
)


class TestTexts:
    @pytest.mark.parametrize(
        ("text", "found"),
        [
            ("", {}),
            ("{}", {}),
            ("[]", {}),
            (f'{{"{ID}": "2026-03-05T08:00:00Z"}}', {ID: MIDNIGHT + 8 * 3600}),
            (f'{{"{ID}": "2026-03-05T09:00:00+01:00"}}', {ID: MIDNIGHT + 8 * 3600}),
            (f'{{"{ID}": "2026-03-05T08:00:00"}}', {ID: MIDNIGHT + 8 * 3600}),
            (f'{{"{ID}": 1772697600}}', {ID: 1772697600.0}),
            (f'{{"{ID}": true}}', {ID: MIDNIGHT}),
            (f'{{"{ID}": {{"any": "thing"}}}}', {ID: MIDNIGHT}),
            (f'["{ID}", 7]', {ID: MIDNIGHT}),
            (f'{{"sent": ["{ID}"]}}', {ID: MIDNIGHT}),
            ('{"prod-eu:run-a": 1, "prod-eu:run-a:2026-13-99": 1}', {}),
        ],
    )
    def test_an_entry_is_an_id_with_a_day(self, text: str, found: dict[str, float]) -> None:
        assert entries(text) == found

    @pytest.mark.parametrize("text", ["{", "7", '"sent"', "null"])
    def test_what_is_neither_a_mapping_nor_a_list_is_an_error(self, text: str) -> None:
        with pytest.raises(ValueError, match=r".+"):
            entries(text)

    @settings(deadline=None)
    @given(RECORDS)
    def test_what_is_written_is_read(self, record: Record) -> None:
        assert Record.read(record.texts()) == record

    @settings(deadline=None)
    @given(RECORDS, RECORDS)
    def test_of_two_records_nothing_that_was_sent_is_lost(self, one: Record, other: Record) -> None:
        both = Record.read(one.texts())
        both.merge(other)
        assert both.sent.keys() == one.sent.keys() | other.sent.keys()
        for found in (one, other):
            for entry, channels in found.partly.items():
                assert all(both.has(entry, channel) for channel in channels)
        again = Record.read(both.texts())
        again.merge(other)
        assert again == both

    def test_another_key_that_is_wrong_is_named(self) -> None:
        with pytest.raises(CorruptRecordError, match="`partly`"):
            Record.read({"partly": "[1]"})

    def test_the_day_of_an_id_is_that_of_utc(self) -> None:
        assert identity("prod-eu:run-a", MIDNIGHT) == ID
        assert identity("prod-eu:run-a", MIDNIGHT - 1) == "prod-eu:run-a:2026-03-04"


class TestLife:
    def test_entries_go_after_seven_days_unless_they_are_needed(self) -> None:
        record = Record(
            sent={"a:2026-03-05": NOW, "b:2026-03-05": NOW},
            partly={"c:2026-03-05": ("mail",), "d": ("mail",)},
        )
        record.prune(NOW + LIFE)
        assert record.sent.keys() == {"a:2026-03-05", "b:2026-03-05"}
        record.prune(NOW + LIFE + 1, keep=["b"])
        assert record.sent.keys() == {"b:2026-03-05"}
        assert record.partly.keys() == {"c:2026-03-05"}
        record.prune(NOW + LIFE + DAY)
        assert (record.sent, record.partly) == ({}, {})

    def test_clearing_names_what_was_there(self) -> None:
        record = Record(sent={ID: NOW}, partly={"b:2026-03-05": ("mail",)})
        assert record.clear([ID, "none", "b:2026-03-05", ID]) == [ID, "b:2026-03-05"]
        assert (record.sent, record.partly) == ({}, {})


class Impatient(Clock):
    """Does not sleep, but remembers for how long it should."""

    def __init__(self) -> None:
        self.slept: list[float] = []

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)


class Home:
    """A server, and processes that keep their record there."""

    def __init__(self, server: SimulatedApiServer) -> None:
        self.server = server
        self.clock = Impatient()
        self.opened: list[Shelf] = []

    def shelf(self, *, token: str | None = None, **changes: Any) -> Shelf:
        known = {"home": ClusterSettings(name="home", api_url=self.server.url, token=token)}
        settings = RecordSettings(cluster="home", namespace=HOME, **changes)
        self.opened.append(open_shelf(settings, self.clock, known))
        return self.opened[-1]

    def put(self, name: str, **data: str) -> None:
        metadata = {"name": name, "namespace": HOME}
        self.server.cluster.put({"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": data})

    def configmap(self) -> dict[str, Any]:
        [found] = [
            one
            for one in self.server.cluster.objects("configmaps", HOME)
            if one["metadata"]["name"] == RECORD
        ]
        return found


@pytest.fixture
async def home() -> AsyncIterator[Home]:
    async with SimulatedApiServer() as server:
        made = Home(server)
        yield made
        for shelf in made.opened:
            await shelf.close()


class TestConfigMap:
    async def test_it_is_made_with_labels_and_written_in_json_that_people_can_read(self, home: Home) -> None:
        shelf = home.shelf()
        record = await shelf.load()
        assert record == Record()
        record.mark(ID, ["mail"], NOW, everybody=True)
        await shelf.save(record)
        found = home.configmap()
        assert found["metadata"]["labels"]["app.kubernetes.io/component"] == "notify"
        assert found["data"]["sent"] == f'{{\n "{ID}": "2026-03-05T10:00:00Z"\n}}'
        assert await home.shelf().load() == record

    async def test_keys_of_others_stay(self, home: Home) -> None:
        home.put(RECORD, sent="{}", note="of mine")
        shelf = home.shelf()
        await shelf.save(await shelf.load())
        assert home.configmap()["data"]["note"] == "of mine"

    async def test_two_processes_forget_nothing_of_each_other(self, home: Home) -> None:
        shelves = [home.shelf() for _ in range(4)]
        records = [await shelf.load() for shelf in shelves]
        for number, record in enumerate(records):
            record.mark(f"c:run-{number}:2026-03-05", ["mail"], NOW, everybody=True)
        await asyncio.gather(*(shelf.save(record) for shelf, record in zip(shelves, records, strict=True)))
        assert len((await home.shelf().load()).sent) == 4

    async def test_an_edit_is_made_again_on_what_others_wrote(self, home: Home) -> None:
        home.put(RECORD, sent=json.dumps([ID, "c:run-b:2026-03-05"]))
        first = True

        def change(record: Record) -> None:
            nonlocal first
            if first:
                home.put(RECORD, sent=json.dumps([ID, "c:run-b:2026-03-05", "c:run-c:2026-03-05"]))
            first = False
            record.clear([ID])

        await home.shelf().edit(change)
        assert (await home.shelf().load()).sent.keys() == {"c:run-b:2026-03-05", "c:run-c:2026-03-05"}

    async def test_it_gives_up_where_somebody_always_is_faster(self, home: Home) -> None:
        home.put(RECORD, sent="{}")
        home.server.faults.add(
            faults.Answer(verb="patch", resource="configmaps", code=409, reason="Conflict")
        )
        shelf = home.shelf()
        with pytest.raises(RecordError, match="another process"):
            await shelf.save(await shelf.load())
        assert len(home.server.journal.find("patch", "configmaps")) == TRIES

    async def test_one_that_was_deleted_meanwhile_is_made_again(self, home: Home) -> None:
        home.put(RECORD, sent=json.dumps([ID]))
        shelf = home.shelf()
        record = await shelf.load()
        home.server.cluster.delete("configmaps", HOME, RECORD)
        await shelf.save(record)
        assert (await home.shelf().load()).sent.keys() == {ID}

    @pytest.mark.parametrize("there", [False, True])
    async def test_the_record_of_another_alerter_is_taken_over_once(self, there: bool, home: Home) -> None:
        home.put("kasten-alerter-sent", sent=json.dumps([ID]))
        if there:  # made empty by a chart
            home.put(RECORD)
        shelf = home.shelf()
        record = await shelf.load()
        assert record.sent == {ID: MIDNIGHT}
        record.clear([ID])
        await shelf.save(record)
        assert (await home.shelf().load()).sent == {}

    async def test_one_of_another_name(self, home: Home) -> None:
        home.put("mine", sent=json.dumps([ID]))
        assert (await home.shelf(import_from="mine").load()).sent.keys() == {ID}

    async def test_one_that_cannot_be_read_is_left_alone(
        self, home: Home, caplog: pytest.LogCaptureFixture
    ) -> None:
        home.put("kasten-alerter-sent", sent="no JSON")
        with caplog.at_level(logging.WARNING, "backup_sentinel"):
            assert await home.shelf().load() == Record()
        assert "nothing taken over" in caplog.text

    async def test_the_rights_of_the_manifest_are_enough(self, home: Home) -> None:
        home.server.access.tokens = {"fake-token": "notify"}
        home.server.access.grants = {"notify": [Grant(("get", "create", "patch"), ("configmaps",), (HOME,))]}
        shelf = home.shelf(token="fake-token")
        await shelf.save(await shelf.load())
        assert {entry.verb for entry in home.server.journal.find(resource="configmaps")} == {"get", "create"}

    async def test_without_the_right_the_error_says_so(self, home: Home) -> None:
        home.server.access.tokens = {"fake-token": "notify"}
        home.server.access.grants = {"notify": []}
        with pytest.raises(ApiError, match="forbidden"):
            await home.shelf(token="fake-token").load()

    async def test_of_a_record_that_is_too_large_the_oldest_entries_give_way(
        self, home: Home, caplog: pytest.LogCaptureFixture
    ) -> None:
        shelf = home.shelf()
        record = await shelf.load()
        record.sent = {f"c:{'x' * 200}-{number:04}:2026-03-05": NOW + number for number in range(5000)}
        with caplog.at_level(logging.WARNING, "backup_sentinel"):
            await shelf.save(record)
        kept = (await home.shelf().load()).sent
        assert 2000 < len(kept) < 5000
        assert min(kept.values()) == NOW + 5000 - len(kept)
        assert "the record is full" in caplog.text

    async def test_one_name_that_alone_is_too_large_is_refused_before_it_is_sent(self, home: Home) -> None:
        shelf = home.shelf()
        record = await shelf.load()
        record.looked = {"c" * 1100000: NOW}
        with pytest.raises(RecordError, match="a ConfigMap holds"):
            await shelf.save(record)

    async def test_a_key_that_somebody_broke_costs_no_other(
        self, home: Home, caplog: pytest.LogCaptureFixture
    ) -> None:
        home.put(RECORD, sent=json.dumps([ID]), looked='{"prod-eu": ', open="[]", partly='{"x": ["mail"]}')
        with caplog.at_level(logging.ERROR, "backup_sentinel"):
            record = await home.shelf().load()
        assert record == Record(sent={ID: MIDNIGHT}, partly={"x": ("mail",)})
        assert [one.key for one in caplog.records] == ["open", "looked"]  # type: ignore[attr-defined]

    async def test_what_is_open_gives_way_to_what_was_sent(
        self, home: Home, caplog: pytest.LogCaptureFixture
    ) -> None:
        shelf = home.shelf()
        record = await shelf.load()
        record.sent = {ID: NOW}
        for number in range(3000):
            key = ScheduleKey("prod-eu", "kasten", "kasten-io", f"daily-{number:04}", "run")
            record.open[key.schedule] = Told(
                labels={"schedule": key.schedule},
                annotations={"error": "x" * 200},
                starts_at=f"2026-03-05T10:{number // 60:02}:{number % 60:02}Z",
                key=key,
                change=Change.FAILED,
            )
        with caplog.at_level(logging.WARNING, "backup_sentinel"):
            await shelf.save(record)
        kept = await home.shelf().load()
        assert kept.sent == {ID: NOW}
        assert 700 < len(kept.open) < 3000
        assert min(kept.open) == f"daily-{3000 - len(kept.open):04}"  # the oldest have gone
        assert "the record is full" in caplog.text

    async def test_a_server_that_is_away_for_a_moment_is_asked_again(self, home: Home) -> None:
        shelf = home.shelf()
        record = await shelf.load()
        record.sent = {ID: NOW}
        home.server.faults.add(faults.Answer(verb="create", resource="configmaps", code=503, times=2))
        await shelf.save(record)
        assert home.clock.slept == list(PAUSES[:2])
        assert (await home.shelf().load()).sent == {ID: NOW}

    async def test_one_that_refuses_is_not_asked_again(self, home: Home) -> None:
        shelf = home.shelf()
        home.server.faults.add(
            faults.Answer(verb="create", resource="configmaps", code=403, reason="Forbidden")
        )
        with pytest.raises(ApiError):
            await shelf.save(Record(sent={ID: NOW}))
        assert home.clock.slept == []


class TestFile:
    async def test_it_outlives_the_process_and_another_one_that_writes(self, tmp_path: Path) -> None:
        path = tmp_path / "deep" / "sent.json"
        one, other = FileShelf(path), FileShelf(path)
        first, second = await one.load(), await other.load()
        first.mark(ID, ["mail"], NOW, everybody=True)
        second.mark("c:run-b:2026-03-05", ["mail"], NOW, everybody=True)
        await one.save(first)
        await other.save(second)
        assert (await FileShelf(path).load()).sent.keys() == {ID, "c:run-b:2026-03-05"}
        await one.edit(lambda record: record.sent.clear())
        assert (await FileShelf(path).load()).sent == {}

    async def test_one_that_is_damaged_begins_anew_and_says_so(
        self, tmp_path: Path, caplog: pytest.LogCaptureFixture
    ) -> None:
        path = tmp_path / "sent.json"
        path.write_text("{")
        with caplog.at_level(logging.ERROR, "backup_sentinel"):
            assert await FileShelf(path).load() == Record()
        assert "begins anew" in caplog.text

    async def test_where_nothing_can_be_written_is_an_error(self, tmp_path: Path) -> None:
        (tmp_path / "file").write_text("")
        with pytest.raises(RecordError, match=r"sent\.json"):
            await FileShelf(tmp_path / "file" / "sent.json").save(Record())


class TestWhere:
    def test_outside_of_a_cluster_it_is_a_file_of_the_user(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.delenv("KUBERNETES_SERVICE_HOST", raising=False)
        monkeypatch.delenv("XDG_STATE_HOME", raising=False)
        monkeypatch.setenv("HOME", str(tmp_path))
        shelf = open_shelf(RecordSettings(), Clock(), {})
        assert isinstance(shelf, FileShelf)
        assert shelf.path == tmp_path / ".local" / "state" / "backup-sentinel" / "sent.json"
        shelf = open_shelf(RecordSettings(path="here.json"), Clock(), {})
        assert isinstance(shelf, FileShelf)
        assert shelf.path == Path("here.json")

    async def test_inside_of_a_cluster_it_is_a_configmap_of_its_namespace(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        (tmp_path / "namespace").write_text("mine\n")
        monkeypatch.setattr(storage, "ACCOUNT", tmp_path)
        monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "192.0.2.1")
        shelf = open_shelf(RecordSettings(), Clock(), {})
        assert isinstance(shelf, ConfigMapShelf)
        assert shelf.namespace == "mine"
        await shelf.close()
        assert isinstance(open_shelf(RecordSettings(backend="file"), Clock(), {}), FileShelf)


def test_a_cluster_that_nobody_knows_is_an_error() -> None:
    with pytest.raises(RecordError, match="did you mean `prod-eu`"):
        open_shelf(RecordSettings(cluster="prod-ue"), Clock(), {"prod-eu": ClusterSettings(name="prod-eu")})
