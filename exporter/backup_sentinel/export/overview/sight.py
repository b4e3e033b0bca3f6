"""What is told of clusters: whether each answers, and what can be read of it. Shapes of the API, as those in `rows`."""

import re

import msgspec

from .state import State

_REQUEST = re.compile(r"^[A-Z]+ /\S*: ")
"""What an error of the API server begins with: the request that it answers."""


class ResourceRow(msgspec.Struct, kw_only=True, omit_defaults=True, gc=False):
    """One resource of an operator in one cluster; `scope` is the one namespace it is limited to, or "".

    `up` is left out until the first answer; `served` is false where the API server does not know the resource.
    """

    operator: str
    resource: str
    scope: str
    up: bool | None = None
    served: bool
    listed: bool
    objects: int
    last_contact: float | None = None
    error: str | None = None


class ClusterRow(msgspec.Struct, kw_only=True, omit_defaults=True, gc=False):
    """One cluster: whether it answers, how many streams are in which state, and what can be read of it.

    `operators` are those of which something is installed. In the list of schedules `resources` are only those that cannot
    be read.
    """

    cluster: str
    title: str
    up: bool | None = None
    last_contact: float | None = None
    clock_skew: float | None = None
    states: dict[State, int]
    operators: tuple[str, ...]
    waiting: int
    resources: tuple[ResourceRow, ...] = ()

    @property
    def outages(self) -> dict[str, str]:
        """What is in the way, by resource."""
        return {
            f"{row.resource} in {row.scope}" if row.scope else row.resource: row.error
            for row in self.resources
            if row.error is not None
        }

    def troubles(self) -> dict[str, list[str]]:
        """Return the resources that cannot be read by what is in the way, whatever request met it first."""
        troubles: dict[str, list[str]] = {}
        for resource, error in self.outages.items():
            troubles.setdefault(_REQUEST.sub("", error), []).append(resource)
        return troubles

    @property
    def bare(self) -> bool:
        """Whether the cluster answers, and nothing of any operator is there."""
        return bool(self.up) and not self.operators and not self.waiting and not self.outages

    @property
    def state(self) -> State:
        """How bad the cluster itself is, its schedules aside."""
        if self.up is False:
            return State.CRITICAL
        return State.WARNING if self.outages else State.OK


class ClusterList(msgspec.Struct, kw_only=True):
    """Clusters, in order of their names."""

    time: float
    total: int
    offset: int
    clusters: tuple[ClusterRow, ...]
