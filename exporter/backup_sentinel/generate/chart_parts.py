"""Values of the Helm chart that the exporter and the relay have in common: listener, account, Service, policies."""

from typing import Annotated, Literal

import msgspec

from .chart_types import DNSName, Items, Port, Texts, Values


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


class AccountValues(Values, frozen=True):
    """What all service accounts have in common."""

    create: bool = True
    """Create one."""
    name: DNSName = ""
    """Its name; that of the workload unless given, `default` where none is created."""
    annotations: Texts = {}
    """Annotations of the account."""
    labels: Texts = {}
    """Labels of the account."""


class ServiceAccountValues(AccountValues, frozen=True):
    """`serviceAccount`."""

    automount_service_account_token: bool = True
    """Mount its token into the pod. Needed unless all clusters are remote, `config.secrets` is off, and `config.state.backend` is
    `file` or `off`."""


class ServiceValues(Values, frozen=True):
    """`service`."""

    type: Literal["ClusterIP", "NodePort", "LoadBalancer"] = "ClusterIP"
    """Type of the Service."""
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


class IngressPolicyValues(Values, frozen=True):
    """`networkPolicy.ingress`."""

    from_: Items = msgspec.field(default=(), name="from")
    """Who may reach the port; everybody unless given.

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
    """Ports of API servers, beside those of the addresses in `config.clusters` and `relay.config.clusters`. A policy sees the port of
    the API server itself, not only that of the Service; MicroK8s has 16443."""
    dns_ports: tuple[Port, ...] = (53, 5353)
    """Ports of DNS, for the relay and the CronJob too; OpenShift's is 5353 behind the Service."""
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
    """Create one."""
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
