"""Profiles to test with: the packaged one, and small ones written in the tests."""

from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from backup_sentinel.document import Document
from backup_sentinel.export.profile import Profile, Reader, Reading, load_profiles
from backup_sentinel.export.profile.compile import compile_profile
from backup_sentinel.export.profile.examples import FAR

Read = Callable[..., Reading]


@pytest.fixture(scope="session")
def velero() -> Profile:
    [profile] = load_profiles(operators=("velero",))
    return profile


@pytest.fixture(scope="session")
def reader(velero: Profile) -> Callable[[str], Reader]:
    """Readers of Velero's resources by plural, with a clock far ahead."""
    by_plural = {resource.type.plural: resource for resource in velero.resources}
    return lambda plural: velero.reader("prod", by_plural[plural], lambda: FAR)


@pytest.fixture
def compiled() -> Callable[[str], Profile]:
    """Compile the resources of a profile, given as YAML that is indented as in a list."""

    def compile_text(body: str, *, head: str = "") -> Profile:
        text = f"operator: test\ntitle: Test\ndocumentation: https://example.org/\ndialect: robfig\n{head}resources:\n{body}"
        return compile_profile(Document(text, "test.yaml"))

    return compile_text


@pytest.fixture
def read(compiled: Callable[[str], Profile]) -> Read:
    """Read an object by the first resource of a profile; both ways must agree."""

    def read_both(body: str | Profile, value: dict[str, Any], now: float = FAR) -> Reading:
        profile = body if isinstance(body, Profile) else compiled(body)
        reader = profile.reader("prod", profile.resources[0], lambda: now)
        metadata = value.setdefault("metadata", {})
        metadata.setdefault("name", "x")
        metadata.setdefault("namespace", "ns")
        raw = msgspec.json.encode(value)
        fast = reader.item(raw).value
        careful, _ = reader.read(raw, now)
        assert careful == fast
        return fast

    return read_both
