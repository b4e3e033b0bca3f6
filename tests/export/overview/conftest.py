"""A store that a test fills."""

import pytest

from export.store.world import World


@pytest.fixture
def world() -> World:
    return World()
