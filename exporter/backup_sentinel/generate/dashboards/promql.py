"""Expressions that several panels are made of.

They follow the alert rules (`rules/README.md`): what a scrape adds is removed by `max without`, so that two replicas,
or an old and a new pod, are one; what is not thought of stays, so that nothing is added up over a label that
somebody's Prometheus adds to tell clusters apart; and a restart of the exporter leaves no hole.
"""

SCRAPE = "instance, pod, container, endpoint, service, job, namespace, prometheus, prometheus_replica"
"""Labels that a scrape adds and that say nothing about backups."""

STREAM = "resource_namespace, schedule, action, target, location"
"""Labels of a stream of runs below cluster and operator."""

PLACE = 'cluster=~"$cluster", operator=~"$operator", resource_namespace=~"$namespace"'
CHOSEN = f'{PLACE}, schedule=~"$schedule"'
SCHEDULED = f'{CHOSEN}, schedule!="", action!="restore"'
"""The chosen schedules, without runs that nothing repeats."""
BACKUPS = f'{CHOSEN}, action!~"check|prune|restore"'
CLUSTER = 'cluster=~"$cluster"'

DAY = 86_400
ENOUGH = 10
"""Runs that there must be before a rate of success is told."""
PATIENCE = 900
"""Seconds after a deadline within which a run may begin that is waited for (`KubeBackupOverdue`)."""
SOME_OUTCOMES = 'outcome=~"succeeded|partial|failed"'


def merged(sample: str) -> str:
    """Return an expression without what the scrape added: instants and states, of which the greatest is right."""
    return f"max without ({SCRAPE}) ({sample})"


def now(name: str, matchers: str = CHOSEN) -> str:
    """Return a metric as it is: for what ends with its cause, such as a run that is under way."""
    return merged(f"{name}{{{matchers}}}")


def kept(name: str, matchers: str = CHOSEN) -> str:
    """Return a metric that outlasts an hour without a scrape."""
    return merged(f"last_over_time({name}{{{matchers}}}[1h])")


def lowest(name: str, matchers: str) -> str:
    """Return a metric of which the lowest of several replicas counts: 0 is the bad news."""
    return f"min without ({SCRAPE}) (last_over_time({name}{{{matchers}}}[5m]))"


def increase(matchers: str, window: str, *, metric: str = "kube_backup_runs_total", slack: str = "6h") -> str:
    """Return by how much a counter of the clusters grew in a window.

    Not `increase()`: the counters outlive the exporter's pods, and a range function begins anew at each. The value
    is compared with the one before the window, or with the lowest in it where the series is younger than that. A counter
    that began at 0 again, because its memory was lost, counts from there.
    """
    series = f"{metric}{{{matchers}}}"
    recent = "1h" if window == "24h" else window
    return (
        f"clamp_min({merged(f'last_over_time({series}[{recent}])')}"
        f" - (({merged(f'last_over_time({series}[{slack}] offset {window})')}"
        f" <= {merged(f'last_over_time({series}[{recent}])')})"
        f" or min without ({SCRAPE}) (min_over_time({series}[{window}]))), 0)"
    )


def success_ratio(drop: str, window: str, matchers: str = SCHEDULED) -> str:
    """Return the share of runs that succeeded, without the labels `drop`, where there were enough of them."""
    succeeded = increase(f'{matchers}, outcome="succeeded"', window)
    finished = increase(f"{matchers}, {SOME_OUTCOMES}", window)
    return (
        f"sum without ({drop}, outcome) ({succeeded})"
        f" / (sum without ({drop}, outcome) ({finished}) >= {ENOUGH})"
    )


def known(matchers: str = SCHEDULED) -> str:
    """Return one series for each schedule that is known, 1 if it is paused; of one with targets one for each of them."""
    name = "kube_backup_schedule_paused"
    whole, parts = (kept(name, f"{matchers}, target{sign}") for sign in ('=""', '!=""'))
    return f"({kept(name, matchers)} unless ({whole} and ignoring (target, location) {parts}))"


def quiet(matchers: str = SCHEDULED, *, unless: str = "") -> str:
    """Return what takes paused schedules, and those with a run within its time, out of an expression.

    Of the runs those do not count for which there is a value of `unless`.
    """
    running = f"{now('kube_backup_running_deadline_timestamp_seconds', matchers)} > time()"
    return (
        f" unless ({kept('kube_backup_schedule_paused', matchers)} == 1)"
        f" unless ({f'({running}) unless {unless}' if unless else running})"
    )


def newest(outcome: str, others: tuple[str, str], matchers: str = SCHEDULED) -> str:
    """Return when the newest run had an outcome; nothing where a run of the other two is newer."""
    time = kept(f"kube_backup_last_{outcome}_timestamp_seconds", matchers)
    return (
        f"({time}"
        + "".join(
            f" unless ({kept(f'kube_backup_last_{other}_timestamp_seconds', matchers)} > {time})"
            for other in others
        )
        + ")"
    )


def failed(matchers: str = SCHEDULED) -> str:
    """Return the schedules whose newest run failed, once that is as often as is not tolerated."""
    few = (
        f"({kept('kube_backup_consecutive_failures', matchers)}"
        f" < {kept('kube_backup_schedule_failures_tolerated', matchers)})"
    )
    return f"({newest('failure', ('success', 'partial'), matchers)} unless {few})"


def partial(matchers: str = SCHEDULED) -> str:
    """Return the schedules whose newest run failed in part."""
    return newest("partial", ("success", "failure"), matchers)


def late(matchers: str = SCHEDULED) -> str:
    """Return for how many seconds a schedule owes a newer recovery point; nothing where it does not."""
    deadline = kept("kube_backup_schedule_deadline_timestamp_seconds", matchers)
    begun = kept("kube_backup_running_since_timestamp_seconds", matchers)
    return f"((time() - {deadline} > 0){quiet(matchers, unless=f'({begun} - {deadline} > {PATIENCE})')})"


def invalid(matchers: str = SCHEDULED) -> str:
    """Return the schedules that the operator refuses."""
    return f"({kept('kube_backup_schedule_valid', matchers)} == 0)"


def missed(matchers: str = SCHEDULED) -> str:
    """Return for how many seconds a run should have begun; nothing where it has."""
    due = (
        f"(time() - {kept('kube_backup_schedule_next_due_timestamp_seconds', matchers)}"
        f" - {kept('kube_backup_schedule_start_grace_seconds', matchers)} > 0)"
    )
    return f"({due}{quiet(matchers)})"


def health(matchers: str = SCHEDULED, *, pauses: bool = True) -> str:
    """Return the health of each schedule: 3 failed, late or refused, 2 partial or missed, 1 paused, 0 well."""
    critical = " or ".join(f"{part(matchers)} * 0 + 3" for part in (failed, late, invalid))
    warning = " or ".join(f"{part(matchers)} * 0 + 2" for part in (partial, missed))
    paused = f" or ({known(matchers)} == 1)" if pauses else ""
    return f"({critical} or {warning}{paused} or {known(matchers)} * 0)"


def unseen() -> str:
    """Return the clusters that cannot be seen, also those that vanished within four days."""
    up = "backup_sentinel_cluster_up"
    return (
        f"({merged(f'last_over_time({up}{{{CLUSTER}}}[4d])')}"
        f" unless ({merged(f'last_over_time({up}{{{CLUSTER}}}[5m])')} == 1))"
    )


def unavailable() -> str:
    """Return the storage locations that cannot be used."""
    return f"({lowest('kube_backup_location_available', PLACE)} == 0)"


def cluster_health() -> str:
    """Return the health of each cluster: 4 cannot be seen, else the worst of its schedules and locations."""
    worst = f"{unavailable()} * 0 + 3 or {health(pauses=False)}"
    return f"({unseen()} * 0 + 4 or max without (operator, {STREAM}) ({worst}))"
