"""Texts of operators and object stores, and the class of failure they mean."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backup_sentinel.cause.reason import classify, rules
from backup_sentinel.model import FailureReason


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ('found a backup with status "InProgress" during the server starting, mark it as "Failed"', "interrupted"),
        ('found a restore with status "InProgress" during the server starting, mark it as "Failed"', "interrupted"),
        ('found a dataupload with status "InProgress" during the node-agent starting, mark it as cancel', "interrupted"),
        ("the mover pod was OOMKilled", "interrupted"),
        ("backup already exists in object storage", "conflict"),
        ("unable to create lock in backend: repository is already locked by PID 60 on host", "conflict"),
        ("rpc error: code = Unknown desc = AccessDenied: Access Denied status code: 403", "permission"),
        ("UnauthorizedOperation: You are not authorized to perform this operation.", "permission"),
        ("googleapi: Error 403: sa@p.iam does not have storage.objects.create access", "permission"),
        ('namespaces is forbidden: User "system:serviceaccount:velero:velero" cannot list resource', "permission"),
        ("maintenance must be run by designated user", "permission"),
        ("InvalidAccessKeyId: The AWS Access Key Id you provided does not exist in our records.", "credentials"),
        ("Fatal: unable to open config file: Stat: The access key ID you provided does not exist in our records.", "credentials"),
        ("SignatureDoesNotMatch: The request signature we calculated does not match", "credentials"),
        ("ExpiredToken: The provided token has expired.", "credentials"),
        ("NoCredentialProviders: no valid providers in chain", "credentials"),
        ("AADSTS7000215: Invalid client secret provided", "credentials"),
        ("Fatal: wrong password or no key found", "credentials"),
        ("RequestTimeTooSkewed: clock skew detected", "credentials"),
        ('error getting credentials: secrets "cloud-credentials" not found', "credentials"),
        ('Get "https://s3": tls: failed to verify certificate: x509: certificate signed by unknown authority', "tls"),
        ("x509: certificate has expired or is not yet valid", "tls"),
        ("http: server gave HTTP response to HTTPS client", "tls"),
        ("dial tcp 10.0.0.1:9000: connect: connection refused", "network"),
        ("dial tcp: lookup minio.minio.svc: no such host", "network"),
        ("read tcp 10.1.1.1:4->10.2.2.2:443: i/o timeout", "network"),
        ("net/http: TLS handshake timeout", "network"),
        ("write: broken pipe", "network"),
        ("NoSuchBucket: The specified bucket does not exist", "storage_missing"),
        ("ContainerNotFound: The specified container does not exist.", "storage_missing"),
        ("an existing backup storage location was not specified and the default default was not found", "storage_missing"),
        ("Fatal: repository does not exist: unable to open config file: Is there a repository at the following location?", "storage_missing"),
        ("backup can't be created because BackupStorageLocation default is in read-only mode", "storage_unavailable"),
        ("SlowDown: Please reduce your request rate.", "storage_unavailable"),
        ("ServiceUnavailable: status code: 503", "storage_unavailable"),
        ("write /scratch/x: no space left on device", "capacity"),
        ("QuotaExceeded: the quota was exceeded", "capacity"),
        ("XMinioStorageFull: Storage backend has reached its minimum free drive threshold", "capacity"),
        ("timed out waiting for VolumeSnapshot app/velero-data-x to become ready", "snapshot"),
        ("failed to take snapshot of volume pv-1", "snapshot"),
        ("Could not snapshot PVC data-1, which is ignored", "snapshot"),
        ("error executing hook: command exited with 1", "hook"),
        ("2 hooks failed with a time-out", "hook"),
        ("context deadline exceeded", "timeout"),
        ("timed out on preparing data", "timeout"),
        ('Error retrieving backup: backup.velero.io "nope" not found', "validation"),
        ("invalid included/excluded namespace lists", "validation"),
        ("data path backup failed: kopia snapshotter", "data_mover"),
        ("node-agent is not running in node worker-1", "data_mover"),
        ("command terminated with exit code 1", "data_mover"),
        ("something nobody foresaw", "unknown"),
        ("", "unknown"),
        (None, "unknown"),
    ],
)  # fmt: skip
def test_texts(text: str | None, reason: str) -> None:
    assert classify(text) == FailureReason(reason)


def test_a_cause_stands_before_its_symptom() -> None:
    assert classify("context deadline exceeded: dial tcp 10.0.0.1:443: i/o timeout") is FailureReason.NETWORK
    assert classify("snapshot failed: AccessDenied") is FailureReason.PERMISSION


def test_every_reason_has_a_rule() -> None:
    assert {reason for _, reason in rules()} | {FailureReason.UNKNOWN} == set(FailureReason)


def test_patterns_are_quick() -> None:
    """No pattern may take time that grows with more than the length of a hostile text."""
    assert not any(re.search(r"\)[*+]|\.\*\.\*", pattern.pattern) for pattern, _ in rules())


@given(st.text(max_size=200))
def test_any_text(text: str) -> None:
    assert classify(text) in set(FailureReason)
