"""The pages about logs: links that lead somewhere, and commands that say what they need."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from logs.pipeline import ALLOY, LOKI

PAGES = (ALLOY / "README.md", LOKI / "README.md")


def anchors(page: Path) -> set[str]:
    heads = re.findall(r"^#+ (.+)$", page.read_text("utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", head).lower().replace(" ", "-") for head in heads}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.parent.name)
def test_links_lead_somewhere(page: Path) -> None:
    links = re.findall(r"\]\(([^)]+)\)", page.read_text("utf-8"))
    assert links
    for link in links:
        if link.startswith("https://"):
            continue
        file, _, anchor = link.partition("#")
        target = (page.parent / file).resolve() if file else page
        assert target.exists(), link
        assert not anchor or anchor in anchors(target), link


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.parent.name)
def test_commands_name_files_that_exist_and_need_a_cluster(page: Path) -> None:
    for block in re.findall(r"^```sh\n(.*?)^```", page.read_text("utf-8"), re.MULTILINE | re.DOTALL):
        assert block.startswith("# needs a cluster\n")
        for path in re.findall(r"\b(?:charts|rules)/\S+", block):
            assert (ALLOY.parents[1] / path).is_file(), path


def test_the_retention_is_yaml_for_the_streams_that_there_are() -> None:
    [block] = re.findall(r"^```yaml\n(.*?)^```", PAGES[1].read_text("utf-8"), re.MULTILINE | re.DOTALL)
    limits = yaml.safe_load(block)["limits_config"]
    hours = [int(limits["retention_period"][:-1]), int(limits["retention_stream"][0]["period"][:-1])]
    assert [hour // 24 for hour in hours] == [7, 30]
