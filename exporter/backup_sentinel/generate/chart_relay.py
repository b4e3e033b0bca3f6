"""Values of the Helm chart about the relay."""

from typing import Annotated, Literal

import msgspec

from backup_sentinel.config import LogSettings, WebSettings
from backup_sentinel.kube.settings import ClusterSettings
from backup_sentinel.relay.settings import RelaySettings

from .chart_parts import AccountValues, DisruptionValues, IngressPolicyValues, ServiceValues, WebConfigValues
from .chart_pods import ServerValues
from .chart_types import DNSName, Items, Map, Port, Texts, Values


class RelayConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What the relay reads of a configuration file."""

    log: LogSettings = LogSettings()
    web: WebSettings = WebSettings(listen=":9951")
    clusters: tuple[ClusterSettings, ...] = (ClusterSettings(),)
    """Clusters that enrichers and channels ask; those of the exporter unless given."""
    relay: RelaySettings = RelaySettings()


class PersistenceValues(Values, frozen=True):
    """`relay.persistence`."""

    enabled: bool = True
    """Keep the outbox on a volume. If false it is lost with the pod, and what was not delivered with it."""
    existing_claim: DNSName = ""
    """A claim that exists, in place of one made with the pod."""
    storage_class: str = ""
    """Class of the volume, a local or block device, not NFS; the cluster's default unless given, `-` for none."""
    access_modes: tuple[Literal["ReadWriteOnce", "ReadWriteOncePod", "ReadWriteMany"], ...] = (
        "ReadWriteOnce",
    )
    """How the volume may be mounted."""
    size: Annotated[str, msgspec.Meta(pattern=r"^[0-9]+(\.[0-9]+)?([kMGTPE]i?)?$")] = "1Gi"
    """Size of the volume. A message takes some kilobytes for as long as `outbox.retention_seconds` says."""
    annotations: Texts = {}
    """Annotations of the claim."""
    labels: Texts = {}
    """Labels of the claim."""
    selector: Map = {}
    """Which volumes may be taken."""


class RelayServiceValues(ServiceValues, frozen=True):
    """`relay.service`."""

    port: Port = 9951
    """Port of the Service; that of the container is the one of `relay.config.web.listen`."""
    annotations: Texts = {}
    """Annotations of the Service.

        prometheus.io/scrape: "true"
        prometheus.io/port: "9951"
    """


class RelayAccountValues(AccountValues, frozen=True):
    """`relay.serviceAccount`."""

    automount_service_account_token: bool | Literal["auto"] = "auto"
    """Mount its token into the pod; `auto` does where it has rights."""


class RelayRBACValues(Values, frozen=True):
    """`relay.rbac`."""

    create: bool = True
    """Create roles and bindings for the enrichers and channels of `relay.config` that ask the API server of the own cluster."""
    extra_rules: Items = ()
    """Further rules, for a configuration in a Secret of yours."""


class RelayMonitorValues(Values, frozen=True):
    """`relay.monitor`."""

    enabled: bool = True
    """Create a ServiceMonitor or PodMonitor for the relay where `serviceMonitor` or `podMonitor` is on, with its settings."""
    tls_config: Map = {}
    """How the Prometheus checks the relay's certificate, where `relay.webConfig.tls` is on; `insecureSkipVerify: true` unless
    given."""
    basic_auth: Map = {}
    """User and password, for `basic_auth_users` of the relay's web configuration."""
    authorization: Map = {}
    """Another header Authorization."""


class RelayPolicyValues(Values, frozen=True):
    """`relay.networkPolicy`."""

    enabled: bool = False
    """Create one: in to the relay's port, out to DNS and where `egress` says; to API servers as well, where an enricher or
    channel asks them, as `networkPolicy.egress` says."""
    ingress: IngressPolicyValues = IngressPolicyValues()
    """Who may reach the relay: Alertmanager and Prometheus."""
    egress: Items = ()
    """Rules for what the relay may reach; everything unless given.

        - ports: [{port: 443}, {port: 587}]
        - to: [{namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: rabbitmq}}}]
          ports: [{port: 5671}]
    """


class RelayValues(ServerValues, frozen=True):
    """`relay`."""

    behind = "persistence"

    enabled: bool = False
    """Install it."""
    config: RelayConfig = RelayConfig()
    """The relay's configuration file: its keys `log`, `web`, `clusters` and `relay`; every setting is in `exporter/README.md`. It
    is stored in a Secret, and the relay restarts with each change.

        relay:
          intake:
            tokens: [{token: {file: /etc/backup-sentinel/secrets/relay/token}}]
          channels:
            - type: webhook
              name: chat
              style: slack
              url: {file: /etc/backup-sentinel/secrets/relay/slack-url}
    """
    config_secret_name: DNSName = ""
    """A Secret of yours that holds the whole file, in place of `config`. Restart the relay after a change of it."""
    config_secret_key: str = "config.yaml"
    """Key of the file in that Secret."""
    secrets: tuple[Annotated[str, msgspec.Meta(min_length=1)], ...] = ()
    """Secrets to mount, each at `/etc/backup-sentinel/secrets/<its name>`, for settings like `{file: PATH}`. The relay reads
    them again by itself when they change.

        - relay
    """
    web_config: WebConfigValues = WebConfigValues()
    """TLS, users and headers of the relay's listener."""
    persistence: PersistenceValues = PersistenceValues()
    """Where messages are until they are delivered."""
    env: Items = ()
    """Environment variables: for settings like `{env: NAME}`, and proxies."""
    service_account: RelayAccountValues = RelayAccountValues()
    """Who the relay is in its cluster. It has the rights that enrichers and channels need, and none without such."""
    rbac: RelayRBACValues = RelayRBACValues()
    """What it may do there."""
    service: RelayServiceValues = RelayServiceValues()
    """Address of the relay inside the cluster."""
    monitor: RelayMonitorValues = RelayMonitorValues()
    """Scraping of the relay's own metrics."""
    network_policy: RelayPolicyValues = RelayPolicyValues()
    """Who may talk to the relay, and whom it may talk to."""
    pod_disruption_budget: DisruptionValues = DisruptionValues()
    """Whether its pod may be away while a node is drained. There is one: `maxUnavailable: 0` refuses."""
