"""An exporter that is gone, as the rules see it together: what mutes fires before what is muted."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from backup_sentinel.kube.timing import Timing
from rules.promtools import RULES, check, find

BUNDLE = RULES / "dist" / "backup-sentinel.rules.yaml"
STEP = 15
GONE = 40
"""Samples before the exporter is gone."""
MUTED = 'ALERTS{alertname=~"KubeBackup.+|BackupSentinelStateStale", alertstate="firing"}'
BLIND = 'ALERTS{alertname="BackupSentinelBlind", alertstate="firing"}'


def gone(late: int, quiet: float, contact: float) -> dict[str, Any]:
    """Return a test: the exporter is gone, `late` samples after an evaluation; a resource's last contact is old already."""
    samples = GONE + late
    end = samples * STEP - contact
    resource = '{cluster="prod", operator="kasten", resource="backupactions.actions.kio.kasten.io"}'
    series = {
        'backup_sentinel_cluster_up{cluster="prod"}': "1",
        f"backup_sentinel_resource_up{resource}": "1",
        f"backup_sentinel_resource_max_silence_seconds{resource}": f"{quiet}",
        f"backup_sentinel_resource_last_contact_timestamp_seconds{resource}": f"{end}",
    }
    return {
        "name": f"gone {late * STEP} s after an evaluation",
        "interval": f"{STEP}s",
        "input_series": [
            {"series": name, "values": f"{value}x{samples} stale"} for name, value in series.items()
        ],
        "promql_expr_test": [
            {"expr": f"count_over_time(({MUTED} unless on (cluster) {BLIND})[60m:15s])", "eval_time": "60m"},
            {
                "expr": f"count({MUTED} and on (cluster) {BLIND})",
                "eval_time": "40m",
                "exp_samples": [{"labels": "{}", "value": 1}],
            },
        ],
    }


def test_of_an_exporter_that_is_gone_the_source_of_the_inhibition_fires_first(tmp_path: Path) -> None:
    """The resource is one that is polled, of which a sign of life is missed soonest."""
    timing = Timing()
    quiet = 1.1 * timing.poll + timing.longest_pause + timing.list_read
    tests = [gone(late, quiet, 1.1 * timing.poll) for late in range(4)]
    path = tmp_path / "test.yaml"
    path.write_text(
        yaml.safe_dump({"rule_files": [str(BUNDLE)], "evaluation_interval": "1m", "tests": tests})
    )
    check(find("promtool"), [path])
