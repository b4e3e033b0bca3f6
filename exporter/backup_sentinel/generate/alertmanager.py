"""The example for Alertmanager: which resources hold runs, and the same routes for the Prometheus operator.

`rules/alertmanager/alertmanager.yaml` is written by people; of it only the values of `resource=~"..."` are filled in,
from the profiles. The AlertmanagerConfig is made from it, so that the two cannot say different things.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

import yaml

from backup_sentinel.export.profile import Profile

from .artefact import Artefact

if TYPE_CHECKING:
    from .artefacts import Source

FOLDER = "rules/alertmanager"
EXAMPLE = f"{FOLDER}/alertmanager.yaml"
RESOURCE = f"{FOLDER}/operator/alertmanagerconfig.yaml"

NAME = "backup-sentinel"
"""Name of the AlertmanagerConfig and of the Secret that holds all keys."""

HEADER = """\
# Generated from ../alertmanager.yaml by `backup-sentinel generate alertmanager`. Change that.
#
# The operator adds `namespace="<namespace of this object>"` to the first route and to all inhibitions, unless the
# Alertmanager says otherwise. The alerts have no such label, so that nothing would ever be sent. README.md tells how to
# avoid that. Keys are read from the Secret `backup-sentinel` in the same namespace, templates from a ConfigMap. Mail needs
# `smtp_smarthost` and `smtp_from` in the Alertmanager's own configuration, which is refused without them.
"""

_MATCHER = re.compile(r'(?P<name>\w+)(?P<type>=~|!~|!=|=)"(?P<value>.*)"')
_LISTS = {"details", "headers"}
"""Maps that are lists of key and value in the resource."""


def artefacts(source: "Source") -> Iterator[Artefact]:
    """Yield the example with its blanks filled, and the resource that follows from it."""
    text = fill((source.root / EXAMPLE).read_text(encoding="utf-8"), source.profiles)
    yield Artefact(EXAMPLE, text)
    yield Artefact(RESOURCE, resource(text))


def telling(profiles: Sequence[Profile]) -> str:
    """Return a pattern of the resources from which runs other than restores, and schedules, are read."""
    names = {
        resource.name
        for profile in profiles
        for resource in profile.resources
        for plan in resource.plans
        if plan.record.record == "schedule" or (plan.record.record == "run" and plan.action != "restore")
    }
    return "|".join(name.replace(".", "[.]") for name in sorted(names))


def fill(text: str, profiles: Sequence[Profile]) -> str:
    """Return the text with the pattern in each matcher of the label `resource`."""
    return re.sub(r'(?<=resource=~")[^"]*(?=")', telling(profiles), text)


def resource(text: str) -> str:
    """Return the AlertmanagerConfig of an example: its first route, its inhibitions and their receivers."""
    example = yaml.safe_load(text)
    spec = {
        "route": _route(example["route"]["routes"][0]),
        "inhibitRules": [_inhibition(rule) for rule in example["inhibit_rules"]],
        "receivers": [
            _camel(receiver) for receiver in example["receivers"] if receiver["name"].startswith(NAME)
        ],
    }
    manifest = {
        "apiVersion": "monitoring.coreos.com/v1alpha1",
        "kind": "AlertmanagerConfig",
        "metadata": {"name": NAME, "labels": {"app.kubernetes.io/name": NAME}},
        "spec": spec,
    }
    return HEADER + yaml.dump(manifest, Dumper=_Plain, sort_keys=False, width=120, allow_unicode=True)


def _route(route: Mapping[str, Any]) -> dict[str, Any]:
    made: dict[str, Any] = {}
    for key, value in route.items():
        if key == "matchers":
            made[key] = [_matcher(matcher) for matcher in value]
        elif key == "routes":
            made[key] = [_route(child) for child in value]
        else:
            made[_name(key)] = value
    # The operator wants to know the receiver of each route; elsewhere it is that of the route above.
    for child in made.get("routes", ()):
        child.setdefault("receiver", made["receiver"])
    return made


def _inhibition(rule: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "sourceMatch": [_matcher(matcher) for matcher in rule["source_matchers"]],
        "targetMatch": [_matcher(matcher) for matcher in rule["target_matchers"]],
        "equal": rule["equal"],
    }


def _matcher(text: str) -> dict[str, str]:
    match = _MATCHER.fullmatch(text)
    if match is None:
        raise ValueError(f"not a matcher: {text}")
    return {"name": match["name"], "matchType": match["type"], "value": match["value"]}


def _camel(value: Any) -> Any:
    """Return settings as the resource spells them; a file with a secret becomes a key of the Secret."""
    if isinstance(value, list):
        return [_camel(item) for item in value]
    if not isinstance(value, dict):
        return value
    made: dict[str, Any] = {}
    for key, item in value.items():
        if key.endswith("_file"):
            made[_name(key.removesuffix("_file"))] = {"name": NAME, "key": PurePosixPath(item).name}
        elif key in _LISTS:
            made[key] = [{"key": name, "value": text} for name, text in item.items()]
        else:
            made[_name(key)] = _camel(item)
    return made


def _name(key: str) -> str:
    """Return a setting's name in the resource: `api_url` is apiURL, `title_link` titleLink."""
    first, *rest = key.split("_")
    if key.endswith("_configs"):
        return f"{first}Configs"
    return first + "".join("URL" if word == "url" else word.capitalize() for word in rest)


class _Plain(yaml.SafeDumper):
    """Writes no aliases, which people find hard to read."""

    def ignore_aliases(self, data: Any) -> bool:
        """Write everything out."""
        del data
        return True
