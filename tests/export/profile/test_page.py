"""Answers to list requests: what is a list, what is not, and that one odd object costs no other."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from backup_sentinel.errors import ProblemReason
from backup_sentinel.export.profile import PageError, Reader
from backup_sentinel.export.profile.body import DEEPEST, flatten, mend
from backup_sentinel.model import Outcome, Run

Readers = Callable[[str], Reader]


def backup(number: int, **status: Any) -> dict[str, Any]:
    return {
        "apiVersion": "velero.io/v1",
        "kind": "Backup",
        "metadata": {
            "name": f"b-{number}",
            "namespace": "velero",
            "uid": f"u-{number}",
            "resourceVersion": str(number),
        },
        "status": {"phase": "Completed", "errors": 0, **status},
    }


def listed(*items: Any, **metadata: Any) -> bytes:
    return json.dumps(
        {"apiVersion": "velero.io/v1", "items": items, "kind": "BackupList", "metadata": metadata}
    ).encode()


def names(reader: Reader, body: bytes) -> list[str]:
    return [reading.name for reading in reader.page(body).items]


def test_a_page(reader: Readers) -> None:
    page = reader("backups").page(
        listed(backup(1), backup(2), resourceVersion="77", **{"continue": "token", "remainingItemCount": 3})
    )
    assert [(r.namespace, r.name, r.uid, r.problems) for r in page.items] == [
        ("velero", "b-1", "u-1", ()),
        ("velero", "b-2", "u-2", ()),
    ]
    assert (page.resource_version, page.continue_token, page.remaining) == ("77", "token", 3)


def test_an_aggregated_api_may_say_little_of_itself(reader: Readers) -> None:
    """Neither kind nor version on the items, no version on the list, and no hint of more."""
    item = backup(1)
    del item["apiVersion"], item["kind"], item["metadata"]["resourceVersion"]
    page = reader("backups").page(listed(item, **{"continue": "", "resourceVersion": ""}))
    assert [r.name for r in page.items] == ["b-1"]
    assert (page.resource_version, page.continue_token, page.remaining) == (None, None, None)


@pytest.mark.parametrize(
    ("body", "told"),
    [
        (b'{"kind":"BackupList","metadata":{}}', "no list: Object missing required field `items`"),
        (b'{"kind":"BackupList","items":[]}', "no list: Object missing required field `metadata`"),
        (b'{"metadata":{},"items":[]}', "no list: Object missing required field `kind`"),
        (b'{"kind":"Backup","metadata":{},"items":[]}', "expected a list, got kind 'Backup'"),
        (b'{"kind":"Status","metadata":{},"status":"Failure","message":"too old","code":410}', "a Status instead of a list: too old"),
        (b"<html><body>502 Bad Gateway</body></html>", "no JSON: '<html><body>502 Bad Gateway</body></html>'"),
        (b"", "no JSON: ''"),
        (b"[]", "no list: Expected `object`, got `array`"),
        (b'{"kind":"BackupList","metadata":{},"items":[{"metadata":{"name":"b"', "no JSON: "),
        (b'{"kind":"BackupList","metadata":{},"items":{}}', "no list: Expected `array | null`, got `object` - at `$.items`"),
    ],
)  # fmt: skip
def test_no_list(reader: Readers, body: bytes, told: str) -> None:
    with pytest.raises(PageError) as caught:
        reader("backups").page(body)
    assert str(caught.value).startswith(told)


def test_a_status_tells_no_secret(reader: Readers) -> None:
    body = json.dumps(
        {"kind": "Status", "metadata": {}, "message": "Bearer abcdef0123456789 refused"}
    ).encode()
    with pytest.raises(PageError, match=r"Bearer \*\*\* refused"):
        reader("backups").page(body)


def test_null_is_an_empty_list(reader: Readers) -> None:
    assert reader("backups").page(b'{"kind":"BackupList","metadata":{},"items":null}').items[:] == []


@pytest.mark.parametrize(
    ("odd", "reason", "path"),
    [
        ({"errors": "many"}, ProblemReason.BAD_NUMBER, "status.errors"),
        ({"errors": [1]}, ProblemReason.WRONG_TYPE, "status.errors"),
        ({"errors": True}, ProblemReason.WRONG_TYPE, "status.errors"),
        ({"progress": "half"}, ProblemReason.WRONG_TYPE, "status.progress"),
        ({"startTimestamp": 5}, ProblemReason.WRONG_TYPE, "status.startTimestamp"),
        ({"startTimestamp": "soon"}, ProblemReason.BAD_TIME, "status.startTimestamp"),
        ({"phase": "Dreaming"}, ProblemReason.UNKNOWN_PHASE, "status.phase"),
    ],
)
def test_one_odd_object_among_500(
    reader: Readers, odd: dict[str, Any], reason: ProblemReason, path: str
) -> None:
    items = [backup(number) for number in range(500)]
    items[250] = backup(250, **odd)
    page = reader("backups").page(listed(*items))
    assert [r.name for r in page.items] == [f"b-{number}" for number in range(500)]
    assert all(len(r.records) == 1 for r in page.items)
    assert [(n, p.reason, p.path) for n, r in enumerate(page.items) for p in r.problems] == [
        (250, reason, path)
    ]


def test_an_odd_status_costs_the_status(reader: Readers) -> None:
    item = backup(1)
    item["status"] = "Completed"
    [reading] = reader("backups").page(listed(item)).items
    [run] = reading.records
    assert isinstance(run, Run)
    assert (run.outcome, run.phase, run.errors) == (Outcome.UNKNOWN, None, None)
    assert [(p.reason, p.path) for p in reading.problems] == [(ProblemReason.WRONG_TYPE, "status")]


def test_what_has_no_identity(reader: Readers) -> None:
    nameless, homeless, odd = backup(1), backup(2), backup(3)
    del nameless["metadata"]["name"], homeless["metadata"]["namespace"]
    odd["metadata"]["name"] = 7
    page = reader("backups").page(listed(nameless, homeless, odd, None, "text", [], backup(4)))
    assert [r.name for r in page.items] == ["", "b-2", "", "", "", "", "b-4"]
    assert [len(r.records) for r in page.items] == [0, 0, 0, 0, 0, 0, 1]
    reasons = [[p.reason.value for p in r.problems] for r in page.items]
    assert reasons[0] == reasons[1] == ["no_identity"]
    assert reasons[2] == ["wrong_type", "no_identity"]
    assert reasons[3:] == [["undecodable"], ["undecodable"], ["undecodable"], []]


def test_nesting_beyond_any_decoder(reader: Readers) -> None:
    deep = (
        b'{"metadata":{"name":"deep","namespace":"velero","x":'
        + b"[" * 2000
        + b"]" * 2000
        + b'},"status":{"phase":"Failed"}}'
    )
    body = (
        b'{"kind":"BackupList","metadata":{},"items":[' + deep + b"," + json.dumps(backup(1)).encode() + b"]}"
    )
    page = reader("backups").page(body)
    assert [r.name for r in page.items] == ["deep", "b-1"]
    assert [r.problems for r in page.items] == [(), ()]
    run = reader("backups").item(deep).value.records[0]
    assert isinstance(run, Run)
    assert run.outcome is Outcome.FAILED


def test_lone_surrogates_and_broken_utf8(reader: Readers) -> None:
    good = json.dumps(backup(1)).encode()
    lone = good.replace(b'"Completed"', b'"Failed","failureReason":"a\\ud800b \\\\ud800 \\ud83d\\ude00"')
    broken = good.replace(b'"Completed"', b'"Failed","failureReason":"a\xffb"')
    body = b'{"kind":"BackupList","metadata":{},"items":[' + b",".join([lone, broken, good]) + b"]}"
    page = reader("backups").page(body)
    assert [r.name for r in page.items] == ["b-1"] * 3
    messages = [r.records[0].message for r in page.items if isinstance(r.records[0], Run)]
    assert messages == ["a\ufffdb \\ud800 \U0001f600", "a\ufffdb", None]
    assert reader("backups").item(lone).value == page.items[0]
    assert reader("backups").item(broken).value == page.items[1]


def test_numbers_that_are_none(reader: Readers) -> None:
    raw = json.dumps(backup(1)).encode()
    for number in (b"1e999", b"-5", b"1" * 400):
        reading = reader("backups").item(raw.replace(b'"errors": 0', b'"errors": ' + number)).value
        assert reading.name == "b-1"
        assert [p.reason for p in reading.problems] == [ProblemReason.BAD_NUMBER]


def test_an_item(reader: Readers) -> None:
    item = reader("backups").item(json.dumps(backup(9)).encode())
    assert (item.resource_version, item.value.name) == ("9", "b-9")
    assert reader("backups").item(b"<html>").value.problems[0].reason is ProblemReason.UNDECODABLE
    odd = reader("backups").item(json.dumps(backup(9, errors="x")).encode())
    assert (odd.resource_version, odd.value.name) == ("9", "b-9")


def test_a_message_is_cut_and_holds_no_secret(reader: Readers) -> None:
    text = "password=hunter2 " + "x" * 10_000
    [run] = (
        reader("backups")
        .item(json.dumps(backup(1, phase="Failed", failureReason=text)).encode())
        .value.records
    )
    assert isinstance(run, Run)
    assert run.message is not None
    assert run.message.startswith("password=*** xxx")
    assert len(run.message) == 4096


def test_flatten_keeps_what_is_not_deep() -> None:
    body = b'{"a":[1,"]}[",{"b":"\\"{"}]}'
    assert flatten(body) == body
    deep = b"[" * DEEPEST + b'[[1],{"a":2}]' + b"]" * DEEPEST
    assert flatten(deep) == b"[" * DEEPEST + b"null" + b"]" * DEEPEST
    assert flatten(b"[" * (DEEPEST + 5)) == b"[" * DEEPEST + b"null"


def test_mend_keeps_pairs_and_escapes() -> None:
    good = b'"\\\\ud800 \\ud83d\\ude00 \\n \xc3\xa9"'
    assert mend(good) == good
    assert mend(b'"\\udc00\\ud800"') == b'"\\ufffd\\ufffd"'
