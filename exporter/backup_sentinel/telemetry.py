"""What the process tells about itself: its own metrics, written by prometheus-client, and its log lines."""

import json
import logging
import sys
import time
from collections.abc import Iterator, Sequence
from typing import Any, TextIO

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    ProcessCollector,
    disable_created_metrics,
    generate_latest,
)
from prometheus_client.openmetrics import exposition as openmetrics

from . import __version__
from .errors import ProblemReason

ENDPOINTS = (
    *("/metrics", "/-/healthy", "/-/ready", "/api", "other"),
    *("/", "/schedule", "/run", "/locations", "/clusters"),
    *("/alertmanager", "/alert"),
)
"""Values of the label `endpoint`: closed, whatever paths clients try."""


class Telemetry:
    """The families of this process. Each instance has its own registry, so that tests can have several.

    Without `export` those of the export river are left out.
    """

    def __init__(self, *, export: bool = True) -> None:
        disable_created_metrics()  # type: ignore[no-untyped-call]
        self._registry = CollectorRegistry()
        river = self._registry if export else CollectorRegistry()
        self._names = {
            "backup_sentinel_unmapped_phases": ("operator",),
            "backup_sentinel_state_last_save_timestamp_seconds": ("cluster",),
            "backup_sentinel_state_bytes": ("cluster",),
            "backup_sentinel_http_requests": ("method", "endpoint", "status"),
            "backup_sentinel_http_request_duration_seconds": ("method", "endpoint"),
        }
        ProcessCollector(registry=self._registry)
        build = Gauge(
            "backup_sentinel_build_info",
            "Version of this process; always 1.",
            ["version"],
            registry=self._registry,
        )
        build.labels(__version__).set(1)
        self._problems = Counter(
            "backup_sentinel_problems",
            "Objects, or fields of them, that could not be taken at their word; counted once per change.",
            ["reason"],
            registry=river,
        )
        for reason in ProblemReason:
            self._problems.labels(reason)
        self._phases = Counter(
            "backup_sentinel_unmapped_phases",
            "Runs whose phase the profile does not know; they count as unknown.",
            ["operator"],
            registry=river,
        )
        self._requests = Counter(
            "backup_sentinel_http_requests",
            "Requests answered; status 499 where the client left before.",
            ["method", "endpoint", "status"],
            registry=self._registry,
        )
        self._durations = Histogram(
            "backup_sentinel_http_request_duration_seconds",
            "Time from the head of a request to the end of its answer.",
            ["method", "endpoint"],
            buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 1, 5),
            registry=self._registry,
        )

        self._state_saved = Gauge(
            "backup_sentinel_state_last_save_timestamp_seconds",
            "When the memory of a cluster was last saved; it is written only when something lasting has changed.",
            ["cluster"],
            registry=river,
        )
        self._state_bytes = Gauge(
            "backup_sentinel_state_bytes",
            "Size of the saved memory of a cluster, compressed.",
            ["cluster"],
            registry=river,
        )
        self._state_failures = Counter(
            "backup_sentinel_state_save_failures",
            "Attempts to save memory that failed; until one succeeds, counters do not move.",
            registry=river,
        )

        self._reload_good = Gauge(
            "backup_sentinel_config_last_reload_successful",
            "1 if the configuration was taken when it was last read.",
            registry=river,
        )
        self._reload_time = Gauge(
            "backup_sentinel_config_last_reload_success_timestamp_seconds",
            "When the configuration was last taken.",
            registry=river,
        )
        self._shard = Gauge("backup_sentinel_shard", "Number of this shard, counted from 0.", registry=river)
        self._shards = Gauge(
            "backup_sentinel_shards",
            "Number of shards the clusters are divided among.",
            registry=river,
        )
        self.sharded(0, 1)

    def sharded(self, index: int, total: int) -> None:
        """Tell which shard this is."""
        self._shard.set(index)
        self._shards.set(total)

    def reloaded(self, at: float) -> None:
        """Tell that the configuration was taken, and when (Unix seconds)."""
        self._reload_good.set(1)
        self._reload_time.set(at)

    def reload_failed(self) -> None:
        """Tell that the configuration was not taken."""
        self._reload_good.set(0)

    def saved(self, cluster: str, at: float, size: int) -> None:
        """Tell that the memory of a cluster was saved, when (Unix seconds), and how many bytes it has."""
        self._state_saved.labels(cluster).set(at)
        self._state_bytes.labels(cluster).set(size)

    def save_failed(self) -> None:
        """Count an attempt to save that failed."""
        self._state_failures.inc()

    def problem(self, reason: ProblemReason, operator: str) -> None:
        """Count a problem of an object."""
        self._problems.labels(reason).inc()
        if reason is ProblemReason.UNKNOWN_PHASE:
            self._phases.labels(operator).inc()

    def request(self, method: str, path: str, status: int, seconds: float) -> None:
        """Count a request and how long it took."""
        endpoint = path if path in ENDPOINTS else "/api" if path.startswith("/api/") else "other"
        verb = method if method in {"GET", "HEAD", "POST"} else "other"
        self._requests.labels(verb, endpoint, str(status)).inc()
        self._durations.labels(verb, endpoint).observe(seconds)

    def counter(self, name: str, text: str, labels: Sequence[str]) -> Counter:
        """Return a further counter; its name is without `_total`."""
        self._names[name] = tuple(labels)
        return Counter(name, text, labels, registry=self._registry)

    def gauge(self, name: str, text: str, labels: Sequence[str]) -> Gauge:
        """Return a further gauge."""
        self._names[name] = tuple(labels)
        return Gauge(name, text, labels, registry=self._registry)

    def histogram(self, name: str, text: str, labels: Sequence[str], buckets: Sequence[float]) -> Histogram:
        """Return a further histogram with these upper bounds."""
        self._names[name] = tuple(labels)
        return Histogram(name, text, labels, buckets=buckets, registry=self._registry)

    def describe(self) -> Iterator[tuple[str, str, tuple[str, ...], str, str]]:
        """Yield name, type, labels, unit and meaning of each family; those of the process from its collector."""
        for metric in self._registry.collect():
            total = "_total" if metric.type == "counter" else ""
            labels = dict.fromkeys(
                label for sample in metric.samples for label in sample.labels if label != "le"
            )
            names = self._names.get(metric.name, tuple(labels))
            unit = next((unit for unit in ("seconds", "bytes") if metric.name.endswith(unit)), "")
            yield metric.name + total, metric.type, names, unit, metric.documentation

    def text(self) -> bytes:
        """Return the families in the text format 0.0.4."""
        return generate_latest(self._registry)

    def openmetrics(self) -> bytes:
        """Return the families in OpenMetrics 1.0, without the end mark."""
        body: bytes = openmetrics.generate_latest(self._registry)  # type: ignore[no-untyped-call]
        return body.removesuffix(b"# EOF\n")


_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}


def _extra(record: logging.LogRecord) -> dict[str, Any]:
    return {name: value for name, value in vars(record).items() if name not in _STANDARD}


class JsonFormatter(logging.Formatter):
    """One JSON object per line: time (RFC 3339, UTC), level, logger, message, and the fields of `extra`."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line."""
        line = {
            "time": time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created))
            + f".{int(record.msecs):03d}Z",
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
            **_extra(record),
        }
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps(line, default=str, ensure_ascii=False)


class TextFormatter(logging.Formatter):
    """The same for people: time, level, message, fields as key=value."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line."""
        at = time.strftime("%H:%M:%S", time.localtime(record.created))
        fields = "".join(
            f" {name}={json.dumps(value, default=str)}" for name, value in _extra(record).items()
        )
        text = f"{at} {record.levelname.lower():<7} {record.getMessage()}{fields}"
        return f"{text}\n{self.formatException(record.exc_info)}" if record.exc_info else text


def set_up_logging(level: str, form: str, stream: TextIO = sys.stderr) -> None:
    """Send all log lines to one stream; `form` is "json" or "text", `level` a name such as "info"."""
    handler = logging.StreamHandler(stream)
    handler.setFormatter(JsonFormatter() if form == "json" else TextFormatter())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    for name in ("aiohttp.access", "uvicorn.access"):
        logging.getLogger(name).setLevel(logging.WARNING)
