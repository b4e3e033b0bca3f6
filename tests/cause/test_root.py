"""The root cause is found in nested errors of every form that operators write, and nothing in them costs more than a little time."""

import json
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backup_sentinel.cause.root import DEEPEST, chain, generic, root

LEAF = "dial tcp 10.0.0.7:51515: connect: connection refused"
INNER = {
    "cause": {"cause": {"message": LEAF}, "message": "Failed to connect"},
    "message": "Failed to snapshot",
}
FIELDS = {
    "fields": [{"name": "FailedSubPhases", "value": [{"Err": INNER, "ID": "x"}]}],
    "message": "In phase",
}


@pytest.mark.parametrize(
    ("error", "told"),
    [
        ("plain text", "plain text"),
        ({"message": "outer", "cause": {"message": "inner"}}, "inner"),
        ({"message": "outer", "cause": json.dumps({"message": "inner"})}, "inner"),
        ({"message": "outer", "cause": json.dumps({"message": "m", "cause": json.dumps(INNER)})}, LEAF),
        ({"message": "Job failed", "cause": json.dumps({"cause": FIELDS, "message": "sub"})}, LEAF),
        ({"message": "Job failed to be executed", "fields": []}, "Job failed to be executed"),
        ({"message": "repository gone", "cause": {"message": "command terminated with exit code 1"}}, "repository gone"),
        ({"message": "upload of a.b", "cause": {"message": "context deadline exceeded"}}, "upload of a.b"),
        ({"message": "x", "fields": [{"name": "pod", "value": "kanister-job"}, {"name": "n", "value": [1, "a"]}]}, "x"),
        ([{"message": "one"}, "two", {"message": "one"}], "one; two"),
        (["Could not access bucket: AccessDenied"], "Could not access bucket: AccessDenied"),
        ({"error": {"message": "no such host"}}, "no such host"),
        ({"err": "disk full"}, "disk full"),
        ({"reason": "Expired"}, "Expired"),
        ([[{"error": "a"}], None, []], "a"),
    ],
)  # fmt: skip
def test_the_deepest_message_that_says_something(error: Any, told: str) -> None:
    assert root(error) == told


@pytest.mark.parametrize("nothing", [None, "", "  ", {}, [], {"message": ""}, 7, {"cause": None}, [None, {}]])
def test_nothing_is_told_of_nothing(nothing: Any) -> None:
    assert root(nothing) is None
    assert chain(nothing) == ()


@pytest.mark.parametrize("levels", [1, 2, 3])
def test_json_that_was_cut(levels: int) -> None:
    """The innermost message stands first in it; whatever comes after may be missing."""
    text = json.dumps(FIELDS)
    for _ in range(levels - 1):
        text = json.dumps({"cause": text, "message": "wrapped"})
    end = text.index("connection refused") + len("connection refused")
    for cut in range(end, len(text)):
        assert root(text[:cut]) == LEAF, text[:cut]
    assert root(text) == LEAF


def test_a_message_that_was_cut_is_told_as_far_as_it_goes() -> None:
    assert root('{"cause":{"message":"unable to get repository: Get \\"https://10.0') == (
        'unable to get repository: Get "https://10.0'
    )


def test_cut_before_any_message_is_told_as_it_is() -> None:
    assert root('{"cause":{"fields":[') == '{"cause":{"fields":['


def test_the_chain_is_kept_outermost_first() -> None:
    error = {"message": "Job failed to be executed", "cause": json.dumps({"cause": INNER, "message": "sub"})}
    assert chain(error) == (
        "Job failed to be executed",
        "sub",
        "Failed to snapshot",
        "Failed to connect",
        LEAF,
    )


@pytest.mark.parametrize(
    "message",
    [
        "command terminated with exit code 137",
        "Exit status 1.",
        "context deadline exceeded",
        "failed",
        "Timed out",
    ],
)
def test_generic(message: str) -> None:
    assert generic(message)


@pytest.mark.parametrize("message", ["snapshot failed", "exit status 1: no space left", "error: locked", ""])
def test_not_generic(message: str) -> None:
    assert not generic(message)


def test_nesting_beyond_the_bound_is_not_followed() -> None:
    error: Any = {"message": "at the bottom"}
    for depth in range(DEEPEST + 10):
        error = {"message": f"level {depth}", "cause": error}
    assert root(error) == "level 9"


def test_errors_made_to_be_slow() -> None:
    started = time.process_time()
    wide: Any = "x"
    for _ in range(6):
        wide = [{"message": "m", "cause": wide}] * 12
    for text in ('{"message":"' + "\\" * 60_000, '{"message":"a' * 20_000, "{" * 60_000, wide):
        root(text)
        chain(text)
    assert time.process_time() - started < 10


values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.text(max_size=12)
    | st.sampled_from(['{"message":"', "[{", '{"a":1}']),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["message", "cause", "Err", "fields", "value", "errors", "x"]), inner, max_size=3
        )
    ),
    max_leaves=12,
)


@given(values)
def test_nothing_in_an_error_raises(value: Any) -> None:
    told = root(value)
    assert told is None or told.strip()
    assert all(chain(value))
    assert root(json.dumps(value)) is None or root(json.dumps(value))


@pytest.mark.parametrize(
    "error",
    [
        '{"message":"' * 5000,
        '{"message":' + "\\" * 60_000 + '"',
        '{"message":"a","cause":' * 3000,
        "[" * 5000 + '{"message":"' * 2000,
        {"message": '{"msg":"' * 3000, "cause": {"fields": [{"name": "x", "value": '{"Err":"' * 3000}]}},
    ],
    ids=["messages", "backslashes", "causes", "lists", "both"],
)
def test_no_text_is_too_deep(error: object) -> None:
    assert root(error)
    assert chain(error)


def test_lists_in_lists_are_followed_as_far_as_the_bound() -> None:
    error: Any = ["at the bottom"]
    for _ in range(DEEPEST - 2):
        error = [error]
    assert root(error) == "at the bottom"
    for _ in range(2000):
        error = [error]
    assert root(error) is None
    assert chain(error) == ()
    assert root("[" * 500 + "]" * 500) is None
