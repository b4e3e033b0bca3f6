"""What pages name exists: metrics and their labels, alerts, settings, commands; their examples are taken."""

from __future__ import annotations

import re
import shlex
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
import yaml

from backup_sentinel import commands, config
from backup_sentinel.generate import reference
from backup_sentinel.model import FailureReason, Outcome
from rules.promtools import find
from rules.vocabulary import SCRAPE, families, selectors
from support.markdown import ROOT, blocks, pages, prose, spans, text

PAGES = [page for page in pages() if page.name != "runbook.md"]
OURS = re.compile(r"\b(?:kube_backup|backup_sentinel)_[a-z_]*[a-z]\b")
ALERTS = {path.parent.name for path in (ROOT / "rules").glob("*/rule.yaml")} | {
    *re.findall(r"alert: (\w+)", text(ROOT / "rules" / "loki" / "alerts.yaml")),
    "BackupSentinelTest",  # what `send-test` sends
}
SECTIONS = tuple(config.Config.__struct_fields__)
VALUES = {"outcome": {*Outcome}, "reason": {*FailureReason}}
SHORT = re.compile(r"<!-- expressions: (\w) = (.+?) -->")
"""A word that stands for matchers in a page's tables."""

each_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))


def stems() -> set[str]:
    """Return the parts of the names of recorded series."""
    recorded = re.findall(
        r"^ *- record: (\S+)", "".join(map(text, (ROOT / "rules").rglob("rule.yaml"))), re.MULTILINE
    )
    return {part for name in recorded for part in name.split(":")}


STEMS = stems()


def expressions(page: Path) -> Iterator[str]:
    """Yield the PromQL of a page: its blocks, and what stands in the prose with a metric of ours and matchers."""
    for block in blocks(page, "promql"):
        yield block.code
    short = dict(SHORT.findall(text(page)))
    for span in spans(page):
        if OURS.match(span) and "{" in span and "…" not in span:
            whole = span.replace("\\|", "|")
            for word, matchers in short.items():
                whole = re.sub(rf"\{{{word}\b", f"{{{matchers}", whole)
            yield whole


@each_page
def test_metrics_exist(page: Path) -> None:
    known = {*families(), *STEMS}
    for name in OURS.findall(text(page)):
        assert name in known or any(family.startswith(f"{name}_") for family in known), name


@each_page
def test_labels_and_their_values_exist(page: Path) -> None:
    for expression in expressions(page):
        for selector in selectors(expression):
            if selector.name in families():
                assert selector.labels <= families()[selector.name] | {*SCRAPE, "cluster"}, expression
        for label, values in re.findall(r'(\w+)=~?"([^"]+)"', expression):
            assert {*values.split("|")} <= VALUES.get(label, {*values.split("|")}), expression


def test_expressions_are_promql(tmp_path: Path) -> None:
    asked = [(page, expression) for page in PAGES for expression in expressions(page)]
    assert len(asked) > 40
    rules = [
        {"record": f"asked:{number}", "expr": expression} for number, (_, expression) in enumerate(asked)
    ]
    path = tmp_path / "rules.yaml"
    path.write_text(yaml.safe_dump({"groups": [{"name": "asked", "rules": rules}]}), encoding="utf-8")
    done = subprocess.run(
        [find("promtool"), "check", "rules", path], capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 0, done.stderr


@each_page
def test_alerts_exist(page: Path) -> None:
    for alert in re.findall(r"\b(?:KubeBackup|BackupSentinel)[A-Z]\w+", prose(page)):
        assert alert in ALERTS, alert


@cache
def settings() -> set[str]:
    """Return the paths of all settings as the reference writes them, kinds of channels and enrichers left out."""
    found = re.findall(r"^\| `([\w.=\[\]-]+)` \|", reference.settings(), re.MULTILINE)
    return {re.sub(r"\[[^\]]*\]", "", path) for path in found}


@cache
def values() -> set[str]:
    """Return the paths of all values of the chart."""

    def walk(value: object, path: str) -> Iterator[str]:
        yield path
        if isinstance(value, dict):
            for name, inner in value.items():
                yield from walk(inner, f"{path}.{name}" if path else name)

    return set(walk(yaml.safe_load(text(ROOT / "charts" / "backup-sentinel" / "values.yaml")), ""))


@each_page
def test_settings_exist(page: Path) -> None:
    """Settings of the programs, or values of the chart."""
    known = settings() | values()
    groups = {path.rpartition(".")[0] for path in known}
    for span in spans(page):
        path = re.sub(r"\[[^\]]*\]|: .*", "", span)
        if path.partition(".")[0] in SECTIONS and re.fullmatch(r"\w+(\.\w+)+(?<!\.io)(?<!\.yaml)", path):
            inside = re.sub(r"^\w+\.config\.", "", path)  # the chart hands down settings there
            assert inside in known | groups, span


@each_page
def test_settings_that_are_named_without_their_section_exist(page: Path) -> None:
    """`delivery.max_age_seconds` of a channel, where the text says whose it is."""
    sections = {path.rpartition(".")[0].rpartition(".")[2] for path in settings()} - {"", *SECTIONS}
    for span in spans(page):
        path = re.sub(r"\[[^\]]*\]|: .*|=.*", "", span)
        if path.partition(".")[0] in sections and re.fullmatch(r"[a-z_]+(\.[a-z_]+)+", path):
            assert any(known.endswith(f".{path}") for known in settings()), span


@cache
def maps() -> set[str]:
    """Return the paths of the chart's values that hold what the reader likes."""

    def walk(value: dict[str, object], path: str) -> Iterator[str]:
        for name, inner in value.items():
            if inner == {}:
                yield f"{path}{name}"
            elif isinstance(inner, dict):
                yield from walk(inner, f"{path}{name}.")

    return set(walk(yaml.safe_load(text(ROOT / "charts" / "backup-sentinel" / "values.yaml")), ""))


@each_page
def test_values_of_the_chart_exist(page: Path) -> None:
    """By their path, also below a map; behind `config.` stand settings of the exporter."""
    roots = {path for path in values() if path and "." not in path} - {*SECTIONS}
    inside = settings() | {path.rpartition(".")[0] for path in settings()}
    for span in spans(page):
        path = re.sub(r"=.*|: .*", "", span)
        if path.partition(".")[0] not in roots or not re.fullmatch(r"\w+(\.\w+)+(?<!\.yaml)(?<!\.io)", path):
            continue
        if path.startswith("config."):
            assert path.removeprefix("config.") in inside, span
        else:
            assert path in values() or any(path.startswith(f"{above}.") for above in maps()), span


@pytest.mark.parametrize(
    ("page", "code"),
    [
        pytest.param(page, block.code, id=f"{page.relative_to(ROOT)}:{block.line}")
        for page in PAGES
        for block in blocks(page, "yaml")
    ],
)
def test_examples_are_yaml_and_those_of_our_settings_are_taken(
    page: Path, code: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "profiles").mkdir()
    monkeypatch.chdir(tmp_path)
    documents = list(yaml.safe_load_all(code))
    assert all(documents)
    if page.parent == ROOT / "exporter" and all(set(document) <= {*SECTIONS} for document in documents):
        config.parse(code)


@each_page
def test_commands_of_ours_exist(page: Path) -> None:
    known = {name for name in commands.parser().format_help().split() if name.isidentifier() or "-" in name}
    for span in [*spans(page), *(block.code for block in blocks(page, "sh"))]:
        for command in re.findall(r"(?:^|/| )backup-sentinel ([a-z][a-z0-9-]+)\b", span, re.MULTILINE):
            if not span.startswith(("helm", "kubectl", "#")):
                assert command in known, span


IN_PODS = [
    pytest.param(words[words.index("--") + 2 :], id=f"{path.relative_to(ROOT)}:{block.line} {number}")
    for path in pages()
    for block in blocks(path, "sh")
    for number, command in enumerate(block.commands())
    if " -- backup-sentinel " in command
    for words in [shlex.split(command)]
]
"""What is run in a pod by `kubectl exec`."""


@pytest.mark.parametrize("words", IN_PODS)
def test_commands_in_pods_are_taken(words: list[str]) -> None:
    assert commands.parser().parse_args(words).run


def test_there_are_commands_in_pods() -> None:
    assert len(IN_PODS) > 5
