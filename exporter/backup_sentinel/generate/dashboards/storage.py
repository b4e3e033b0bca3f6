"""Panels about where backups go, how large they are, and how long they take."""

from .fields import GREEN, GREY, RED, YELLOW, Column, runbook, steps, words
from .grid import Panel
from .panels import graph, series, states, table
from .promql import (
    PLACE,
    SCHEDULED,
    kept,
    lowest,
    now,
)
from .shapes import (
    LABELS,
    STREAM_NAME,
    WARNING,
)

AVAILABLE = words({0: ("no", RED), 1: ("yes", GREEN)})


def places() -> list[Panel]:
    """Return the panels about storage locations and repositories."""
    info = now("kube_backup_location_info", PLACE)
    unjudged = f"max without (provider, access, default, reason) ({info}) * 0 + 2"
    expired, undeleted = (
        kept(f"kube_backup_{name}", PLACE) for name in ("expired_runs", "deletion_failures")
    )
    left = f"({expired} > 0 or {undeleted} > 0)"
    return [
        table(
            "Storage locations",
            "Where backups go; some operators never say whether a location can be used. A location that a schedule names and that does not exist is not available either.",
            [
                Column(
                    "Available",
                    query=f"{lowest('kube_backup_location_available', PLACE)} or {unjudged}",
                    mappings=[words({0: ("no", RED), 1: ("yes", GREEN), 2: ("not judged", GREY)})],
                    fill=True,
                    width=90,
                ),
                Column("Cluster", label="cluster"),
                Column("Namespace", label="resource_namespace"),
                Column("Location", label="location"),
                Column("Provider", label="provider", width=80),
                Column("Access", label="access", width=90),
                Column("Reason", label="reason"),
                Column("", query=info),
                Column(
                    "Tried",
                    query=f"{kept('kube_backup_location_last_validation_timestamp_seconds', PLACE)} * 1000",
                    unit="dateTimeFromNow",
                ),
                Column(
                    "Compared",
                    query=f"{kept('kube_backup_location_last_sync_timestamp_seconds', PLACE)} * 1000",
                    unit="dateTimeFromNow",
                ),
            ],
            none="No storage location is known",
            sort="Available",
            descending=False,
            width=14,
            links=[runbook("KubeBackupLocationUnavailable"), runbook("KubeBackupLocationValidationStale")],
        ),
        table(
            "Repositories of volume data",
            "Each must be ready, and be maintained, or it only grows.",
            [
                Column(
                    "Ready",
                    query=lowest("kube_backup_repository_ready", PLACE),
                    mappings=[AVAILABLE],
                    fill=True,
                    width=70,
                ),
                Column("Cluster", label="cluster"),
                Column("Repository", label="repository"),
                Column(
                    "Maintained",
                    query=f"time() - {kept('kube_backup_repository_last_maintenance_timestamp_seconds', PLACE)}",
                    unit="s",
                    decimals=1,
                    steps=steps(GREEN, (8 * 86_400, YELLOW)),
                    width=110,
                ),
            ],
            none="No repository is known",
            sort="Ready",
            descending=False,
            width=10,
            links=[runbook("KubeBackupRepositoryNotReady"), runbook("KubeBackupRepositoryMaintenanceStale")],
        ),
        states(
            "Storage locations over time",
            "A strip for each location.",
            series(
                lowest("kube_backup_location_available", PLACE),
                "{{cluster}} {{resource_namespace}}/{{location}}",
                interval="10m",
            ),
            [words({0: ("not available", RED), 1: ("available", GREEN)})],
            none="no storage location is known",
            width=14,
            height=7,
        ),
        table(
            "Expired and not deleted",
            "Runs that have expired and still exist, and requests to delete one that ended with errors: both cost storage.",
            [
                Column("Cluster", label="cluster"),
                Column("Namespace", label="resource_namespace"),
                Column("Expired", query=f"{expired} and {left}", decimals=0),
                Column(
                    "Deletions failed",
                    query=f"{undeleted} and {left}",
                    steps=WARNING,
                    decimals=0,
                ),
            ],
            none="Nothing that has expired is left",
            sort="Deletions failed",
            width=10,
            height=7,
            links=[runbook("KubeBackupExpiredNotDeleted"), runbook("KubeBackupDeletionFailing")],
        ),
    ]


def sizes() -> list[Panel]:
    """Return the panels about sizes and durations."""
    size = kept("kube_backup_last_success_size_bytes", SCHEDULED)
    usual = kept("kube_backup_size_baseline_bytes", SCHEDULED)
    return [
        graph(
            "Size of the newest success",
            "The ten largest schedules. Volume data included, where the operator tells how much there is.",
            [series(f"topk(10, {size})", STREAM_NAME, interval="10m")],
            unit="bytes",
            none="no sizes are known",
            low=0,
        ),
        graph(
            "Duration of the newest run",
            "The ten longest schedules.",
            [
                series(
                    f"topk(10, {kept('kube_backup_last_duration_seconds', SCHEDULED)})",
                    STREAM_NAME,
                    interval="10m",
                )
            ],
            unit="s",
            none="no durations are known",
            low=0,
        ),
        table(
            "Growth",
            "The newest success against the usual size: the median of up to seven successes before it. "
            "Less than half of it looks like something is missing.",
            [
                *LABELS,
                Column("Size", query=size, unit="bytes", decimals=1),
                Column("Usual", query=usual, unit="bytes", decimals=1),
                Column(
                    "Change",
                    query=f"{size} / ({usual} > 0) - 1",
                    unit="percentunit",
                    decimals=1,
                    steps=steps(RED, (-0.5, GREEN), (1, YELLOW)),
                ),
                Column(
                    "Moved",
                    query=kept("kube_backup_last_transferred_bytes", SCHEDULED),
                    unit="bytes",
                    decimals=1,
                ),
            ],
            none="No sizes are known",
            sort="Size",
            links=[runbook("KubeBackupSizeFell")],
        ),
        table(
            "Volume data by namespace",
            "Volume data of the newest run, by the namespace the volumes belong to, and volumes whose data was not saved.",
            [
                Column("Cluster", label="cluster"),
                Column("Schedule", label="schedule"),
                Column("Target", label="target"),
                Column("Volumes of", label="target_namespace"),
                Column("Size", query=kept("kube_backup_volume_bytes", SCHEDULED), unit="bytes", decimals=1),
                Column(
                    "Not saved",
                    query=kept("kube_backup_volume_failures", SCHEDULED),
                    steps=steps("text", (1, RED)),
                    decimals=0,
                ),
            ],
            none="No volume data is known",
            sort="Size",
            links=[runbook("KubeBackupVolumeDataMissing")],
        ),
    ]
