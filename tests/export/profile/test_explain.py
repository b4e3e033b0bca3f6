"""`check --explain`: where each field came from."""

import pytest

from backup_sentinel.errors import DocumentError
from backup_sentinel.export.profile import Profile, explain

NOW = 1772413200.0


def test_a_run(velero: Profile) -> None:
    text = """
apiVersion: velero.io/v1
kind: Backup
metadata: {name: b1, namespace: velero, labels: {velero.io/schedule-name: nightly}, creationTimestamp: "2026-03-01T00:00:00Z"}
spec: {itemOperationTimeout: 1h0m0s}
status: {warnings: 3, phase: Failed, startTimestamp: tomorrow, failureReason: "password=hunter2 x509"}
"""
    told = explain(text, [velero], now=NOW).splitlines()
    assert told[:2] == ["velero: backups.velero.io", "  run"]
    assert "    outcome            failed   <- status.phase = 'Failed' [map]" in told
    assert (
        "    schedule           'nightly'   <- metadata.labels[\"velero.io/schedule-name\"] = 'nightly'"
        in told
    )
    assert (
        "    created            2026-03-01T00:00:00Z   <- metadata.creationTimestamp = '2026-03-01T00:00:00Z' [as time]"
        in told
    )
    assert "    started            -   <- status.startTimestamp = 'tomorrow' [as time]" in told
    assert "    errors             0   <- status.errors = nothing [as count, default 0, when]" in told
    assert "    warnings           3   <- status.warnings = 3 [as count, default 0, when]" in told
    assert told[-1] == "  problem bad_time at status.startTimestamp: no time: 'tomorrow'"
    assert "hunter2" not in "\n".join(told)


def test_several_objects(velero: Profile) -> None:
    text = '{"kind": "List", "items": [{"apiVersion": "velero.io/v1", "kind": "Restore", "metadata": {}}, {"kind": "Pod", "apiVersion": "v1"}]}'
    told = explain(text, [velero], now=NOW)
    assert (
        "velero: restores.velero.io\n  run: no identity\n  problem no_identity at metadata: no name\n" in told
    )
    assert told.endswith("no profile describes Pod of v1\n")


def test_nothing_to_explain(velero: Profile) -> None:
    with pytest.raises(DocumentError, match="there is no object in it"):
        explain("", [velero])
    with pytest.raises(DocumentError, match="this is no Kubernetes object"):
        explain("- text", [velero])
