"""The drawing says what the answers say: rows that belong together are one, values have their words and units."""

from __future__ import annotations

import pytest

from dashboards.drawing import Answer, Line, panel_html
from dashboards.reading import FOLDER, Json, board, panels
from dashboards.tables import Record, merge
from dashboards.values import paint, show


def panel(file: str, title: str) -> Json:
    return next(panel for panel in panels(board(FOLDER / file)) if panel["title"] == title)


def test_rows_with_the_same_labels_become_one() -> None:
    one: list[Record] = [
        {"cluster": "a", "schedule": "x", "Value #A": 1.0},
        {"cluster": "b", "schedule": "x", "Value #A": 2.0},
    ]
    two: list[Record] = [
        {"cluster": "b", "schedule": "x", "Value #B": 3.0},
        {"cluster": "b", "schedule": "y", "Value #B": 4.0},
    ]
    assert merge([one, two]) == [
        {"cluster": "a", "schedule": "x", "Value #A": 1.0},
        {"cluster": "b", "schedule": "x", "Value #A": 2.0, "Value #B": 3.0},
        {"cluster": "b", "schedule": "y", "Value #B": 4.0},
    ]


def test_a_name_that_differs_keeps_rows_apart() -> None:
    one: list[Record] = [{"__name__": "x", "cluster": "a", "Value #A": 1.0}]
    two: list[Record] = [{"__name__": "y", "cluster": "a", "Value #B": 1.0}]
    assert len(merge([one, two])) == 2


@pytest.mark.parametrize(
    ("value", "config", "text"),
    [
        (0.5, {"unit": "percentunit"}, "50.0%"),
        (5400.0, {"unit": "s"}, "1.5 hours"),
        (86400.0, {"unit": "s", "decimals": 0}, "1 day"),
        (0.02, {"unit": "s"}, "20 ms"),
        (3 * 1024**3, {"unit": "bytes"}, "3.0 GiB"),
        (2900.0, {"unit": "none", "decimals": 0}, "2900"),
        (2900.0, {"unit": "short"}, "2.9 K"),
        (float("nan"), {}, ""),
        ("words", {"unit": "s"}, "words"),
        (2.0, {"mappings": [{"type": "value", "options": {"2": {"text": "warning"}}}]}, "warning"),
    ],
)
def test_units_and_words(value: float | str, config: Json, text: str) -> None:
    assert show(value, config) == text


def test_thresholds_colour_from_their_value_on() -> None:
    rate = panel("grafana-daily-backup-overview.json", "Success rate")["fieldConfig"]["defaults"]
    assert len({paint(value, rate) for value in (0.5, 0.85, 0.95)}) == 3
    assert paint(0.94, rate) == paint(0.85, rate)


@pytest.mark.parametrize(
    ("file", "title"),
    [
        ("grafana-daily-backup-overview.json", "Success rate"),
        ("grafana-daily-backup-overview.json", "Backups that need a look"),
        ("grafana-daily-backup-overview.json", "Backups by outcome, per hour"),
        ("grafana-velero-operations.json", "Outcomes"),
        ("grafana-velero-operations.json", "Health over time"),
    ],
)
def test_a_panel_without_data_says_so_in_words(file: str, title: str) -> None:
    shown = panel(file, title)
    assert shown["fieldConfig"]["defaults"]["noValue"] in panel_html(shown, lambda _: Answer())


def test_hostile_names_are_text() -> None:
    evil = "<script>alert(1)</script>"
    shown = panel("grafana-daily-backup-overview.json", "Backups that need a look")
    assert evil not in panel_html(
        shown, lambda _: Answer(samples=[({"schedule": evil, "outcome": "failed"}, 1.0)])
    )
    shown = panel("grafana-velero-operations.json", "Health over time")
    assert evil not in panel_html(shown, lambda _: Answer([Line(evil, [(0.0, 1.0), (1.0, 0.0)])]))


def test_without_loki_its_panels_say_what_they_need() -> None:
    shown = panel("grafana-velero-operations.json", "Errors")
    assert "needs Loki" in panel_html(shown, lambda _: None)
