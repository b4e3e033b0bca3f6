"""Which rows are shown: by labels, state, outcome, part of a name, and page by page."""

import msgspec
import pytest

from backup_sentinel.export.overview import (
    Choice,
    ChoiceError,
    Lens,
    at_once,
    survey,
)
from export.overview.kit import LAST, names
from export.store.world import (
    FAILED,
    PARTIAL,
    World,
    key,
    run,
    schedule,
)


def test_rows_are_chosen_by_labels_state_outcome_and_part_of_the_name(world: World) -> None:
    world.put(schedule(of=key("a")), run(LAST, FAILED, of=key("a")))
    world.put(schedule(of=key("b")), run(LAST, of=key("b")))
    world.put(schedule(of=key("c", cluster="")), run(LAST, PARTIAL, of=key("c", cluster="")))
    assert names(world) == ["a", "c", "b"]
    parse = Choice.parse
    for parameters, wanted in (
        ([("schedule", "a"), ("schedule", "b")], ["a", "b"]),
        ([("cluster", "")], ["c"]),
        ([("cluster", "prod"), ("state", "ok")], ["b"]),
        ([("state", "problem")], ["a", "c"]),
        ([("outcome", "partial")], ["c"]),
        ([("q", "VELERO")], ["a", "c", "b"]),
        ([("q", "B")], ["b"]),
        ([("operator", "none")], []),
    ):
        assert names(world, **msgspec.structs.asdict(parse(parameters))) == wanted, parameters


def test_a_page_of_rows_knows_how_many_there_are(world: World) -> None:
    for n in range(7):
        world.put(schedule(of=key(f"s{n}")))
    lens = Lens(world.store, world.now)
    part = at_once(survey(lens, "1", offset=4, limit=2))
    assert ([row.schedule for row in part.schedules], part.total, part.offset) == (["s4", "s5"], 7, 4)


@pytest.mark.parametrize("parameter", [("state", "fine"), ("outcome", ""), ("colour", "red")])
def test_a_parameter_that_is_none_is_refused_with_what_is_possible(parameter: tuple[str, str]) -> None:
    with pytest.raises(ChoiceError, match=r"known are|write one of"):
        Choice.parse([parameter])
