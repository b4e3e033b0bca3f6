"""Rows of a table panel: the results of its queries, merged, chosen and named as its transformations say."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

Json = dict[str, Any]
Cell = float | str
Record = dict[str, Cell]


def rows(panel: Json, results: Mapping[str, Sequence[tuple[Mapping[str, str], float]]]) -> list[Record]:
    """Return the rows of a panel by the titles of its columns, in the order of the columns, sorted."""
    single = len(results) == 1
    frames: list[list[Record]] = [
        [{**labels, ("Value" if single else f"Value #{letter}"): value} for labels, value in result]
        for letter, result in results.items()
    ]
    found = merge(frames) if not single else frames[0]
    names: list[str] = []
    titles: dict[str, str] = {}
    for step in panel["transformations"]:
        options = step["options"]
        if step["id"] == "filterFieldsByName":
            names = options["include"]["names"]
        elif step["id"] == "organize":
            titles = options["renameByName"]
            names.sort(key=options["indexByName"].__getitem__)
        else:
            assert step["id"] == "merge", step
    present = [name for name in names if any(name in row for row in found)]
    shown: list[Record] = [{titles[name]: row[name] for name in present if name in row} for row in found]
    for order in panel["options"].get("sortBy", ()):
        key = order["displayName"]
        shown.sort(key=lambda row: (key in row, row.get(key, "")), reverse=order["desc"])
    return shown


def merge(frames: Sequence[Sequence[Record]]) -> list[Record]:
    """Return the rows of several tables, those as one that have the same values in all columns they have in common.

    As Grafana's transformation does it, columns are in common if both tables have them; a value that is
    missing in both is the same.
    """
    merged: list[Record] = []
    seen: set[str] = set()
    for frame in frames:
        columns = {name for row in frame for name in row}
        common = columns & seen
        seen |= columns
        fresh: list[Record] = []
        for row in frame:
            key = {name: row.get(name) for name in common}
            matches = [old for old in merged if all(old.get(name) == value for name, value in key.items())]
            for old in matches if common else ():
                old.update(row)
            if not matches or not common:
                fresh.append(dict(row))
        merged += fresh
    return merged
