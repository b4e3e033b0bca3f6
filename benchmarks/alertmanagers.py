"""Alertmanagers that post to a relay: each sends its next message when the last one was answered."""

from __future__ import annotations

import asyncio
import itertools
import json
import time
from collections.abc import Iterator

GROUPS = 1000


def bodies(first: int = 0, groups: int = GROUPS) -> Iterator[bytes]:
    """Return messages without end, each news about one of so many groups: it fires, it is over, it fires again."""
    for number in itertools.count(first):
        yield body(number, groups)


def body(number: int, groups: int = GROUPS) -> bytes:
    """Return a message as Alertmanager writes it; some 1.7 kB."""
    group, turn = number % groups, number // groups
    labels = {
        "alertname": "KubeBackupFailed",
        "cluster": "prod-eu-1",
        "operator": "velero",
        "namespace": "velero",
        "schedule": f"shop-{group:04}",
        "action": "backup",
        "severity": "critical",
    }
    annotations = {
        "summary": f"The backup shop-{group:04} in prod-eu-1 failed",
        "description": "The last run ended as Failed: error uploading: rpc error: code = Unavailable. " * 4,
        "runbook_url": "https://example.com/rules/KubeBackupFailed/runbook.md",
        "number": str(number),
    }
    over = turn % 2 == 1
    alert = {
        "status": "resolved" if over else "firing",
        "labels": labels,
        "annotations": annotations,
        "startsAt": f"2026-01-{1 + turn // 2 // 1440 % 28:02}T{turn // 2 // 60 % 24:02}:{turn // 2 % 60:02}:00.000Z",
        "endsAt": "2026-02-01T00:00:00Z" if over else "0001-01-01T00:00:00Z",
        "generatorURL": "https://prometheus.example.com/graph?g0.expr=kube_backup_last_run_outcome&g0.tab=1",
        "fingerprint": f"{group:016x}",
    }
    message = {
        "version": "4",
        "groupKey": f'{{}}/{{operator="velero"}}:{{schedule="shop-{group:04}"}}',
        "truncatedAlerts": 0,
        "status": alert["status"],
        "receiver": "relay",
        "groupLabels": {"schedule": labels["schedule"]},
        "commonLabels": labels,
        "commonAnnotations": annotations,
        "externalURL": "https://alertmanager.example.com",
        "alerts": [alert],
    }
    return json.dumps(message).encode()


async def post(port: int, messages: Iterator[bytes], count: int, senders: int) -> list[float]:
    """Have so many senders post `count` messages together; return the seconds until each answer.

    Raises RuntimeError unless every message is accepted.
    """
    left = itertools.islice(messages, count)
    waits: list[float] = []

    async def send() -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        try:
            for message in left:
                began = time.perf_counter()
                await _exchange(reader, writer, message)
                waits.append(time.perf_counter() - began)
        finally:
            writer.close()

    async with asyncio.TaskGroup() as group:
        for _ in range(senders):
            group.create_task(send())
    return waits


async def _exchange(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, message: bytes) -> None:
    head = (
        "POST /alertmanager HTTP/1.1\r\nHost: relay\r\nUser-Agent: Alertmanager/0.28.1\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(message)}\r\n\r\n"
    )
    writer.write(head.encode() + message)
    answer = await reader.readuntil(b"\r\n\r\n")
    length = next(
        int(line.partition(b":")[2])
        for line in answer.split(b"\r\n")
        if line.lower().startswith(b"content-length:")
    )
    text = await reader.readexactly(length)
    if b'"accepted"' not in text:
        raise RuntimeError(f"not accepted: {text.decode()}")
