"""Panels about how the exporter reads the clusters, and what it could not understand."""

from .fields import GREEN, RED, YELLOW, Column, runbook, steps, words
from .grid import Panel
from .panels import graph, series, states, table
from .shapes import WARNING

OURS = 'job=~"$job", instance=~"$instance"'
EACH = f'{OURS}, cluster=~"$cluster"'
PLACE = "pod, container, endpoint, service, namespace"
"""What else a scrape adds; the instance stays."""


def each(name: str, matchers: str = EACH) -> str:
    """Return a metric by instance, without its name, so that tables can join it with others."""
    return f"max without ({PLACE}) ({name}{{{matchers}}})"


def clusters() -> list[Panel]:
    """Return the panels about API servers."""
    return [
        states(
            "API servers",
            "A strip for each cluster. While an API server does not answer, what was last known is shown on.",
            series(f"max without (instance, pod) (backup_sentinel_cluster_up{{{EACH}}})", "{{cluster}}"),
            [words({0: ("does not answer", RED), 1: ("answers", GREEN)})],
            none="no clusters",
            width=12,
        ),
        graph(
            "Time without an answer",
            "Seconds of each minute in which the API server did not answer.",
            [
                series(
                    f"rate(backup_sentinel_blind_seconds_total{{{EACH}}}[$__rate_interval]) * 60",
                    "{{cluster}} {{instance}}",
                )
            ],
            unit="s",
            none="no clusters",
            low=0,
            width=6,
        ),
        graph(
            "Clock skew",
            "By how much an API server's clock is ahead of the exporter's. Beyond minutes, promises are judged wrongly.",
            [series(f"backup_sentinel_cluster_clock_skew_seconds{{{EACH}}}", "{{cluster}} {{instance}}")],
            unit="s",
            none="no clusters",
            width=6,
        ),
    ]


def resources() -> list[Panel]:
    """Return the panels about lists and watches."""
    contact = each("backup_sentinel_resource_last_contact_timestamp_seconds")
    silence = each("backup_sentinel_resource_max_silence_seconds")
    return [
        table(
            "Resources",
            "When the API server last gave a sign of life about a resource, against the silence after which its state "
            "counts as old. A resource that is not installed, and never was, has no row.",
            [
                Column(
                    "Readable",
                    query=each("backup_sentinel_resource_up"),
                    mappings=[words({0: ("no", RED), 1: ("yes", GREEN)})],
                    fill=True,
                    width=90,
                ),
                Column("Cluster", label="cluster"),
                Column("Operator", label="operator"),
                Column("Resource", label="resource"),
                Column("Scope", label="scope"),
                Column("Instance", label="instance"),
                Column("Objects", query=each("backup_sentinel_objects"), decimals=0),
                Column("Last contact", query=f"time() - {contact}", unit="s", decimals=0),
                Column(
                    "Of the silence allowed",
                    query=f"(time() - {contact}) / {silence}",
                    unit="percentunit",
                    decimals=0,
                    steps=steps(GREEN, (0.5, YELLOW), (1, RED)),
                ),
            ],
            none="No resource is read",
            sort="Of the silence allowed",
            width=24,
            links=[runbook("BackupSentinelStateStale")],
        ),
        graph(
            "Events",
            "Events of the watches, by cluster.",
            [
                series(
                    f"sum without (operator, resource, scope) (rate(backup_sentinel_watch_events_total{{{EACH}}}[$__rate_interval]))",
                    "{{cluster}} {{instance}}",
                )
            ],
            unit="cps",
            none="no watches",
            low=0,
            width=8,
        ),
        graph(
            "Lists",
            "Lists by result. Many in a row mean that watches do not hold.",
            [
                series(
                    f"sum by (result) (rate(backup_sentinel_lists_total{{{EACH}}}[$__rate_interval]))",
                    "{{result}}",
                )
            ],
            unit="cps",
            none="no lists",
            low=0,
            width=8,
        ),
        graph(
            "Watches",
            "Watches that ended, by result.",
            [
                series(
                    f"sum by (result) (rate(backup_sentinel_watches_total{{{EACH}}}[$__rate_interval]))",
                    "{{result}}",
                )
            ],
            unit="cps",
            none="no watches",
            low=0,
            width=8,
        ),
    ]


def problems() -> list[Panel]:
    """Return the panels about what was not understood."""
    return [
        graph(
            "Problems by reason",
            "Objects, or fields of them, that could not be taken at their word, in each step of the graph.",
            [
                series(
                    f"sum by (reason) (increase(backup_sentinel_problems_total{{{OURS}}}[$__rate_interval]))",
                    "{{reason}}",
                )
            ],
            bars=True,
            none="not scraped",
        ),
        table(
            "Phases that are not known",
            "Runs whose phase the profile of the operator does not know, since each process began. They count as unknown.",
            [
                Column("Operator", label="operator"),
                Column("Instance", label="instance"),
                Column(
                    "Runs",
                    query=f"increase(backup_sentinel_unmapped_phases_total{{{OURS}}}[$__range])",
                    steps=WARNING,
                    decimals=0,
                ),
            ],
            none="All phases are known",
            width=12,
            links=[runbook("BackupSentinelUnknownPhases"), runbook("BackupSentinelObjectsUnreadable")],
        ),
    ]
