import msgspec
import pytest

from backup_sentinel.kube.secret import Secret, redact


def test_secret_shows_itself_only_when_told() -> None:
    secret = Secret("hunter2")
    assert f"{secret} {secret!r} {secret!s} {secret:>5}" == "*** '***' ***   ***"
    assert secret.reveal() == "hunter2"
    assert type(secret.reveal()) is str
    assert secret == "hunter2"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Unable to locate credentials", "Unable to locate credentials"),
        ("open /home/ann/.aws/sso/cache/a-rather-long-name-of-a-file.json: no such file", None),
        ("token: hunter2-abc", "token: ***"),
        ('{"id_token": "hunter2-abc", "x": 1}', '{"id_token": "***", "x": 1}'),
        ("Authorization: Bearer hunter2-abc", "Authorization: ***"),
        ("AWS_SECRET_ACCESS_KEY is odd", "AWS_SECRET_ACCESS_KEY is odd"),
        ("https://ann:hunter2@example.org/x", "https://***@example.org/x"),
        ("got eyJhbGciOiJSUzI1NiIsImtpZCI6IjEifQ.eyJzdWIiOiJhIn0.c2lnbmF0dXJl back", "got *** back"),
    ],
)
def test_redact(text: str, shown: str | None) -> None:
    assert redact(text) == (text if shown is None else shown)


def test_redact_keeps_the_end() -> None:
    assert redact("x " * 500 + "the end").endswith("the end")
    assert len(redact("x " * 500)) <= 303


def test_a_field_annotated_str_holds_a_secret() -> None:
    class Holder(msgspec.Struct):
        token: str

    assert "hunter2" not in repr(Holder(Secret("hunter2")))
