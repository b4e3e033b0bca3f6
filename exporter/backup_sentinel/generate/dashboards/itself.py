"""Backup Sentinel itself: whether what the others show is true and new."""

from .board import Board, sources, status_page, variable
from .fields import GREEN, RED, YELLOW, Column, runbook, steps, words
from .grid import Panel, Row
from .panels import graph, series, stat, table
from .reading import EACH, OURS, clusters, each, problems, resources
from .relay import relay

BUILD = "backup_sentinel_build_info"


def board() -> Board:
    """Return the dashboard."""
    job = f"label_values({BUILD}, job)"
    instance = f'label_values({BUILD}{{job=~"$job"}}, instance)'
    cluster = f"label_values(backup_sentinel_cluster_up{{{OURS}}}, cluster)"
    return Board(
        file="grafana-backup-sentinel.json",
        uid="backup-sentinel",
        title="Backup Sentinel itself",
        description="The exporter and the relay: whether what they say is true and new, and what they cost.",
        variables=[
            *sources(loki=False),
            variable("job", "Job", job, ".+"),
            variable("instance", "Instance", instance, ".+"),
            variable("cluster", "Cluster", cluster),
            status_page(),
        ],
        rows=[
            Row("Health", _health()),
            Row("Clusters", clusters()),
            Row("Lists and watches", resources()),
            Row("What could not be understood", problems()),
            Row("Requests", _requests()),
            Row("Memory of backups", _memory()),
            Row("Process", _process()),
            Row("Relay", relay(), closed=True),
        ],
        hours=6,
        refresh="30s",
    )


def _health() -> list[Panel]:
    yes = [words({0: ("no", RED), 1: ("yes", GREEN)})]
    return [
        stat(
            "Instances",
            "Processes that are scraped.",
            f"count({BUILD}{{{OURS}}})",
            thresholds=steps(RED, (1, GREEN)),
            none="none",
            decimals=0,
            links=[runbook("BackupSentinelAbsent")],
        ),
        stat(
            "Clusters that answer",
            "Share of the clusters whose API server answers.",
            f"avg(max without (instance, pod) (backup_sentinel_cluster_up{{{EACH}}}))",
            unit="percentunit",
            thresholds=steps(RED, (1, GREEN)),
            none="no clusters",
            links=[runbook("BackupSentinelClusterUnreachable")],
        ),
        stat(
            "Resources that can be read",
            "Share of the installed resources that can be listed and watched.",
            f"avg(max without (instance, pod) (backup_sentinel_resource_up{{{EACH}}}))",
            unit="percentunit",
            thresholds=steps(RED, (1, GREEN)),
            none="no resources",
            links=[runbook("BackupSentinelStateStale")],
        ),
        stat(
            "Configuration taken",
            "Whether the configuration was taken when it was last read.",
            f"min(backup_sentinel_config_last_reload_successful{{{OURS}}})",
            mappings=yes,
            none="unknown",
        ),
        stat(
            "Scrape took",
            "The slowest scrape, as Prometheus measures it.",
            f"max(scrape_duration_seconds{{{OURS}}})",
            unit="s",
            thresholds=steps(GREEN, (1, YELLOW), (5, RED)),
            none="not scraped",
        ),
        stat(
            "Series",
            "Samples in one scrape, of all instances.",
            f"sum(scrape_samples_scraped{{{OURS}}})",
            unit="short",
            none="not scraped",
        ),
    ]


def _requests() -> list[Panel]:
    duration = f"backup_sentinel_http_request_duration_seconds_bucket{{{OURS}}}"
    slow = f"histogram_quantile(0.99, sum by (le, endpoint) (rate({duration}[$__rate_interval])))"
    return [
        graph(
            "Requests",
            "Requests answered, by endpoint and status.",
            [
                series(
                    f"sum by (endpoint, status) (rate(backup_sentinel_http_requests_total{{{OURS}}}[$__rate_interval]))",
                    "{{endpoint}} {{status}}",
                )
            ],
            unit="reqps",
            none="no requests",
            low=0,
        ),
        graph(
            "Slowest one of a hundred",
            "Time that 99 of 100 requests do not exceed, by endpoint.",
            [series(slow, "{{endpoint}}")],
            unit="s",
            none="no requests",
            low=0,
        ),
    ]


def _memory() -> list[Panel]:
    return [
        graph(
            "Saved memory",
            "What is remembered of each cluster, compressed, as it was last saved.",
            [series(f"backup_sentinel_state_bytes{{{EACH}}}", "{{cluster}} {{instance}}")],
            unit="bytes",
            none="nothing is saved: no place is configured, or nothing has changed",
            low=0,
            width=8,
        ),
        graph(
            "Since the last save",
            "Memory is written only when something lasting has changed.",
            [
                series(
                    f"time() - backup_sentinel_state_last_save_timestamp_seconds{{{EACH}}}",
                    "{{cluster}} {{instance}}",
                )
            ],
            unit="s",
            none="nothing is saved: no place is configured, or nothing has changed",
            low=0,
            width=8,
        ),
        graph(
            "Saves that failed",
            "Until one succeeds, counters do not move.",
            [
                series(
                    f"increase(backup_sentinel_state_save_failures_total{{{OURS}}}[$__rate_interval])",
                    "{{instance}}",
                )
            ],
            bars=True,
            none="not scraped",
            width=8,
        ),
    ]


def _process() -> list[Panel]:
    return [
        graph(
            "Memory",
            "Resident memory of each process.",
            [series(f"process_resident_memory_bytes{{{OURS}}}", "{{instance}}")],
            unit="bytes",
            low=0,
            width=8,
        ),
        graph(
            "Processor",
            "Processor time, as a share of one core.",
            [series(f"rate(process_cpu_seconds_total{{{OURS}}}[$__rate_interval])", "{{instance}}")],
            unit="percentunit",
            low=0,
            width=8,
        ),
        table(
            "Processes",
            "Version, age, and what was configured.",
            [
                Column("Instance", label="instance"),
                Column("Version", label="version"),
                Column("", query=each(BUILD, OURS)),
                Column(
                    "Runs for",
                    query=f"time() - {each('process_start_time_seconds', OURS)}",
                    unit="s",
                    decimals=1,
                ),
                Column(
                    "Configured",
                    query=f"time() - {each('backup_sentinel_config_last_reload_success_timestamp_seconds', OURS)}",
                    unit="s",
                    decimals=1,
                ),
                Column(
                    "Files",
                    query=f"{each('process_open_fds', OURS)} / {each('process_max_fds', OURS)}",
                    unit="percentunit",
                    decimals=1,
                ),
                Column("Shard", query=each("backup_sentinel_shard", OURS), decimals=0),
                Column("Of", query=each("backup_sentinel_shards", OURS), decimals=0),
            ],
            width=8,
        ),
    ]
