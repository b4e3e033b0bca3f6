"""What the chart knows of rights: those of each operator's profile, and those of channels and enrichers."""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
import yaml

from backup_sentinel.export.profile import Profile
from backup_sentinel.relay import channels, enrichers
from backup_sentinel.rights import Right

from . import grants, rbac
from .artefact import table

Kind = type[channels.ChannelSettings] | type[enrichers.EnricherSettings]


def units() -> dict[str, Mapping[str, Kind]]:
    """Return what may need rights of its own by its key in the configuration, and by type."""
    return {"channels": channels.kinds(), "enrichers": enrichers.kinds()}


def rights(profiles: Sequence[Profile]) -> str:
    """Return what each unit needs, as the templates read it."""
    made: dict[str, Any] = {"operators": {profile.operator: rbac.rules([profile]) for profile in profiles}}
    for section, kinds in units().items():
        made[section] = {name: _needs(kind) for name, kind in sorted(kinds.items()) if _asks(kind)}
    return yaml.safe_dump(made, sort_keys=False)


def _needs(kind: Kind) -> dict[str, Any]:
    """Return whether a unit reads what profiles read, and what else it needs."""
    return {"operators": _reads_operators(kind), "rights": [_entry(right, kind) for right in kind.rights]}


def operators_table(profiles: Sequence[Profile]) -> str:
    """Return what profiles read, for people."""
    rows = []
    for profile in sorted(profiles, key=lambda profile: profile.operator):
        for rule in rbac.rules([profile]):
            (group,) = rule["apiGroups"]
            row = (f"`{profile.operator}`", f"`{group}`" if group else "core", ", ".join(rule["resources"]))
            rows.append((*row, ", ".join(rule["verbs"])))
    return table(("operator", "API group", "resources", "verbs"), rows)


def units_table() -> str:
    """Return what channels and enrichers do, for people."""
    rows = []
    for section, kinds in units().items():
        for name, kind in sorted(kinds.items()):
            unit = f"`{name}` in `{section}`"
            if _reads_operators(kind):
                unless = ", unless `exporter` is given" if "exporter" in kind.__struct_fields__ else ""
                rows.append((unit, f"what the operators' profiles read{unless}", "get, list"))
            for right in kind.rights:
                resources = f"{', '.join(right.resources)} of {_group(right.group)}"
                on = f" with `{right.when}`" if right.when else ""
                rows.append((f"{unit}{on}", resources, ", ".join(right.verbs)))
    return table(("unit", "resources", "verbs"), rows)


def _asks(kind: Kind) -> bool:
    return bool(kind.rights) or _reads_operators(kind)


def _reads_operators(kind: Kind) -> bool:
    return kind.reads_operators


def _entry(right: Right, kind: Kind) -> dict[str, Any]:
    """Return a rule of a role, and the setting it hangs on, with what that is unless it is given."""
    rule = {
        "apiGroups": [right.group],
        "resources": list(right.resources),
        "verbs": list(right.verbs),
    }
    if not right.when:
        return {"rule": rule}
    path = right.when.split(".")
    return {"rule": rule, "when": path, "default": _default(kind, path)}


def _default(kind: type[msgspec.Struct], path: Sequence[str]) -> bool:
    """Return whether a setting is on unless it is given. Raises KeyError for one that is not there."""
    fields = {field.encode_name: field for field in msgspec.structs.fields(kind)}
    field = fields[path[0]]
    value = field.default if field.default is not msgspec.NODEFAULT else field.default_factory()
    return grants.setting(value, path[1:])


def _group(name: str) -> str:
    return f"`{name}`" if name else "the core group"
