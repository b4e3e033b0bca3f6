"""Values of the Helm chart about the relay."""

from typing import Annotated, Literal

import msgspec

from backup_sentinel.config import LogSettings, WebSettings
from backup_sentinel.kube.settings import ClusterSettings
from backup_sentinel.relay.settings import RelaySettings

from .chart_parts import DisruptionValues, IngressPolicyValues, ServiceValues, WebConfigValues
from .chart_types import Count, DNSName, Items, Map, Names, Port, Texts, Values, preset


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


class RelayAccountValues(Values, frozen=True):
    """`relay.serviceAccount`."""

    create: bool = True
    """Create one. It has the rights that enrichers and channels need, and none without such."""
    name: DNSName = ""
    """Its name; the relay's full name unless given, `default` where none is created."""
    annotations: Texts = {}
    """Annotations of the account."""
    labels: Texts = {}
    """Labels of the account."""
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


class RelayValues(Values, frozen=True):
    """`relay`."""

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
    revision_history_limit: Count = 10
    """How many old versions of the StatefulSet are kept."""
    extra_args: Names = ()
    """Further arguments of `backup-sentinel relay`."""
    env: Items = ()
    """Environment variables: for settings like `{env: NAME}`, and proxies."""
    env_from: Items = ()
    """Sources of environment variables."""
    volumes: Items = ()
    """Further volumes of the pod."""
    volume_mounts: Items = ()
    """Where the container sees them."""
    init_containers: Items = ()
    """Containers that run before."""
    extra_containers: Items = ()
    """Containers that run beside."""
    liveness_probe: Map = preset(periodSeconds=10, timeoutSeconds=5, failureThreshold=3)
    """Every field may be set. `/-/healthy` is asked unless a handler is given. `null` for none."""
    readiness_probe: Map = preset(periodSeconds=5, timeoutSeconds=5, failureThreshold=3)
    """The same, with `/-/ready`: the outbox can be written."""
    startup_probe: Map = {}
    """The same, with `/-/healthy`; none unless a field is given."""
    resources: Map = {}
    """What the container asks for and may use at most.

        requests: {cpu: 10m, memory: 64Mi}
        limits: {memory: 256Mi}
    """
    annotations: Texts = {}
    """Annotations of the StatefulSet."""
    pod_annotations: Texts = {}
    """Annotations of the pod."""
    pod_labels: Texts = {}
    """Labels of the pod."""
    node_selector: Texts = {}
    """Labels of the nodes to run on."""
    tolerations: Items = ()
    """Taints of nodes to put up with."""
    affinity: Map = {}
    """Where to run, beside whom."""
    priority_class_name: str = ""
    """Priority class of the pod."""
    termination_grace_period_seconds: Count = 30
    """Seconds the pod has to end attempts that are under way."""
    service_account: RelayAccountValues = RelayAccountValues()
    """Who the relay is in its cluster."""
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
