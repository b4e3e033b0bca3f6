"""Why runs of Velero fail in a story, and what Velero says then; `{run}`, `{location}`, `{namespace}` are filled in."""

from typing import NamedTuple

from backup_sentinel.demo.scene import Run


class Ending(NamedTuple):
    """Where a run fails: before it starts, at `init`, at work (`restart`) or at the `upload`; and what it says."""

    where: str
    completed: bool
    text: str


_PUT = "rpc error: code = Unknown desc = error putting object backups/{run}/{run}.tar.gz: operation error S3: PutObject, "
_HTTP = _PUT + "https response error StatusCode: "
_TLS = (
    'error getting backup store: Get "https://s3.example.com": tls: failed to verify certificate: '
    "x509: certificate has expired or is not yet valid"
)
_RESTART = 'found a backup with status "InProgress" during the server starting, mark it as "Failed"'
_VALIDATION = "Invalid included/excluded namespace lists: excludes list cannot contain an item in the includes list: {namespace}"
_UNAVAILABLE = "backup can't be created because BackupStorageLocation {location} is in Unavailable status."
_KEY = "403, api error InvalidAccessKeyId: The access key id does not exist in our records."

FAILED = {
    "": Ending("restart", True, "error collecting items: the server could not find the requested resource"),
    "credentials": Ending("upload", False, _HTTP + _KEY),
    "permission": Ending("upload", False, _HTTP + "403, api error AccessDenied: Access Denied"),
    "storage_missing": Ending(
        "upload", False, _HTTP + "404, api error NoSuchBucket: The bucket does not exist"
    ),
    "network": Ending(
        "upload", False, _HTTP + "0, request send failed, dial tcp 203.0.113.17:443: i/o timeout"
    ),
    "timeout": Ending("upload", False, _PUT + "context deadline exceeded"),
    "capacity": Ending(
        "upload", False, "error copying {run}.tar.gz: write /tmp/{run}: no space left on device"
    ),
    "tls": Ending("init", False, _TLS),
    "conflict": Ending("init", True, "backup already exists in object storage"),
    "interrupted": Ending("restart", True, _RESTART),
    "validation": Ending("", False, _VALIDATION),
    "storage_unavailable": Ending("", False, _UNAVAILABLE),
}
VOLUME_FAILURES = {
    "data_mover": "data path backup failed: Failed to run kopia backup: unable to upload content: object write failed",
    "network": "data path backup failed: error to open repository: read tcp 10.42.1.17:41200: connection reset by peer",
    "timeout": "timeout on preparing data upload: pod is stuck in Pending, waiting for volume to be bound",
}


def ending_of(run: Run) -> Ending:
    """Return how a failed run ends, its text filled in."""
    ending = FAILED.get(run.cause, FAILED[""])
    text = ending.text.format(run=run.name, location=run.spec.location, namespace=run.spec.namespaces[0])
    return ending._replace(text=text)
