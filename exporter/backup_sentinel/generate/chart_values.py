"""The values of the Helm chart: their names, types, defaults and what they mean.

`values.yaml`, `values.schema.json` and the table in the chart's README are made of these structs. Below a field stands
what it means, as in the settings of the exporter; an indented block is an example.
"""

from typing import Annotated, Any, Literal

import msgspec

from backup_sentinel.config import Config

Map = dict[str, Any]
Items = tuple[dict[str, Any], ...]
Texts = dict[str, str]
Names = tuple[str, ...]
Port = Annotated[int, msgspec.Meta(ge=1, le=65535)]
Count = Annotated[int, msgspec.Meta(ge=0)]
Duration = Annotated[
    str,
    msgspec.Meta(
        pattern=r"^(|0|(([0-9]+)y)?(([0-9]+)w)?(([0-9]+)d)?(([0-9]+)h)?(([0-9]+)m)?(([0-9]+)s)?(([0-9]+)ms)?)$"
    ),
]
DNSName = Annotated[
    str,
    msgspec.Meta(
        pattern=r"^(|[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*)$", max_length=253
    ),
]
Digest = Annotated[str, msgspec.Meta(pattern=r"^(|sha256:[0-9a-f]{64})$")]


def _preset(**fields: Any) -> Any:
    """Return a field that holds this map by default."""
    return msgspec.field(default_factory=lambda: dict(fields))


class Values(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, rename="camel"):
    """What all structs of values have in common."""


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


class WebConfigValues(Values, frozen=True):
    """`webConfig`."""

    secret_name: str = ""
    """Secret that holds a web configuration file as every Prometheus exporter takes it: TLS, users, headers. It is mounted
    at `/etc/backup-sentinel/web`, so that certificates may be keys of the same Secret."""
    key: str = "web.yaml"
    """Key of the file in the Secret."""
    certificate_secret_name: str = ""
    """Another Secret, such as one of cert-manager, mounted at `/etc/backup-sentinel/tls`: `cert_file: ../tls/tls.crt`."""
    tls: bool = False
    """The file has a `tls_server_config`: probes, ServiceMonitor and PodMonitor use HTTPS. The kubelet does not check the
    certificate."""
    clients: Literal["anonymous", "users", "certificates"] = "anonymous"
    """Whom the file lets in: everybody, those with a password (`basic_auth_users`), or those with a certificate
    (`client_auth_type: RequireAndVerifyClientCert`). The kubelet has neither: probes then only see whether the port
    is open, unless `probeHeaders` are given for users."""
    probe_headers: Items = ()
    """Headers the kubelet sends with probes; anybody who may read the workload can read them.

        - name: Authorization
          value: Basic cHJvYmU6cHJvYmU=
    """


class ServiceAccountValues(Values, frozen=True):
    """`serviceAccount`."""

    create: bool = True
    """Create one."""
    name: DNSName = ""
    """Its name; the full name of the release unless given, `default` where none is created."""
    annotations: Texts = {}
    """Annotations of the account."""
    labels: Texts = {}
    """Labels of the account."""
    automount_service_account_token: bool = True
    """Mount its token into the pod. Needed unless all clusters are remote and `config.state.backend` is `file` or `off`."""


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
    """Further rules, for profiles of your own.

        - apiGroups: [backup.example.com]
          resources: [backups]
          verbs: [get, list, watch]
    """


class ServiceValues(Values, frozen=True):
    """`service`."""

    type: Literal["ClusterIP", "NodePort", "LoadBalancer"] = "ClusterIP"
    """Type of the Service. With shards it is always headless."""
    port: Port = 9950
    """Port of the Service; that of the container is the one of `config.web.listen`."""
    node_port: Annotated[int, msgspec.Meta(ge=0, le=65535)] = 0
    """Port of the nodes, for type NodePort; 0 for any."""
    cluster_ip: str = msgspec.field(default="", name="clusterIP")
    """Address, or `None` for a headless Service."""
    ip_family_policy: Literal["", "SingleStack", "PreferDualStack", "RequireDualStack"] = ""
    """IPv4, IPv6 or both; the cluster decides unless given."""
    ip_families: tuple[Literal["IPv4", "IPv6"], ...] = ()
    """Which of them, in this order."""
    annotations: Texts = {}
    """Annotations of the Service.

        prometheus.io/scrape: "true"
        prometheus.io/port: "9950"
    """
    labels: Texts = {}
    """Labels of the Service."""


class MonitorValues(Values, frozen=True):
    """What ServiceMonitor and PodMonitor have in common."""

    enabled: bool = False
    """Create it. Needs the Prometheus operator; a Prometheus sees it only if the labels match its selector."""
    namespace: DNSName = ""
    """Namespace of the resource; that of the release unless given."""
    additional_labels: Texts = {}
    """Labels the selector of the Prometheus asks for.

        release: kube-prometheus-stack
    """
    annotations: Texts = {}
    """Annotations of the resource."""
    job_label: str = "app.kubernetes.io/name"
    """Label whose value becomes the label `job`."""
    interval: Duration = ""
    """How often to scrape, such as `30s`; the Prometheus decides unless given."""
    scrape_timeout: Duration = ""
    """How long a scrape may take."""
    honor_labels: bool = True
    """Keep the exporter's own labels where the target has labels of the same name. The exporter may watch many clusters, so
    its label `cluster` says whose backups a series is about, not where the exporter runs. If false, and a relabeling gives
    the target a label `cluster`, the exporter's becomes `exported_cluster`, and the rules mix up the clusters. Labels
    such as `namespace`, `pod` and `instance` are not disputed: the exporter calls the backup's namespace
    `resource_namespace`."""
    honor_timestamps: bool = True
    """Keep timestamps of samples; the exporter sends none."""
    target_labels: Names = ()
    """Labels of the Service to copy to the series (ServiceMonitor only)."""
    pod_target_labels: Names = ()
    """Labels of the pod to copy to the series."""
    relabelings: Items = ()
    """Relabelings of the target, before the scrape."""
    metric_relabelings: Items = ()
    """Relabelings of the series, after the scrape."""
    sample_limit: Count = 0
    """Refuse a scrape with more samples; 0 is no limit."""
    target_limit: Count = 0
    """Refuse more targets; 0 is no limit."""
    label_limit: Count = 0
    """Refuse series with more labels; 0 is no limit."""
    label_name_length_limit: Count = 0
    """Refuse longer names of labels; 0 is no limit."""
    label_value_length_limit: Count = 0
    """Refuse longer values of labels; 0 is no limit."""
    proxy_url: str = ""
    """Proxy to scrape through."""
    tls_config: Map = {}
    """How the Prometheus checks the certificate, where `webConfig.tls` is on; `insecureSkipVerify: true` unless given.

        serverName: backup-sentinel.monitoring.svc
        ca:
          secret: {name: backup-sentinel-tls, key: ca.crt}
    """
    basic_auth: Map = {}
    """User and password, for `basic_auth_users` of the web configuration.

        username: {name: backup-sentinel-scrape, key: username}
        password: {name: backup-sentinel-scrape, key: password}
    """
    authorization: Map = {}
    """Another header Authorization."""


class RuleValues(Values, frozen=True):
    """`prometheusRule`."""

    enabled: bool = False
    """Create PrometheusRules, one for each bundle that has a group that is on. Needs the Prometheus operator."""
    namespace: DNSName = ""
    """Namespace of the resources; that of the release unless given."""
    additional_labels: Texts = {}
    """Labels the `ruleSelector` of the Prometheus asks for.

        release: kube-prometheus-stack
    """
    annotations: Texts = {}
    """Annotations of the resources."""
    groups: dict[str, bool] = {}
    """Which groups of rules to load."""
    disabled: Names = ()
    """Alerts to leave out of the groups that are on."""
    severities: Texts = {}
    """Severities to write in place of others: `{critical: page}`."""
    cluster_label: Annotated[str, msgspec.Meta(pattern="^[a-zA-Z_][a-zA-Z0-9_]*$")] = "cluster"
    """Name of the label that tells clusters apart, where a relabeling renames the exporter's own."""
    runbook_url: Annotated[str, msgspec.Meta(pattern=r"^(|https?://\S+)$")] = ""
    """Address of the runbooks, `{alert}` stands for the alert's name; those of the project unless given."""
    dashboard_url: str = ""
    """Address of the dashboard, for the annotation of the alerts."""
    additional_rule_labels: Texts = {}
    """Labels to add to each alert."""
    additional_rule_annotations: Texts = {}
    """Annotations to add to each alert."""
    additional_groups: Items = ()
    """Groups of rules of your own."""


class IngressPolicyValues(Values, frozen=True):
    """`networkPolicy.ingress`."""

    from_: Items = msgspec.field(default=(), name="from")
    """Who may reach the metrics port; everybody unless given.

        - namespaceSelector:
            matchLabels: {kubernetes.io/metadata.name: monitoring}
    """
    extra: Items = ()
    """Further rules."""


class EgressPolicyValues(Values, frozen=True):
    """`networkPolicy.egress`."""

    enabled: bool = True
    """Limit what the exporter may reach: DNS and API servers."""
    ports: tuple[Port, ...] = (443, 6443)
    """Ports of API servers. A policy sees the port of the API server itself, not only that of the Service."""
    to: Items = ()
    """Addresses of the API servers; any unless given.

        - ipBlock: {cidr: 10.0.0.1/32}
    """
    extra: Items = ()
    """Further rules."""


class NetworkPolicyValues(Values, frozen=True):
    """`networkPolicy`."""

    enabled: bool = False
    """Create one: in to the metrics port, out to DNS and API servers, nothing else."""
    ingress: IngressPolicyValues = IngressPolicyValues()
    """Who may reach the exporter."""
    egress: EgressPolicyValues = EgressPolicyValues()
    """What the exporter may reach."""


class DisruptionValues(Values, frozen=True):
    """`podDisruptionBudget`."""

    enabled: bool = False
    """Create one. A single exporter starts again in seconds and misses nothing: it is of use with shards."""
    min_available: (
        Annotated[int, msgspec.Meta(ge=0)] | Annotated[str, msgspec.Meta(pattern="^([0-9]+%)?$")]
    ) = ""
    """Number or percentage of pods that stay; instead of `maxUnavailable`."""
    max_unavailable: (
        Annotated[int, msgspec.Meta(ge=0)] | Annotated[str, msgspec.Meta(pattern="^([0-9]+%)?$")]
    ) = 1
    """Number or percentage of pods that may be away at once."""
    unhealthy_pod_eviction_policy: Literal["", "IfHealthyBudget", "AlwaysAllow"] = ""
    """Whether pods that are not ready may always be evicted; left out before Kubernetes 1.26, which knows it first."""


class ChartValues(Values, frozen=True):
    """The root."""

    name_override: Annotated[str, msgspec.Meta(max_length=63)] = ""
    """Replaces the name of the chart in names and labels."""
    fullname_override: Annotated[str, msgspec.Meta(max_length=52)] = ""
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
    """With more than one a StatefulSet of as many pods shares the clusters among them, in place of the Deployment."""
    strategy: Map = _preset(type="Recreate")
    """How the Deployment replaces its pod. `Recreate`: two exporters would write the same state."""
    update_strategy: Map = {}
    """How the StatefulSet replaces its pods."""
    revision_history_limit: Count = 10
    """How many old versions of the workload are kept."""
    web_config: WebConfigValues = WebConfigValues()
    """TLS, users and headers of the exporter's listener."""
    extra_args: Names = ()
    """Further arguments of `backup-sentinel export`.

        - --log-format=text
    """
    env: Items = ()
    """Environment variables: clusters (`CLUSTER_1_NAME`, ...), proxies, whatever a plugin of a kubeconfig needs.

        - name: CLUSTER_1_TOKEN
          valueFrom:
            secretKeyRef: {name: prod-us, key: token}
    """
    env_from: Items = ()
    """Sources of environment variables."""
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
    init_containers: Items = ()
    """Containers that run before."""
    extra_containers: Items = ()
    """Containers that run beside."""
    liveness_probe: Map = _preset(periodSeconds=10, timeoutSeconds=5, failureThreshold=3)
    """Every field of a probe may be set. `/-/healthy` is asked unless a handler is given (`httpGet`, `tcpSocket`, `exec`, `grpc`).
    `null` for none."""
    readiness_probe: Map = _preset(periodSeconds=5, timeoutSeconds=5, failureThreshold=3)
    """The same, with `/-/ready`: everything that can be reached has been listed."""
    startup_probe: Map = {}
    """The same, with `/-/healthy`; none unless a field is given."""
    resources: Map = {}
    """What the container asks for and may use at most. Unset, as in other charts: see what yours uses first.

        requests: {cpu: 10m, memory: 96Mi}
        limits: {memory: 256Mi}
    """
    annotations: Texts = {}
    """Annotations of the Deployment or StatefulSet."""
    pod_annotations: Texts = {}
    """Annotations of the pods."""
    pod_labels: Texts = {}
    """Labels of the pods."""
    pod_security_context: Map = _preset(
        fsGroup=65534,
        runAsGroup=65534,
        runAsNonRoot=True,
        runAsUser=65534,
        seccompProfile={"type": "RuntimeDefault"},
    )
    """Passes the Pod Security Standard `restricted`. On OpenShift the numbers are left out, because it gives its own."""
    security_context: Map = _preset(
        allowPrivilegeEscalation=False,
        capabilities={"drop": ["ALL"]},
        readOnlyRootFilesystem=True,
    )
    """The same for the container. Only `/tmp` can be written to."""
    node_selector: Texts = {}
    """Labels of the nodes to run on."""
    tolerations: Items = ()
    """Taints of nodes to put up with."""
    affinity: Map = {}
    """Where to run, beside whom."""
    topology_spread_constraints: Items = ()
    """How pods are spread; the selector is that of the workload unless given.

        - maxSkew: 1
          topologyKey: topology.kubernetes.io/zone
          whenUnsatisfiable: ScheduleAnyway
    """
    priority_class_name: str = ""
    """Priority class of the pods."""
    termination_grace_period_seconds: Count = 30
    """Seconds a pod has to save its state and end."""
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
    network_policy: NetworkPolicyValues = NetworkPolicyValues()
    """Who may talk to whom."""
    pod_disruption_budget: DisruptionValues = DisruptionValues()
    """How many pods may be away while nodes are drained."""
    extra_manifests: tuple[str | dict[str, Any], ...] = ()
    """Further manifests, as objects or as text; templates in them are filled in.

        - apiVersion: v1
          kind: ConfigMap
          metadata:
            name: '{{ include "backup-sentinel.fullname" . }}-extra'
    """
