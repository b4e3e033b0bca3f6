"""The values of the Helm chart: their names, types, defaults and what they mean.

`values.yaml`, `values.schema.json` and the table in the chart's README are made of these structs. Below a field stands
what it means, as in the settings of the exporter; an indented block is an example.
"""

from typing import Annotated, Any, Literal

import msgspec

from backup_sentinel.config import Config

from .chart_monitoring import AlertmanagerConfigValues, DashboardValues, MonitorValues, RuleValues
from .chart_notify import NotifyValues
from .chart_parts import (
    DisruptionValues,
    NetworkPolicyValues,
    ServiceAccountValues,
    ServiceValues,
    WebConfigValues,
)
from .chart_pods import ServerValues
from .chart_relay import RelayValues
from .chart_types import (
    Count,
    Digest,
    DNSName,
    Items,
    Label,
    Map,
    Names,
    ServiceName,
    Texts,
    Values,
    preset,
)


class ImageValues(Values, frozen=True):
    """`image`."""

    registry: str = ""
    """Registry, put before the repository; `global.imageRegistry` wins. Without one the container runtime decides."""
    repository: Annotated[str, msgspec.Meta(min_length=1)] = "backup-sentinel"
    """Name of the image. Build it from `exporter/Dockerfile` and push it to a registry of yours."""
    tag: str = ""
    """Tag; the chart's `appVersion` unless given."""
    digest: Digest = ""
    """Digest, `sha256:...`. With it, the tag only informs."""
    pull_policy: Literal["Always", "IfNotPresent", "Never"] = "IfNotPresent"
    """When the image is fetched."""


class RBACValues(Values, frozen=True):
    """`rbac`."""

    create: bool = True
    """Create roles and bindings: get, list and watch on what the operators' profiles read. What is more needs an option
    that is on: ConfigMaps for `config.state`, Secrets for `config.secrets`."""
    use_cluster_role: bool = True
    """Grant in all namespaces, unless the exporter watches only some. If false, `namespaces` must say where, and nothing is
    created that belongs to no namespace."""
    namespaces: Names = ()
    """Grant in these namespaces instead of those that `namespaces` and `config.clusters` say. For exporters that learn from a
    Secret which namespaces of their own cluster to watch."""
    extra_rules: Items = ()
    """Further rules, for profiles in folders of your own. What `config.profiles.inline` needs is granted without.

        - apiGroups: [backup.example.com]
          resources: [backups]
          verbs: [get, list, watch]
    """


class ChartValues(ServerValues, frozen=True):
    """The root."""

    behind = "web_config"

    name_override: Label = ""
    """Replaces the name of the chart in names and labels."""
    fullname_override: ServiceName = ""
    """Replaces the whole name of the resources."""
    namespace_override: DNSName = ""
    """Namespace of the resources, where it is not that of the release."""
    common_labels: Texts = {}
    """Labels of all resources."""
    common_annotations: Texts = {}
    """Annotations of all resources."""
    image: ImageValues = ImageValues()
    """Where the image comes from."""
    image_pull_secrets: tuple[str | dict[str, Any], ...] = ()
    """Secrets to fetch the image with, as names or as `{name: ...}`; those of `global.imagePullSecrets` are added."""
    cluster_name: str = ""
    """Name of the cluster the exporter runs in: the label `cluster` of its metrics. Short for a list `config.clusters` with this
    one entry."""
    namespaces: Names = ()
    """Watch only these namespaces of the cluster the exporter runs in, with Roles there instead of a ClusterRole. Short for
    `namespaces` of that one entry."""
    config: Config = Config()
    """The exporter's configuration, passed on as it is; every setting is in `exporter/README.md`. The exporter takes most changes
    without a restart, about a minute after the upgrade.

        clusters:
          - name: prod-eu
            in_cluster: true
          - name: prod-us
            api_url: https://prod-us.example.org:6443
            token_file: /etc/backup-sentinel/prod-us/token
        export:
          promises:
            - schedule: "*-hourly"
              failures_tolerated: 3
    """
    restart_on_config_change: bool = False
    """Restart the pods with every change of `config`, not only with those the exporter reads at start (`web`, `state`, `secrets`)."""
    replicas: Count = 1
    """Pods of the Deployment. One is enough: the rules bridge its restart, and state is kept. 0 stops the exporter."""
    shards: Annotated[int, msgspec.Meta(ge=1, le=1000)] = 1
    """With more than one a StatefulSet of as many pods shares the clusters among them, in place of the Deployment, and a headless
    Service with `-shards` at the end of its name leads to each of them."""
    strategy: Map = preset(type="Recreate")
    """How the Deployment replaces its pod. `Recreate`: two exporters would write the same state."""
    update_strategy: Map = {}
    """How the StatefulSet replaces its pods."""
    web_config: WebConfigValues = WebConfigValues()
    """TLS, users and headers of the exporter's listener."""
    env: Items = ()
    """Environment variables: clusters (`CLUSTER_1_NAME`, ...), proxies, whatever a plugin of a kubeconfig needs.

        - name: CLUSTER_1_TOKEN
          valueFrom:
            secretKeyRef: {name: prod-us, key: token}
    """
    volumes: Items = ()
    """Further volumes of the pod: kubeconfigs, tokens, profiles.

        - name: prod-us
          secret:
            secretName: prod-us
    """
    volume_mounts: Items = ()
    """Where the container sees them.

        - name: prod-us
          mountPath: /etc/backup-sentinel/prod-us
          readOnly: true
    """
    pod_security_context: Map = preset(
        fsGroup=65534,
        runAsGroup=65534,
        runAsNonRoot=True,
        runAsUser=65534,
        seccompProfile={"type": "RuntimeDefault"},
    )
    """Passes the Pod Security Standard `restricted`. On OpenShift the numbers are left out, because it gives its own."""
    security_context: Map = preset(
        allowPrivilegeEscalation=False,
        capabilities={"drop": ["ALL"]},
        readOnlyRootFilesystem=True,
    )
    """The same for the container. Only `/tmp` can be written to."""
    topology_spread_constraints: Items = ()
    """How pods are spread; the selector is that of the workload unless given.

        - maxSkew: 1
          topologyKey: topology.kubernetes.io/zone
          whenUnsatisfiable: ScheduleAnyway
    """
    host_aliases: Items = ()
    """Names of hosts for the pod's hosts file."""
    dns_policy: str = ""
    """How the pod resolves names."""
    dns_config: Map = {}
    """Name servers and search paths of the pod."""
    service_account: ServiceAccountValues = ServiceAccountValues()
    """Who the exporter is in its cluster."""
    rbac: RBACValues = RBACValues()
    """What it may do there."""
    service: ServiceValues = ServiceValues()
    """Address of the metrics inside the cluster."""
    service_monitor: MonitorValues = MonitorValues()
    """Scraping by a ServiceMonitor."""
    pod_monitor: MonitorValues = MonitorValues()
    """Scraping by a PodMonitor, in place of the ServiceMonitor. The settings are the same."""
    prometheus_rule: RuleValues = RuleValues()
    """Alert and recording rules; `rules/README.md` describes each alert."""
    alertmanager_config: AlertmanagerConfigValues = AlertmanagerConfigValues()
    """Routes, inhibitions and receivers of the alerts; `rules/alertmanager/README.md` explains them."""
    dashboards: DashboardValues = DashboardValues()
    """Dashboards for Grafana; `dashboards/README.md` describes them."""
    network_policy: NetworkPolicyValues = NetworkPolicyValues()
    """Who may talk to whom."""
    pod_disruption_budget: DisruptionValues = DisruptionValues()
    """How many pods may be away while nodes are drained. A single pod starts again in seconds and misses nothing: it is of use with
    shards."""
    relay: RelayValues = RelayValues()
    """The relay: takes alerts from Alertmanager, keeps them on disk, and delivers them to channels (`exporter/relay.md`). Image,
    pull secrets, security contexts and the settings of DNS are those of the exporter."""
    notify: NotifyValues = NotifyValues()
    """Notifications without Prometheus: a CronJob looks for what failed since the last time, and tells the channels. It needs
    no relay, no rules and no running exporter (`replicas: 0`). Image and the like are those of the exporter."""
    extra_manifests: tuple[str | dict[str, Any], ...] = ()
    """Further manifests, as objects or as text; templates in them are filled in.

        - apiVersion: v1
          kind: ConfigMap
          metadata:
            name: '{{ include "backup-sentinel.fullname" . }}-extra'
    """
