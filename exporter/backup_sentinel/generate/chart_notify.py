"""Values of the Helm chart about notifications without Prometheus."""

from typing import Annotated, Literal

import msgspec

from backup_sentinel.config import LogSettings
from backup_sentinel.notify.settings import NotifySettings
from backup_sentinel.relay.settings import RelaySettings

from .chart_parts import AccountValues
from .chart_pods import PodValues
from .chart_types import Count, Items, Values

Lookback = Annotated[str, msgspec.Meta(pattern=r"^(|([0-9]+w)?([0-9]+d)?([0-9.]+(h|m|s|ms))*)$")]
Line = Annotated[str, msgspec.Meta(min_length=1)]


class NotifyConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What is read of a configuration file for notifications, beside the clusters."""

    log: LogSettings = LogSettings()
    relay: RelaySettings = RelaySettings()
    notify: NotifySettings = NotifySettings()


class NotifyAccountValues(AccountValues, frozen=True):
    """`notify.serviceAccount`."""

    automount_service_account_token: bool = True
    """Mount its token into the pods. Needed unless all clusters are remote and `record.backend` is `file`."""


class NotifyPolicyValues(Values, frozen=True):
    """`notify.networkPolicy`."""

    enabled: bool = False
    """Create one: nothing in, out to DNS, to API servers as `networkPolicy.egress` says, and where `egress` says."""
    egress: Items = ()
    """Rules for the channels.

        - ports: [{port: 587}]
    """


class NotifyValues(PodValues, frozen=True):
    """`notify`."""

    behind = "secrets"

    enabled: bool = False
    """Create the CronJob."""
    schedule: Line = "0 * * * *"
    """When it looks, as cron."""
    time_zone: str = ""
    """Time zone of the schedule, such as `Europe/Rome`; that of the cluster's controller unless given. Needs Kubernetes 1.27."""
    lookback: Lookback = "2h"
    """How far it looks back, longer than the time between two looks; at least to the last complete look, as the record has
    it. Empty for what the variable LOOKBACK_HOURS says."""
    suspend: bool = False
    """Start no further looks."""
    concurrency_policy: Literal["Forbid", "Replace"] = "Forbid"
    """What becomes of a look that is due while another runs: two at a time would tell things twice."""
    starting_deadline_seconds: Count = 1800
    """How late a look may start; 0 for any time. What a missed one would have told, the next one tells."""
    active_deadline_seconds: Count = 600
    """Seconds after which a look that hangs is ended, so that it does not keep the next ones away."""
    backoff_limit: Count = 2
    """How often a look that failed is tried again at once. What was told is not told again."""
    successful_jobs_history_limit: Count = 1
    """How many Jobs that succeeded are kept."""
    failed_jobs_history_limit: Count = 3
    """How many Jobs that failed are kept."""
    config: NotifyConfig = NotifyConfig()
    """Channels, and what is told: the keys `log`, `relay.channels` and `notify` of a configuration file; clusters, profiles and
    operators are those of `config`. It is stored in a Secret.

        relay:
          channels:
            - type: email
              name: mail
              host: smtp.example.org
              from: backups@example.org
              to: [ops@example.org]
              username: backups
              password: {file: /etc/backup-sentinel/secrets/mail/password}
    """
    secrets: tuple[Line, ...] = ()
    """Secrets to mount, each at `/etc/backup-sentinel/secrets/<its name>`, for settings like `{file: PATH}`.

        - mail
    """
    env: Items = ()
    """Environment variables beside those of the exporter, such as SMTP_HOST, ALERT_FROM and ALERT_TO."""
    env_from: Items = ()
    """Sources of environment variables beside those of the exporter."""
    volumes: Items = ()
    """Volumes beside those of the exporter."""
    service_account: NotifyAccountValues = NotifyAccountValues()
    """Who looks. It may read what the exporter may, and keep the record of what was told."""
    network_policy: NotifyPolicyValues = NotifyPolicyValues()
    """Whom the pods may talk to."""
