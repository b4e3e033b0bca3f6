"""The shipped dashboards, without any server: names, places, words, links, and only metrics and labels that exist."""

from __future__ import annotations

import re
from itertools import combinations
from pathlib import Path

import pytest

from backup_sentinel.generate.dashboards import boards, text
from dashboards.reading import FILES, FOLDER, ROOT, Json, board, fill, panels, queries
from rules.vocabulary import SCRAPE, families, groupings, selectors

WORDS = {"avg", "topk", "rate", "histogram_quantile", "min_over_time", "label_values"}
"""Functions of PromQL, and one of Grafana, that the vocabulary of the rules does not need."""
PROMETHEUS = {"scrape_duration_seconds", "scrape_samples_scraped"}
"""Metrics that Prometheus adds itself."""
OF_HISTOGRAMS = {"le"}

names = pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem.removeprefix("grafana-"))


def test_all_are_there_under_the_names_that_others_load() -> None:
    assert {path.name: board(path)["uid"] for path in FILES} == {
        "grafana-daily-backup-overview.json": "velero-daily-overview",
        "grafana-velero-operations.json": "velero-operations",
        "grafana-fleet-and-promises.json": "backup-sentinel-promises",
        "grafana-backup-sentinel.json": "backup-sentinel",
    }
    assert {made.file: text(made) for made in boards()} == {
        path.name: path.read_text(encoding="utf-8") for path in FILES
    }


@names
def test_a_dashboard_is_ready_for_import(path: Path) -> None:
    dashboard = board(path)
    assert dashboard["schemaVersion"] == 39
    assert dashboard["timezone"] == "browser"
    assert dashboard["refresh"]
    assert dashboard["description"].endswith((".", "?"))
    assert "id" not in dashboard, "a number of somebody's database"
    assert "__inputs" not in dashboard, "files are provisioned without questions"


@names
def test_every_panel_explains_itself(path: Path) -> None:
    for panel in panels(board(path)):
        assert panel["title"], panel
        assert panel["description"].endswith("."), panel["title"]
        if panel["type"] != "logs":
            assert panel["fieldConfig"]["defaults"]["noValue"], panel["title"]
        letters = [target["refId"] for target in panel["targets"]]
        assert len(letters) == len(set(letters)), panel["title"]
    titles = [panel["title"] for panel in panels(board(path))]
    assert len(titles) == len(set(titles))


@names
def test_panels_fit_into_the_grid_and_do_not_cover_each_other(path: Path) -> None:
    dashboard = board(path)
    numbers = [panel["id"] for row in dashboard["panels"] for panel in (row, *row.get("panels", ()))]
    assert len(numbers) == len(set(numbers))
    closed = [row["panels"] for row in dashboard["panels"] if row["type"] == "row" and row["panels"]]
    for group in (dashboard["panels"], *closed):
        for panel in group:
            assert panel["gridPos"]["x"] + panel["gridPos"]["w"] <= 24, panel["title"]
        for one, other in combinations(group, 2):
            assert not _covers(one["gridPos"], other["gridPos"]), (one["title"], other["title"])


def _covers(one: Json, other: Json) -> bool:
    return bool(
        one["x"] < other["x"] + other["w"]
        and other["x"] < one["x"] + one["w"]
        and one["y"] < other["y"] + other["h"]
        and other["y"] < one["y"] + one["h"]
    )


@names
def test_data_sources_are_variables_and_loki_waits_in_a_closed_row(path: Path) -> None:
    dashboard = board(path)
    variables = {variable["name"]: variable for variable in dashboard["templating"]["list"]}
    for panel in panels(dashboard):
        for source in (panel["datasource"], *(target["datasource"] for target in panel["targets"])):
            assert source["uid"] == f"${{{source['type']}_datasource}}"
            assert variables[f"{source['type']}_datasource"]["query"] == source["type"]
    for panel in dashboard["panels"]:
        if panel["type"] != "row":
            assert panel["datasource"]["type"] == "prometheus", panel["title"]
    for variable in variables.values():
        if variable["type"] == "query":
            assert variable["datasource"]["type"] == "prometheus", "Loki must not be needed to choose"


@names
def test_all_matches_series_without_the_label(path: Path) -> None:
    variables = [v for v in board(path)["templating"]["list"] if v["type"] == "query"]
    for variable in variables:
        assert variable["includeAll"]
        every = variable["allValue"]
        assert (re.fullmatch(every, "") is not None) == (variable["name"] not in {"job", "instance"})


@names
def test_every_variable_is_used_and_every_one_used_is_there(path: Path) -> None:
    dashboard = board(path)
    whole = path.read_text(encoding="utf-8")
    for variable in dashboard["templating"]["list"]:
        assert re.search(rf"\$\{{?{variable['name']}\b", whole), variable["name"]
    for asked in queries(path):
        assert "$" not in fill(asked.expression, dashboard)


@names
def test_runbooks_that_are_linked_exist(path: Path) -> None:
    whole = path.read_text(encoding="utf-8")
    linked = set(re.findall(r"blob/main/(rules/[\w/.-]+)", whole))
    assert linked
    assert not [place for place in linked if not (ROOT / place).is_file()]


@names
def test_only_metrics_and_labels_that_are_exported(path: Path) -> None:
    known = families()
    expressions = [asked.expression for asked in queries(path) if asked.source == "prometheus"]
    expressions += [v["definition"] for v in board(path)["templating"]["list"] if v["type"] == "query"]
    for expression in expressions:
        labels: set[str] = set()
        for selector in selectors(expression.replace("$", "")):
            name = selector.name.removesuffix("_bucket")
            if name in WORDS or (
                not selector.labels and name in {"cluster", "operator", "resource_namespace", "schedule"}
            ):
                continue
            if not name or name in {"job", "instance"}:
                continue
            assert name in known.keys() | PROMETHEUS, expression
            allowed = known.get(name, frozenset()) | set(SCRAPE)
            assert selector.labels <= allowed, (selector, expression)
            labels |= allowed
        for _, grouped in groupings(expression):
            everything = {label for each in known.values() for label in each} | set(SCRAPE) | OF_HISTOGRAMS
            assert set(grouped) <= everything, expression


def test_the_vocabulary_would_notice_a_misspelt_name() -> None:
    [selector] = selectors('kube_backup_runz_total{outcom="failed"}')
    assert selector.name not in families()


@names
def test_columns_of_tables_are_labels_or_answers(path: Path) -> None:
    labels = (
        {label for each in families().values() for label in each}
        | set(SCRAPE)
        | {"__name__", "channel", "result"}
    )
    for panel in panels(board(path)):
        if panel["type"] != "table":
            continue
        letters = [target["refId"] for target in panel["targets"]]
        answers = {"Value"} if len(letters) == 1 else {f"Value #{letter}" for letter in letters}
        renamed = panel["transformations"][-1]["options"]["renameByName"]
        assert set(renamed) <= labels | answers, panel["title"]
        shown = {override["matcher"]["options"] for override in panel["fieldConfig"]["overrides"]}
        assert shown == set(renamed.values()), panel["title"]
        for order in panel["options"].get("sortBy", ()):
            assert order["displayName"] in shown, panel["title"]


@names
def test_runs_of_one_schedule_for_several_targets_are_told_apart(path: Path) -> None:
    for panel in panels(board(path)):
        if panel["type"] == "table":
            shown = set(panel["transformations"][-1]["options"]["renameByName"])
            assert "schedule" not in shown or "target" in shown, panel["title"]
        for target in panel["targets"]:
            legend = target.get("legendFormat", "")
            assert "{{schedule}}" not in legend or "{{target}}" in legend, panel["title"]


@names
def test_all_columns_of_a_table_are_in_sight_on_a_screen(path: Path) -> None:
    screen = 1280
    for panel in panels(board(path)):
        if panel["type"] != "table":
            continue
        least = panel["fieldConfig"]["defaults"]["custom"]["minWidth"]
        fixed = {
            override["matcher"]["options"]: each["value"]
            for override in panel["fieldConfig"]["overrides"]
            for each in override["properties"]
            if each["id"] == "custom.width"
        }
        titles = panel["transformations"][-1]["options"]["renameByName"].values()
        needed = sum(fixed.get(title, least) for title in titles)
        assert needed <= panel["gridPos"]["w"] / 24 * screen, panel["title"]


@names
def test_a_large_fleet_is_answered_for_within_the_two_minutes_that_prometheus_allows(path: Path) -> None:
    """2,000 schedules cost about 4 ms of processor time for each selector and step (Prometheus 2.42)."""
    dashboard = board(path)
    hours = float(dashboard["time"]["from"].removeprefix("now-").removesuffix("h"))
    for asked in queries(path):
        if asked.source != "prometheus" or asked.target["instant"]:
            continue
        least = {"": 0.0, "30m": 0.5, "10m": 1 / 6, "1h": 1.0}[asked.target.get("interval", "")]
        steps = hours / max(least, hours / 1500)
        assert steps * len(list(selectors(asked.expression.replace("$", "")))) <= 10_000, asked.name


def test_the_page_speaks_of_every_dashboard() -> None:
    page = (FOLDER / "README.md").read_text(encoding="utf-8")
    for path in FILES:
        assert f"]({path.name})" in page
        assert board(path)["title"] in page
        assert board(path)["uid"] in page
    for target in re.findall(r"\]\(((?!https?:)[^)#]+)\)", page):
        assert (FOLDER / target).exists(), target
