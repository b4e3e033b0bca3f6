"""Velero's results file: what stands in it, whatever form an error has."""

from __future__ import annotations

import gzip
import json

import pytest

from backup_sentinel.relay.finding import ItemError
from backup_sentinel.relay.velero import ResultsError, read_results
from backup_sentinel.relay.velero.results import LARGEST, item
from relay.enrichers.velero_kit import FAILED_ITEM, packed

TEXTS = {
    FAILED_ITEM: ItemError(
        namespace="n",
        name="pods/shop-0",
        error="Error backing up item: error executing custom action (groupResource=pods, namespace=shop, name=shop-0): "
        "timed out waiting for the condition",
    ),
    " name: /web-1 message: /hook failed error: /hook failed": ItemError(
        namespace="n", name="web-1", error="hook failed"
    ),
    " resource: /persistentvolumeclaims name: /data error: /a\nb": ItemError(
        namespace="n", name="persistentvolumeclaims/data", error="a\nb"
    ),
    " error: /rpc error: code = Unknown desc = x": ItemError(
        namespace="n", error="rpc error: code = Unknown desc = x"
    ),
    "could not restore, name: /x is taken": ItemError(
        namespace="n", error="could not restore, name: /x is taken"
    ),
    "": ItemError(namespace="n"),
}


@pytest.mark.parametrize("text", TEXTS)
def test_an_error_of_each_form(text: str) -> None:
    assert item("n", text) == TEXTS[text]


def test_items_come_before_the_cluster_and_velero_itself_and_none_twice() -> None:
    errors = {"velero": ["v"], "cluster": ["c"], "namespaces": {"a": ["x", "x"], "b": None}}
    found, total = read_results(packed({"errors": errors, "warnings": {"velero": ["w"]}}), 10)
    assert [(one.namespace, one.error) for one in found] == [("a", "x"), ("", "c"), ("", "v")]
    assert total == 3


@pytest.mark.parametrize("content", [{}, {"errors": {}}, {"errors": {"namespaces": None, "velero": None}}])
def test_nothing_went_wrong(content: object) -> None:
    assert read_results(packed(content), 10) == ((), 0)


def test_a_file_that_is_not_packed_is_read_too() -> None:
    assert read_results(json.dumps({"errors": {"velero": ["x"]}}).encode(), 10)[1] == 1


def test_a_file_that_swells_is_refused() -> None:
    with pytest.raises(ResultsError, match="more than 16777216 bytes"):
        read_results(gzip.compress(b" " * (LARGEST + 1)), 10)
    exact = b'{"errors":{}}'.ljust(LARGEST)
    assert read_results(gzip.compress(exact), 10) == ((), 0)


def test_a_long_error_does_not_take_long() -> None:
    [found], _ = read_results(packed({"errors": {"velero": [" name: /" + "x " * 500_000]}}), 1)
    assert len(found.error) + len(found.name) <= 8192
