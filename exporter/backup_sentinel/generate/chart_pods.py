"""Values of the Helm chart about the pods of a component, which are the same for all of them."""

from .chart_types import Count, Items, Map, Names, Texts, Values, preset


class PodValues(Values, frozen=True):
    """What exporter, relay and CronJob have in common."""

    extra_args: Names = ()
    """Further arguments of the command.

        - --log-format=text
    """
    env: Items = ()
    """Environment variables."""
    env_from: Items = ()
    """Sources of environment variables."""
    volumes: Items = ()
    """Further volumes of the pod."""
    volume_mounts: Items = ()
    """Where the container sees them."""
    resources: Map = {}
    """What the container asks for and may use at most. Unset, as in other charts: see what yours uses first.

        requests: {cpu: 10m, memory: 96Mi}
        limits: {memory: 256Mi}
    """
    annotations: Texts = {}
    """Annotations of the workload."""
    pod_annotations: Texts = {}
    """Annotations of the pods."""
    pod_labels: Texts = {}
    """Labels of the pods."""
    node_selector: Texts = {}
    """Labels of the nodes to run on."""
    tolerations: Items = ()
    """Taints of nodes to put up with."""
    affinity: Map = {}
    """Where to run, beside whom."""
    priority_class_name: str = ""
    """Priority class of the pods."""
    termination_grace_period_seconds: Count = 30
    """Seconds a pod has to save its state, finish what is under way, and end."""


class ServerValues(PodValues, frozen=True):
    """What exporter and relay have in common besides: they run all the time, and others ask them."""

    init_containers: Items = ()
    """Containers that run before."""
    extra_containers: Items = ()
    """Containers that run beside."""
    liveness_probe: Map = preset(periodSeconds=10, timeoutSeconds=5, failureThreshold=3)
    """Every field of a probe may be set. `/-/healthy` is asked unless a handler is given (`httpGet`, `tcpSocket`, `exec`, `grpc`).
    `null` for none."""
    readiness_probe: Map = preset(periodSeconds=5, timeoutSeconds=5, failureThreshold=3)
    """The same, with `/-/ready`: the exporter has listed everything that can be reached, the relay can write its outbox."""
    startup_probe: Map = {}
    """The same, with `/-/healthy`; none unless a field is given."""
    revision_history_limit: Count = 10
    """How many old versions of the workload are kept."""
