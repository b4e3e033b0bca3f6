"""Rights in a cluster, beyond what profiles read, as the unit that needs them declares them: a channel, an enricher."""

from typing import NamedTuple


class Right(NamedTuple):
    """What a unit does to resources of a cluster. Roles, the chart and the documentation are made of it."""

    resources: tuple[str, ...]
    """Their plural names, with `/status` and the like for a part of them."""
    verbs: tuple[str, ...]
    """What is done to them, such as `get`, `create`."""
    group: str = ""
    """Their API group; "" is the core group."""
    when: str = ""
    """Setting of the unit without which it is not done, such as `results.enabled`; "" where it always is."""
