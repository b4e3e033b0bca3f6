"""Values of the Helm chart about monitoring: scraping, rules, dashboards, notifications."""

from typing import Annotated

import msgspec

from .chart_types import Count, DNSName, Duration, Items, Map, Names, Texts, Values


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


class SidecarValues(Values, frozen=True):
    """`dashboards.sidecar`."""

    enabled: bool = False
    """Create a ConfigMap for each dashboard, for the sidecar of the Grafana chart and of kube-prometheus-stack."""
    namespace: DNSName = ""
    """Namespace of the ConfigMaps; that of the release unless given. The sidecar looks where its `searchNamespace` says."""
    label: Annotated[str, msgspec.Meta(min_length=1)] = "grafana_dashboard"
    """Label that the sidecar watches for."""
    label_value: str = "1"
    """Its value."""
    folder_annotation: str = "grafana_folder"
    """Annotation that names the folder. Grafana heeds it where the sidecar's `folderAnnotation` says the same."""
    annotations: Texts = {}
    """Annotations of the ConfigMaps."""
    labels: Texts = {}
    """Further labels of the ConfigMaps."""


class GrafanaOperatorValues(Values, frozen=True):
    """`dashboards.grafanaOperator`."""

    enabled: bool = False
    """Create a GrafanaDashboard for each dashboard. Needs the Grafana operator, version 5."""
    namespace: DNSName = ""
    """Namespace of the resources; that of the release unless given."""
    instance_selector: Map = {}
    """Which Grafanas take them; they cannot be chosen otherwise later. Those with the label `dashboards: grafana` unless given.

        matchLabels: {dashboards: grafana}
    """
    allow_cross_namespace_import: bool = False
    """Let Grafanas of other namespaces take them. Once true it stays so."""
    resync_period: Duration = ""
    """How often the operator looks whether they are as they should be; it decides unless given."""
    annotations: Texts = {}
    """Annotations of the resources."""
    labels: Texts = {}
    """Labels of the resources."""


class DashboardValues(Values, frozen=True):
    """`dashboards`."""

    folder: str = "Backups"
    """Folder in Grafana; "" for none."""
    status_page: Annotated[str, msgspec.Meta(pattern=r"^(|https?://\S+)$")] = ""
    """Address behind the link *Status page*, as a browser reaches it; that of a port-forward unless given."""
    disabled: Names = ()
    """Dashboards to leave out."""
    sidecar: SidecarValues = SidecarValues()
    """Dashboards as ConfigMaps."""
    grafana_operator: GrafanaOperatorValues = GrafanaOperatorValues()
    """Dashboards as resources of the Grafana operator."""


class RelayRouteValues(Values, frozen=True):
    """`alertmanagerConfig.relay`."""

    enabled: bool = False
    """Send everything to the relay first, and then to the receivers as well. `relay.enabled` installs one."""
    url: Annotated[str, msgspec.Meta(pattern=r"^(|https?://\S+)$")] = ""
    """Address of the relay; that of this release unless given."""
    token_key: str = ""
    """Key of the Secret that holds a token of `relay.config.relay.intake.tokens`; without one none is sent."""
    tls_config: Map = {}
    """How the Alertmanager checks the relay's certificate."""


class ReceiverValues(Values, frozen=True):
    """`alertmanagerConfig.receivers`."""

    page: Map = {}
    """Who is woken: Opsgenie with the key `opsgenie-api-key` unless given.

        pagerdutyConfigs:
          - routingKey: {name: backup-sentinel, key: pagerduty-routing-key}
            sendResolved: true
    """
    chat: Map = {}
    """Where warnings are read: Slack with the key `slack-webhook-url` unless given."""
    chat_critical: Map = {}
    """Where critical alerts are read: Slack with the key `slack-critical-webhook-url` unless given."""
    digest: Map = {}
    """Who gets the daily summary: mail, which needs `to` at least, unless given."""


class AlertmanagerConfigValues(Values, frozen=True):
    """`alertmanagerConfig`."""

    enabled: bool = False
    """Create it. Needs the Prometheus operator, and an Alertmanager whose `alertmanagerConfigSelector` matches the labels and
    whose `alertmanagerConfigMatcherStrategy` adds no matcher for the namespace, which the alerts do not have."""
    namespace: DNSName = ""
    """Namespace of the resource and of the Secret; that of the release unless given."""
    additional_labels: Texts = {}
    """Labels the `alertmanagerConfigSelector` of the Alertmanager asks for."""
    annotations: Texts = {}
    """Annotations of the resource."""
    secret_name: Annotated[str, msgspec.Meta(min_length=1)] = "backup-sentinel"
    """Secret that holds the keys of the receivers. The chart does not create it."""
    quiet_clusters: Annotated[str, msgspec.Meta(min_length=1)] = "(dev|test|staging)(-.+)?"
    """Pattern of the clusters that nobody is woken for."""
    receivers: ReceiverValues = ReceiverValues()
    """Receivers in place of the shipped ones, as the resource has them."""
    relay: RelayRouteValues = RelayRouteValues()
    """The relay as a receiver."""
