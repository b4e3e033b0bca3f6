"""Panels about the relay: what it took in, what became of it in each channel, and what waits."""

from .fields import BLUE, GREEN, GREY, ORANGE, RED, YELLOW, Column, runbook, steps, words
from .grid import Panel
from .panels import graph, series, stat, states, table
from .reading import OURS, PLACE, each

NO_RELAY = "no relay is scraped"
OPEN = {0: ("takes messages", GREEN), 1: ("is only probed", RED)}
TAKEN = {
    "accepted": GREEN,
    "duplicate": GREY,
    "irrelevant": BLUE,
    "malformed": YELLOW,
    "unauthorized": ORANGE,
    "unavailable": RED,
}
WAITED = steps(GREEN, (300, YELLOW), (900, RED))
"""Seconds; the last step is that of BackupSentinelRelayNotDelivering."""


def relay() -> list[Panel]:
    """Return the panels of the row."""
    return [*_now(), *_flow(), *_time(), *_trouble(), _channels(), *_enrichers()]


def _relay(name: str) -> str:
    return f"backup_sentinel_relay_{name}{{{OURS}}}"


def _rate(name: str) -> str:
    return f"rate({_relay(name)}[$__rate_interval])"


def _grown(name: str) -> str:
    return f"increase({_relay(name)}[$__rate_interval])"


def _waited() -> str:
    return f"time() - {each('backup_sentinel_relay_oldest_pending_timestamp_seconds', OURS)}"


def _now() -> list[Panel]:
    none = steps(GREEN, (1, RED))
    return [
        stat(
            "Relays that can write",
            "Share of the relays whose outbox came through its last change. One that cannot write takes no messages.",
            f"avg({_relay('outbox_usable')})",
            unit="percentunit",
            thresholds=steps(RED, (1, GREEN)),
            none=NO_RELAY,
            links=[runbook("BackupSentinelRelayStorageFailing"), runbook("BackupSentinelRelayAbsent")],
        ),
        stat(
            "Accepted",
            "Messages that were written to disk for at least one channel, in the time chosen above.",
            f'sum(increase(backup_sentinel_relay_messages_total{{result="accepted", {OURS}}}[$__range]))',
            decimals=0,
            none=NO_RELAY,
        ),
        stat(
            "Deliveries that wait",
            "Messages that a channel has not yet taken, each counted once for every channel.",
            f"sum({_relay('pending_deliveries')})",
            decimals=0,
            none=NO_RELAY,
        ),
        stat(
            "The oldest one waits for",
            "Age of the message that has waited longest for any channel.",
            f"max({_waited()})",
            unit="s",
            thresholds=WAITED,
            none="nothing waits",
            links=[runbook("BackupSentinelRelayNotDelivering")],
        ),
        stat(
            "Dead letters",
            "Messages that were given up and wait for somebody to replay or purge them.",
            f"sum({_relay('dead_letters')})",
            thresholds=none,
            decimals=0,
            none=NO_RELAY,
            links=[runbook("BackupSentinelRelayDeadLetters")],
        ),
        stat(
            "Channels only probed",
            "Channels that failed so often that their breaker is open.",
            f"sum({_relay('breaker_open')})",
            thresholds=none,
            decimals=0,
            none=NO_RELAY,
        ),
    ]


def _flow() -> list[Panel]:
    return [
        graph(
            "Messages taken in",
            "What became of the messages that Alertmanager sent: duplicates are those that two of a cluster send, "
            "irrelevant ones no channel wants.",
            [series(f"sum by (result) ({_grown('messages_total')})", "{{result}}")],
            bars=True,
            palette=TAKEN,
            none=NO_RELAY,
        ),
        graph(
            "Deliveries by channel and result",
            "Attempts: delivered, left out by a filter, to be tried again, or dead; results that did not occur are left out.",
            [
                series(
                    f"sum by (channel, result) ({_grown('deliveries_total')}) > 0", "{{channel}} {{result}}"
                )
            ],
            bars=True,
            none="nothing was delivered",
        ),
    ]


def _time() -> list[Panel]:
    buckets = f"sum by (le, channel) ({_rate('delivery_duration_seconds_bucket')})"
    return [
        graph(
            "From acceptance to delivery",
            "Time that half of the messages, and 99 of 100, did not exceed, by channel. Attempts that failed count in.",
            [
                series(f"histogram_quantile({share}, {buckets})", f"{{{{channel}}}} {name}")
                for share, name in ((0.5, "half"), (0.99, "99 of 100"))
            ],
            unit="s",
            none="nothing was delivered",
            low=0,
            width=8,
        ),
        graph(
            "Waiting",
            "Deliveries that wait, by channel.",
            [series(f"sum by (channel) ({_relay('pending_deliveries')})", "{{channel}}")],
            none=NO_RELAY,
            low=0,
            width=8,
        ),
        graph(
            "Age of the oldest that waits",
            "By channel. It grows with the clock while a channel takes nothing.",
            [series(f"max by (channel) ({_waited()})", "{{channel}}")],
            unit="s",
            thresholds=WAITED,
            none="nothing waits",
            low=0,
            width=8,
        ),
    ]


def _trouble() -> list[Panel]:
    return [
        states(
            "Breakers",
            "A strip for each channel. While a breaker is open, one attempt now and then finds out whether the receiver is back.",
            series(f"max by (channel) ({_relay('breaker_open')})", "{{channel}}"),
            [words(OPEN)],
            none=NO_RELAY,
            width=12,
        ),
        graph(
            "Failed attempts by reason",
            "Attempts that failed, by channel and reason; reasons that did not occur are left out.",
            [
                series(
                    f"sum by (channel, reason) ({_grown('delivery_failures_total')}) > 0",
                    "{{channel}} {{reason}}",
                )
            ],
            bars=True,
            none="no attempt failed",
        ),
    ]


def _channels() -> Panel:
    last = each("backup_sentinel_relay_last_delivery_timestamp_seconds", OURS)
    return table(
        "Channels",
        "What each channel takes, what waits for it, and what it did not take.",
        [
            Column(
                "State",
                query=each("backup_sentinel_relay_breaker_open", OURS),
                mappings=[words(OPEN)],
                fill=True,
                width=130,
            ),
            Column("Channel", label="channel"),
            Column("Instance", label="instance"),
            Column("Wait", query=each("backup_sentinel_relay_pending_deliveries", OURS), decimals=0),
            Column("Oldest waits for", query=_waited(), unit="s", decimals=1, steps=WAITED),
            Column("Last delivery", query=f"{last} * 1000", unit="dateTimeFromNow"),
            Column("Delivered", query=_became("delivered"), decimals=0),
            Column("Tried again", query=_became("retried"), decimals=0),
            Column(
                "Dead letters",
                query=each("backup_sentinel_relay_dead_letters", OURS),
                decimals=0,
                steps=steps("text", (1, RED)),
            ),
        ],
        none="No relay is scraped",
        sort="Oldest waits for",
        links=[runbook("BackupSentinelRelayNotDelivering"), runbook("BackupSentinelRelayDeadLetters")],
    )


def _became(result: str) -> str:
    counter = f'backup_sentinel_relay_deliveries_total{{result="{result}", {OURS}}}'
    return f"max without ({PLACE}, result) (increase({counter}[$__range]))"


def _enrichers() -> list[Panel]:
    buckets = f"sum by (le, enricher) ({_rate('enrichment_duration_seconds_bucket')})"
    return [
        graph(
            "Enrichers",
            "What enrichers found out about messages before they were delivered.",
            [series(f"sum by (enricher, result) ({_grown('enrichments_total')})", "{{enricher}} {{result}}")],
            bars=True,
            none="no enricher is configured",
        ),
        graph(
            "Time that enrichers take",
            "Time that 99 of 100 questions to an enricher do not exceed; messages wait for it.",
            [series(f"histogram_quantile(0.99, {buckets})", "{{enricher}}")],
            unit="s",
            none="no enricher is configured",
            low=0,
        ),
    ]
