"""Rule files, one folder for each alert, become the bundles that Prometheus, its operator and others load.

Text is moved, not parsed and written again: comments and line breaks arrive as they were written, and what is
tested with promtool beside the source is, byte for byte, what is loaded.
"""

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import yaml

from backup_sentinel.errors import DocumentError, SentinelError

from .artefact import Artefact

if TYPE_CHECKING:
    from .artefacts import Source

REPOSITORY = "https://github.com/backup-sentinel/backup-sentinel"
RUNBOOK_URL = f"{REPOSITORY}/blob/main/rules/{{alert}}/runbook.md"
DASHBOARD_URL = f"{REPOSITORY}/tree/main/dashboards"

HEADER = "# Generated from the folders of rules/ by `backup-sentinel generate rules`. Change those.\n"
PLAIN, RESOURCE = "{name}.rules.yaml", "prometheusrules/{name}.yaml"
SHARED = "rules/annotations.yaml"
SEPARATE = ("optional", "compat")
"""Kinds of groups of which each has a file of its own: `backup-sentinel.optional.timing`."""

FORM = re.compile(
    r"\A(?P<note>(?:#.*\n)*)groups:\n  - name: (?P<group>\S+)\n(?P<fields>(?: {4}\w+: .*\n)*?) {4}rules:\n(?P<body>(?:.*\n)+)\Z"
)
LABEL = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*")
ANNOTATION = re.compile(r"^(?P<name>\w+): >-\n(?P<lines>(?: {2}.*\n)+)", re.MULTILINE)
ABOUT_A_SCHEDULE = re.compile(r"\{\{-? with \$labels\.schedule \}\}")


class RuleSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What may differ from one installation to another. The defaults leave the text as it is."""

    runbook_url: str = RUNBOOK_URL
    """Address of a runbook; `{alert}` stands for the alert's name."""
    dashboard_url: str = DASHBOARD_URL
    """Address of the dashboard; template actions such as `{{ $labels.schedule }}` are kept."""
    cluster_label: str = "cluster"
    """Name of the label that tells clusters apart, where it is not the exporter's own."""
    severities: Mapping[str, str] = {}
    """Severities to write in place of others: `{critical: page}`."""
    labels: Mapping[str, str] = {}
    """Further labels of the PrometheusRule resources, for the selector of the operator's Prometheus."""


class RuleFile(msgspec.Struct, frozen=True):
    """One rule.yaml. `folder` is its place below rules/, for an alert the alert's name."""

    folder: str
    text: str


class Rule(msgspec.Struct, frozen=True):
    """An alert as the index shows it."""

    alert: str
    severity: str
    duration: str
    summary: str
    group: str
    bundle: str
    default: bool
    runbook_url: str


def artefacts(source: "Source") -> Iterator[Artefact]:
    """Yield the sources with the annotations they share, and the files below rules/dist."""
    shared = (source.root / SHARED).read_text(encoding="utf-8")
    files = [RuleFile(file.folder, annotate(file.text, shared)) for file in read(source.root)]
    for file in files:
        yield Artefact(f"rules/{file.folder}/rule.yaml", file.text)
    for path, text in bundles(files).items():
        yield Artefact(f"rules/dist/{path}", text)


def annotate(text: str, shared: str) -> str:
    """Return the text of a rule.yaml; a rule that speaks of a schedule gets the shared annotations as they are written.

    They stand in the source, not only in the bundles, so that promtool tests beside it what is loaded.
    """
    found = list(ANNOTATION.finditer(shared))
    if not found:
        raise DocumentError("no annotation in the form that is moved as text", file=SHARED, hint="NAME: >-")
    for annotation in found:
        text = re.sub(rf"^ {{10}}{annotation['name']}: .*\n(?: {{12}}.*\n)*", "", text, flags=re.MULTILINE)
    if not ABOUT_A_SCHEDULE.search(text):
        return text
    block = "".join(_indent(annotation[0], 10) for annotation in found)
    return re.sub(r"^(?= {10}runbook_url: )", lambda _: block, text, flags=re.MULTILINE)


def read(root: Path) -> list[RuleFile]:
    """Return the rule files of a repository."""
    rules = root / "rules"
    paths = sorted(rules.glob("**/rule.yaml"))
    return [
        RuleFile(path.parent.relative_to(rules).as_posix(), path.read_text(encoding="utf-8"))
        for path in paths
    ]


def bundles(sources: Iterable[RuleFile], settings: RuleSettings | None = None) -> dict[str, str]:
    """Return all artefacts by their path below rules/dist."""
    settings = settings or RuleSettings()
    _check(settings)
    sources = sorted(sources, key=lambda source: source.folder)
    files: dict[str, dict[str, str]] = {}
    for source in sources:
        group, text = _group(source, settings)
        groups = files.setdefault(bundle_of(group), {})
        if group in groups:
            head, rules = _split(text)
            if not groups[group].startswith(head):
                message = f"group {group} has other settings in another folder"
                raise DocumentError(message, file=f"{source.folder}/rule.yaml")
            text = groups[group] + "\n" + rules
        groups[group] = text
    artefacts: dict[str, str] = {}
    for name, groups in sorted(files.items()):
        text = "groups:\n" + "\n".join(groups[group] for group in sorted(groups))
        artefacts[PLAIN.format(name=name)] = HEADER + text
        artefacts[RESOURCE.format(name=name)] = HEADER + _resource(name, text, settings)
    entries = [msgspec.to_builtins(rule) for rule in alerts(sources, settings)]
    artefacts["index.json"] = json.dumps(entries, indent=2) + "\n"
    return artefacts


def alerts(sources: Iterable[RuleFile], settings: RuleSettings | None = None) -> list[Rule]:
    """Return the alerts, those on by default first."""
    settings = settings or RuleSettings()
    found = []
    for source in sources:
        for group in yaml.safe_load(_configure(source.text, settings))["groups"]:
            found += [_rule(rule, group["name"]) for rule in group["rules"] if "alert" in rule]
    return sorted(found, key=lambda rule: (not rule.default, rule.group, rule.alert))


def bundle_of(group: str) -> str:
    """Return the name of the file that a group belongs to."""
    product, _, rest = group.partition(".")
    kind, _, name = rest.partition(".")
    if not name:
        return product
    return f"{product}-{kind}-{name}" if kind in SEPARATE else f"{product}-{kind}"


def _rule(rule: Mapping[str, Any], group: str) -> Rule:
    return Rule(
        alert=rule["alert"],
        severity=rule["labels"]["severity"],
        duration=rule.get("for", "0m"),
        summary=rule["annotations"]["summary"],
        group=group,
        bundle=bundle_of(group),
        default="." not in group.partition(".")[2],
        runbook_url=rule["annotations"]["runbook_url"],
    )


def _group(source: RuleFile, settings: RuleSettings) -> tuple[str, str]:
    """Return the name of a source's group and its text, the note moved to what it is about."""
    match = FORM.match(source.text)
    if match is None:
        raise DocumentError(
            "not one group of rules in the form that is moved as text",
            file=f"{source.folder}/rule.yaml",
            hint="comments, then `groups:`, `  - name: ...`, `    rules:`, and the rules indented by six",
        )
    head = f"  - name: {match['group']}\n{match['fields']}    rules:\n"
    return match["group"], head + _indent(match["note"], 6) + _configure(match["body"], settings)


def _split(group: str) -> tuple[str, str]:
    head, mark, rules = group.partition("    rules:\n")
    return head + mark, rules


def _configure(text: str, settings: RuleSettings) -> str:
    """Put the settings into the text of rules."""
    pattern = re.escape(RUNBOOK_URL).replace(re.escape("{alert}"), r"(\w+)")
    text = re.sub(pattern, lambda match: settings.runbook_url.replace("{alert}", match[1]), text)
    text = text.replace(
        f"dashboard_url: {DASHBOARD_URL}\n", f"dashboard_url: {_scalar(settings.dashboard_url)}\n"
    )
    text = re.sub(r"\$labels\.cluster\b", f"$labels.{settings.cluster_label}", text)
    text = text.replace("{cluster=%q", f"{{{settings.cluster_label}=%q")
    text = text.replace("on (cluster)", f"on ({settings.cluster_label})")
    return re.sub(
        r"^( {10}severity: )(\w+)$",
        lambda match: match[1] + _scalar(settings.severities.get(match[2], match[2])),
        text,
        flags=re.MULTILINE,
    )


def _resource(name: str, groups: str, settings: RuleSettings) -> str:
    labels = {
        "app.kubernetes.io/name": "backup-sentinel",
        "app.kubernetes.io/component": "rules",
        **settings.labels,
    }
    lines = "".join(f"    {_scalar(key)}: {_scalar(value)}\n" for key, value in labels.items())
    return (
        "apiVersion: monitoring.coreos.com/v1\nkind: PrometheusRule\n"
        f"metadata:\n  name: {name}\n  labels:\n{lines}spec:\n{_indent(groups, 2)}"
    )


def _indent(text: str, width: int) -> str:
    return "".join(" " * width + line if line.strip() else line for line in text.splitlines(keepends=True))


def _scalar(value: str) -> str:
    """Write a string so that YAML reads it as that string; plain where it may be."""
    plain = re.fullmatch(r"[A-Za-z][A-Za-z0-9_./:-]*", value) and not value.endswith(":")
    return value if plain and yaml.safe_load(value) == value else json.dumps(value)


def _check(settings: RuleSettings) -> None:
    if not LABEL.fullmatch(settings.cluster_label):
        message = f"cluster_label is not the name of a label: {settings.cluster_label!r}"
        raise SentinelError(message)
