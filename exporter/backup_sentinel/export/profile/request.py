"""What a profile asks of the API server for a resource: its names, selectors and rhythm, as Kubernetes takes them.

A name that no server knows would only be a resource that is not installed, which is normal, and a selector that is
wrong an outage; so both are refused where they stand.
"""

import re

from .convert import long_duration
from .reader import ResourceType
from .schema import Resource
from .scope import Cursor

_KEY = r"[A-Za-z0-9](?:[-A-Za-z0-9_./]*[A-Za-z0-9])?"
_VALUE = r"(?:[A-Za-z0-9](?:[-A-Za-z0-9_.]*[A-Za-z0-9])?)?"
_LABELS = re.compile(
    rf"(?:!?\s*{_KEY}|{_KEY}\s*(?:=|==|!=)\s*{_VALUE}|{_KEY}\s+(?:not)?in\s*\(\s*{_VALUE}(?:\s*,\s*{_VALUE})*\s*\))"
)
_FIELDS = re.compile(r"[A-Za-z][A-Za-z0-9.\[\]]*(?:=|==|!=)[^,=]*")
_COMMA = re.compile(r",(?![^(]*\))")

_NAMES = {
    "group": (
        re.compile(r"(?:[a-z0-9](?:[-a-z0-9.]*[a-z0-9])?)?"),
        "no API group",
        'what stands before the `/` in apiVersion, `""` where there is none',
    ),
    "kind": (re.compile(r"[A-Z][A-Za-z0-9]*"), "no kind", "as the objects have it, `Backup`"),
    "plural": (re.compile(r"[a-z](?:[-a-z0-9]*[a-z0-9])?"), "no resource", "as in `kubectl api-resources`, `backups`"),
}  # fmt: skip
_VERSION = re.compile(r"[a-z](?:[-a-z0-9]*[a-z0-9])?")


def resource_type(resource: Resource, at: Cursor) -> ResourceType:
    """Return what is asked for; raise DocumentError at what no server would understand."""
    for field, (pattern, what, hint) in _NAMES.items():
        if not pattern.fullmatch(given := getattr(resource, field)):
            raise at.at(field).error(f"`{given}` is {what}", hint=hint)
    for number, version in enumerate(resource.versions):
        if not _VERSION.fullmatch(version):
            raise at.at("versions", number).error(
                f"`{version}` is no version", hint="what stands behind the `/` in apiVersion, such as v1beta1"
            )
    _check(resource.selector, _LABELS, at.at("selector"), "label selector", "app=web,tier in (a, b),!test")
    _check(resource.field_selector, _FIELDS, at.at("field_selector"), "field selector", "metadata.name!=x")
    return ResourceType(
        group=resource.group,
        versions=tuple(resource.versions),
        kind=resource.kind,
        plural=resource.plural,
        namespaced=resource.namespaced,
        aggregated=resource.aggregated,
        poll=_poll(resource, at.at("poll")),
        selector=resource.selector,
        field_selector=resource.field_selector,
    )


def _check(selector: str | None, part: re.Pattern[str], at: Cursor, what: str, example: str) -> None:
    for one in _COMMA.split(selector) if selector else ():
        if not part.fullmatch(one.strip()):
            raise at.error(f"`{one.strip()}` is no part of a {what}", hint=f"write for example {example}")


def _poll(resource: Resource, at: Cursor) -> float | None:
    """Return seconds, None for what is watched."""
    if resource.poll is None and not resource.aggregated:
        return None
    try:
        poll = long_duration(resource.poll or "1m")
    except ValueError as error:
        raise at.error(str(error), hint="a duration such as 30s or 5m") from None
    if not poll or poll < 1:
        raise at.error("shorter than a second")
    return poll
