import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backup_sentinel.fleet import SettingError, Shard
from backup_sentinel.fleet.shard import owner

NAMES = st.text(max_size=60)
TOTALS = st.integers(1, 32)


@given(NAMES, TOTALS)
def test_each_name_has_exactly_one_shard(name: str, total: int) -> None:
    assert sum(Shard(index, total).owns(name) for index in range(total)) == 1


@given(NAMES, TOTALS)
def test_one_more_shard_moves_a_name_only_to_itself(name: str, total: int) -> None:
    assert owner(name, total + 1) in {owner(name, total), total}


@given(st.sets(NAMES, max_size=50), TOTALS)
def test_union_is_the_whole(names: set[str], total: int) -> None:
    parts = [{name for name in names if Shard(index, total).owns(name)} for index in range(total)]
    assert set().union(*parts) == names
    assert sum(map(len, parts)) == len(names)


@pytest.mark.parametrize("total", [2, 4, 8, 16])
def test_even_and_few_move(total: int) -> None:
    names = [f"cluster-{number}" for number in range(4000)]
    sizes = [sum(Shard(index, total).owns(name) for name in names) for index in range(total)]
    assert min(sizes) > 0.75 * 4000 / total
    assert max(sizes) < 1.25 * 4000 / total
    moved = sum(owner(name, total) != owner(name, total + 1) for name in names)
    assert 0.7 < moved / (4000 / (total + 1)) < 1.3


def test_never_another_than_in_the_last_release() -> None:
    names = ["", "prod-eu", "prod-us", "staging", "dev", "münchen", "\ud800"]
    assert [owner(name, 4) for name in names] == EXPECTED


EXPECTED = [1, 0, 0, 0, 1, 0, 2]


def test_the_same_in_each_process() -> None:
    program = "from backup_sentinel.fleet.shard import owner; print([owner(f'c{n}', 7) for n in range(50)])"
    said = {
        subprocess.run(
            [sys.executable, "-c", program],
            env={"PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout.strip()
        for seed in ("0", "1")
    }
    assert said == {str([owner(f"c{number}", 7) for number in range(50)])}


@pytest.mark.parametrize(
    ("text", "pod", "shard"),
    [
        ("0/1", "", Shard(0, 1)),
        ("0/4", "", Shard(0, 4)),
        (" 3/4 ", "ignored-9", Shard(3, 4)),
        ("auto/4", "backup-sentinel-0", Shard(0, 4)),
        ("auto/12", "backup-sentinel-11", Shard(11, 12)),
    ],
)
def test_parsed(text: str, pod: str, shard: Shard) -> None:
    found = Shard.parse(text, {"POD_NAME": pod})
    assert found == shard
    assert Shard.parse(str(found), {}) == shard


@pytest.mark.parametrize(
    ("text", "pod", "message"),
    [
        ("", "", "is not a shard"),
        ("1", "", "INDEX/TOTAL"),
        ("1/2/3", "", "is not a shard"),
        ("-1/4", "", "is not a shard"),
        ("a/b", "", "is not a shard"),
        ("1/1e9", "", "is not a shard"),
        ("0/0", "", "at least 1"),
        ("auto/0", "x-0", "at least 1"),
        ("4/4", "", "shards count from 0"),
        ("auto/4", "", "POD_NAME"),
        ("auto/4", "backup-sentinel-7d9c5b8f6-x2x7q", "StatefulSet"),
        ("auto/4", "sentinel", "StatefulSet"),
        ("auto/4", "backup-sentinel-4", "only 4 shards"),
    ],
)
def test_refused(text: str, pod: str, message: str) -> None:
    with pytest.raises(SettingError, match=r"^--shard: ") as caught:
        Shard.parse(text, {"POD_NAME": pod} if pod else {})
    assert message in str(caught.value)
    assert caught.value.hint


@pytest.mark.parametrize(("index", "total"), [(1, 1), (-1, 2), (0, 0), (0, -1)])
def test_no_such_shard(index: int, total: int) -> None:
    with pytest.raises(ValueError, match="count from 0"):
        Shard(index, total)
