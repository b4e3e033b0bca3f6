"""What the relay tells about itself."""

from collections.abc import Iterable, Mapping

from backup_sentinel.clock import Clock
from backup_sentinel.errors import DeliveryReason
from backup_sentinel.telemetry import Telemetry

INTAKE = ("accepted", "duplicate", "irrelevant", "malformed", "unauthorized", "unavailable")
"""What may become of a request."""
RESULTS = ("delivered", "filtered", "retried", "dead")
"""What may become of an attempt; `dead` counts dead letters without an attempt, too."""

ENRICHED = ("found", "nothing", "failed")
"""What may come of asking an enricher."""


class RelayTelemetry:
    """The families of the relay; the channels of the configuration are there at 0 from the start."""

    def __init__(
        self,
        telemetry: Telemetry,
        channels: Iterable[str] = (),
        enrichers: Iterable[str] = (),
        clock: Clock | None = None,
    ) -> None:
        self._clock = clock or Clock()
        self._messages = telemetry.counter(
            "backup_sentinel_relay_messages",
            "Messages that were sent to the relay, by what became of them.",
            ["result"],
        )
        self._deliveries = telemetry.counter(
            "backup_sentinel_relay_deliveries",
            "Attempts to deliver a message to a channel, and dead letters, by result.",
            ["channel", "result"],
        )
        self._failures = telemetry.counter(
            "backup_sentinel_relay_delivery_failures",
            "Attempts that failed, by reason.",
            ["channel", "reason"],
        )
        self._latency = telemetry.histogram(
            "backup_sentinel_relay_delivery_duration_seconds",
            "Time from the acceptance of a message to its delivery.",
            ["channel"],
            (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 15, 60, 300, 1800, 7200, 43200, 86400),
        )
        self._last = telemetry.gauge(
            "backup_sentinel_relay_last_delivery_timestamp_seconds",
            "When a channel last took a message.",
            ["channel"],
        )
        self._pending = telemetry.gauge(
            "backup_sentinel_relay_pending_deliveries", "Deliveries that wait.", ["channel"]
        )
        self._oldest = telemetry.gauge(
            "backup_sentinel_relay_oldest_pending_timestamp_seconds",
            "Since when the oldest delivery waits; absent where none does.",
            ["channel"],
        )
        self._dead = telemetry.gauge(
            "backup_sentinel_relay_dead_letters", "Dead letters that are kept.", ["channel"]
        )
        self._breaker = telemetry.gauge(
            "backup_sentinel_relay_breaker_open",
            "1 while a channel has failed so often that it is only probed.",
            ["channel"],
        )
        self._enrichments = telemetry.counter(
            "backup_sentinel_relay_enrichments",
            "Messages that enrichers were asked about, by what came of it.",
            ["enricher", "result"],
        )
        self._asking = telemetry.histogram(
            "backup_sentinel_relay_enrichment_duration_seconds",
            "Time that an enricher took for one message.",
            ["enricher"],
            (0.01, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60),
        )
        self._usable = telemetry.gauge(
            "backup_sentinel_relay_outbox_usable", "1 if the last change of the outbox came to last.", []
        )
        self._channels = tuple(channels)
        for result in INTAKE:
            self._messages.labels(result)
        for enricher in enrichers:
            for result in ENRICHED:
                self._enrichments.labels(enricher, result)
            self._asking.labels(enricher)
        for channel in self._channels:
            for result in RESULTS:
                self._deliveries.labels(channel, result)
            for reason in DeliveryReason:
                self._failures.labels(channel, reason)
            self._latency.labels(channel)
            for gauge in (self._pending, self._dead, self._breaker):
                gauge.labels(channel)

    def message(self, result: str) -> None:
        """Count a request; `result` is one of INTAKE."""
        self._messages.labels(result).inc()

    def delivery(self, channel: str, result: str, count: int = 1) -> None:
        """Count an attempt; `result` is one of RESULTS."""
        self._deliveries.labels(channel, result).inc(count)

    def failure(self, channel: str, reason: DeliveryReason) -> None:
        """Count an attempt that failed."""
        self._failures.labels(channel, reason).inc()

    def delivered(self, channel: str, since: float, now: float) -> None:
        """Count a delivery, and how long it took (Unix seconds)."""
        self.delivery(channel, "delivered")
        self._latency.labels(channel).observe(max(0.0, now - since))
        self._last.labels(channel).set(self._clock.wall(now))

    def enrichment(self, enricher: str, result: str, seconds: float) -> None:
        """Count a question to an enricher; `result` is one of ENRICHED."""
        self._enrichments.labels(enricher, result).inc()
        self._asking.labels(enricher).observe(max(0.0, seconds))

    def breaker(self, channel: str, *, is_open: bool) -> None:
        """Tell the state of a breaker."""
        self._breaker.labels(channel).set(is_open)

    def outbox(
        self,
        waiting: Mapping[str, int],
        oldest: Mapping[str, float],
        dead: Mapping[str, int],
        *,
        usable: bool,
    ) -> None:
        """Tell what is in the outbox, by channel; channels of the past may have dead letters."""
        self._usable.set(usable)
        self._oldest.clear()
        for channel, since in oldest.items():
            self._oldest.labels(channel).set(self._clock.wall(since))
        for channel in self._channels:
            self._pending.labels(channel).set(waiting.get(channel, 0))
        self._dead.clear()
        for channel in {*self._channels, *dead}:
            self._dead.labels(channel).set(dead.get(channel, 0))
