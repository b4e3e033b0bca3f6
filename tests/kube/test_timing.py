from hypothesis import given
from hypothesis import strategies as st

from backup_sentinel.kube.timing import Backoff, spread


def test_doubles_up_to_the_cap_and_starts_again() -> None:
    backoff = Backoff(1.0, 30.0, rand=lambda: 1.0)
    assert [backoff.pause() for _ in range(7)] == [1, 2, 4, 8, 16, 30, 30]
    backoff.reset()
    assert backoff.pause() == 1


@given(st.floats(0, 1), st.integers(0, 10_000), st.floats(0, 1e9) | st.none())
def test_never_none_and_never_longer_than_promised(chance: float, failures: int, asked: float | None) -> None:
    backoff = Backoff(1.0, 30.0, rand=lambda: chance)
    backoff._failures = failures
    assert 0.2 <= backoff.pause(asked) <= 30.0 + min(asked or 0, 300)


def test_what_the_server_asked_for_is_the_least() -> None:
    assert Backoff(1.0, 30.0, rand=lambda: 0.0).pause(12.0) >= 12


@given(st.floats(0, 1))
def test_spread(chance: float) -> None:
    assert 89.9 <= spread(100, rand=lambda: chance) <= 110.1
