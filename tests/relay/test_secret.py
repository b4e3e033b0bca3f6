"""Secrets of settings: read from text, file or environment, and never shown."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from backup_sentinel.document import Document
from backup_sentinel.errors import DocumentError
from backup_sentinel.relay.channels.webhook import WebhookSettings
from backup_sentinel.secret import Secret, SecretError, SecretKeeper, SecretSource, SecretText, mask, reveal

TEXT = """
type: webhook
name: x
url: https://example.com/fake-secret-1
headers: {X-One: fake-secret-2, X-Two: {env: FAKE_SECRET}}
signing_keys: [fake-secret-3, {file: FILE}]
"""


class Inner(SecretKeeper, frozen=True, kw_only=True):
    token: SecretText | None = None


class Outer(SecretKeeper, frozen=True, kw_only=True):
    inner: Inner = Inner()
    pair: tuple[Inner, ...] = ()
    open: str = "open"


def test_every_secret_is_hidden_and_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FAKE_SECRET", "fake-secret-4")
    (tmp_path / "key").write_text("fake-secret-5\n")
    text = TEXT.replace("FILE", str(tmp_path / "key"))
    settings = Document(text).convert(WebhookSettings)
    shown = f"{settings!r} {settings} {settings.headers} {settings.signing_keys} {settings.url}"
    assert "fake-secret" not in shown
    assert reveal(settings.url) == "https://example.com/fake-secret-1"
    found = sorted(settings.secrets())
    assert [secret[-1] for secret in found if secret.startswith("fake")] == ["2", "3", "4", "5"]
    said = mask("it is fake-secret-5, not fake-secret-6", settings.secrets())
    assert said == "it is ***, not fake-secret-6"


def test_secrets_of_structs_inside_are_found() -> None:
    outer = Outer(inner=Inner(token="fake-1"), pair=(Inner(token="fake-2"), Inner()))
    assert sorted(outer.secrets()) == ["fake-1", "fake-2"]
    assert "fake" not in repr(outer)
    assert outer.open == "open"
    assert not isinstance(outer.open, Secret)


def test_copies_stay_secret() -> None:
    settings = msgspec.structs.replace(Inner(token="fake-1"))
    assert isinstance(settings.token, Secret)
    assert reveal(settings.token) == "fake-1"


def test_a_file_is_read_at_each_use(tmp_path: Path) -> None:
    source = SecretSource(file=str(tmp_path / "key"))
    for content in ("one\n", "two\r\n"):
        (tmp_path / "key").write_text(content)
        assert source.read() == content.strip()


@pytest.mark.parametrize("content", [None, b"", b"\n", b"\xff"])
def test_what_cannot_be_read_is_named_and_not_shown(tmp_path: Path, content: bytes | None) -> None:
    if content is not None:
        (tmp_path / "key").write_bytes(content)
    source = SecretSource(file=str(tmp_path / "key"))
    with pytest.raises(SecretError, match=r"key (cannot be read|is empty)"):
        source.read()
    with pytest.raises(SecretError, match="the environment has no NOT_THERE"):
        SecretSource(env="NOT_THERE").read()


@pytest.mark.parametrize("token", ["{}", "{file: a, env: b}", "{fil: a}", "[a]"])
def test_a_secret_is_text_or_one_source(token: str) -> None:
    with pytest.raises(DocumentError, match=r"<input>:\d+:\d+: "):
        Document(f"token: {token}\n").convert(Inner)


def test_what_is_short_is_not_masked_everywhere() -> None:
    assert mask("a cab", iter(["a", ""])) == "a cab"
