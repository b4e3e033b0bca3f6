"""The configurations of Alloy: read by Alloy's own parser, and made of what Alloy's reference documents."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from logs.pipeline import ALLOY, VARIANTS, Block, RefusedError, configuration, tool, walk

pytestmark = pytest.mark.e2e

# By component or block: the arguments that are needed, and further ones that may be given; as the reference of Alloy 1.11
# has them (https://grafana.com/docs/alloy/latest/reference/components/), as far as they are used here.
KNOWN: dict[str, tuple[set[str], set[str]]] = {
    "logging": (set(), {"level", "format"}),
    "discovery.kubernetes": ({"role"}, set()),
    "discovery.kubernetes/namespaces": (set(), {"names", "own_namespace"}),
    "discovery.kubernetes/selectors": ({"role"}, {"field", "label"}),
    "discovery.relabel": ({"targets"}, set()),
    "discovery.relabel/rule": (
        set(),
        {"action", "regex", "replacement", "separator", "source_labels", "target_label"},
    ),
    "prometheus.scrape": (
        {"targets", "forward_to"},
        {"job_name", "honor_labels", "scrape_interval", "metrics_path"},
    ),
    "prometheus.remote_write": (set(), {"external_labels"}),
    "prometheus.remote_write/endpoint": ({"url"}, {"name", "headers"}),
    "loki.source.kubernetes": ({"targets", "forward_to"}, set()),
    "loki.process": ({"forward_to"}, set()),
    "loki.write": (set(), {"external_labels"}),
    "loki.write/endpoint": ({"url"}, {"name", "tenant_id"}),
    "stage.match": ({"selector"}, {"action", "pipeline_name"}),
    "stage.logfmt": ({"mapping"}, {"source"}),
    "stage.json": ({"expressions"}, {"source", "drop_malformed"}),
    "stage.regex": ({"expression"}, {"source"}),
    "stage.template": ({"source", "template"}, set()),
    "stage.timestamp": ({"source", "format"}, {"action_on_failure", "location"}),
    "stage.labels": ({"values"}, set()),
    "stage.structured_metadata": ({"values"}, set()),
    "stage.label_drop": ({"values"}, set()),
}
EXPORTS = {
    "discovery.kubernetes": "targets",
    "discovery.relabel": "output",
    "prometheus.remote_write": "receiver",
    "loki.process": "receiver",
    "loki.write": "receiver",
}
UNLABELLED = {"logging"}


def check(blocks: list[Block], above: str = "") -> None:
    for block in blocks:
        name = block["name"]
        key = name if name.startswith("stage.") or not above else f"{above}/{name}"
        assert key in KNOWN, f"line {block['line']}: {key}"
        needed, further = KNOWN[key]
        given = set(block["attributes"])
        assert needed <= given, f"line {block['line']}: {key} lacks {needed - given}"
        assert given <= needed | further, f"line {block['line']}: {key} has no {given - needed - further}"
        assert bool(block.get("label")) == (not above and name not in UNLABELLED), key
        check(block["blocks"], above or name)


@pytest.mark.parametrize("variant", VARIANTS)
def test_the_parser_takes_it_and_the_formatter_would_change_nothing(variant: str) -> None:
    assert configuration(ALLOY / f"{variant}.alloy")["formatted"]


@pytest.mark.parametrize("variant", VARIANTS)
def test_components_and_arguments_are_known(variant: str) -> None:
    check(configuration(ALLOY / f"{variant}.alloy")["blocks"])


@pytest.mark.parametrize("variant", VARIANTS)
def test_what_is_referred_to_is_there_and_everything_is_used(variant: str) -> None:
    found = configuration(ALLOY / f"{variant}.alloy")
    made = {f"{block['name']}.{block['label']}" for block in found["blocks"] if block.get("label")}
    names = {one["name"] for one in found["references"] if one["name"] != "sys.env"}
    exported = {
        f"{name}.{EXPORTS[name.rpartition('.')[0]]}" for name in made if name.rpartition(".")[0] in EXPORTS
    }
    assert names == exported


@pytest.mark.parametrize("variant", VARIANTS)
def test_labels_are_few(variant: str) -> None:
    """What is different for each backup or pod would be a stream of its own."""
    blocks = list(walk(configuration(ALLOY / f"{variant}.alloy")["blocks"]))
    [labels] = [block for block in blocks if block["name"] == "stage.labels"]
    assert set(labels["attributes"]["values"]["value"]) == {"severity", "priority"}
    [dropped] = [block for block in blocks if block["name"] == "stage.label_drop"]
    assert set(dropped["attributes"]["values"]["value"]) == {"pod", "instance", "job"}


def test_both_process_lines_alike() -> None:
    def part(variant: str) -> str:
        text = (ALLOY / f"{variant}.alloy").read_text("utf-8")
        return text[text.index('loki.process "backups"') : text.index('loki.write "default"')]

    assert part("full") == part("simple")


def test_each_stage_of_the_environment_is_set() -> None:
    text = (ALLOY / "full.alloy").read_text("utf-8")
    manifest = (ALLOY / "full.yaml").read_text("utf-8")
    for name in set(re.findall(r'sys\.env\("(\w+)"\)', text)):
        assert f"- name: {name}\n" in manifest
    assert "sys.env" not in (ALLOY / "simple.alloy").read_text("utf-8")


MISTAKES = {
    "a bracket too few": (
        "forward_to = [loki.write.default.receiver",
        "forward_to = loki.write.default.receiver",
    ),
    "an argument without a value": ('role = "pod"', "role ="),
    "a block that does not end": ("\nprometheus.scrape", "}\nprometheus.scrape"),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_the_parser_refuses(mistake: str, tmp_path: Path) -> None:
    old, new = MISTAKES[mistake]
    text = (ALLOY / "full.alloy").read_text("utf-8")
    assert old in text
    path = tmp_path / "config.alloy"
    path.write_text(text.replace(old, new, 1))
    with pytest.raises(RefusedError, match=r"config\.alloy:\d+:\d+"):
        tool("alloy", "parse", path)


def test_the_table_of_arguments_refuses(tmp_path: Path) -> None:
    path = tmp_path / "config.alloy"
    path.write_text((ALLOY / "full.alloy").read_text("utf-8").replace("honor_labels", "honour_labels"))
    with pytest.raises(AssertionError, match="honour_labels"):
        check(configuration(path)["blocks"])
