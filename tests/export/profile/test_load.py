"""Where profiles come from, and that two of one name are refused."""

from pathlib import Path

import pytest

from backup_sentinel.document import Document
from backup_sentinel.errors import DocumentError
from backup_sentinel.export.profile import load_file, load_profiles
from backup_sentinel.model import Schedule

MINE = """\
operator: mine
title: Mine
documentation: https://example.org/
dialect: kubernetes
resources:
  - {group: g, versions: [v1], kind: K, plural: ks, record: schedule, fields: {crons: spec.cron}}
"""


def test_packaged() -> None:
    profiles = load_profiles()
    assert [profile.operator for profile in profiles] == sorted(profile.operator for profile in profiles)
    [velero] = load_profiles(operators=["velero"])
    assert velero.title == "Velero"
    assert [resource.name for resource in velero.resources] == [
        "backups.velero.io",
        "restores.velero.io",
        "schedules.velero.io",
        "backupstoragelocations.velero.io",
        "podvolumebackups.velero.io",
        "podvolumerestores.velero.io",
        "datauploads.velero.io",
        "datadownloads.velero.io",
        "backuprepositories.velero.io",
        "deletebackuprequests.velero.io",
    ]
    assert {resource.type.verbs for resource in velero.resources} == {("get", "list", "watch")}
    assert [r.type.versions for r in velero.resources if r.type.plural.startswith("data")] == [
        ("v2alpha1",)
    ] * 2


def test_folders_and_inline(tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text(MINE)
    (tmp_path / "..data").mkdir()
    (tmp_path / "notes.txt").write_text("not a profile")
    (tmp_path / ".hidden.yaml").write_text("neither")
    config = Document(
        "profiles:\n  inline:\n    - " + MINE.replace("\n", "\n      ").replace("mine", "yours", 1), "c.yaml"
    )
    part = config.part(("profiles", "inline", 0))
    named: dict[str, object] = {"operator": "third", "title": "T", "documentation": "d", "resources": [
        {"group": "g", "versions": ["v1"], "kind": "K", "plural": "ks", "record": "location"}]}  # fmt: skip
    profiles = load_profiles([str(tmp_path)], inline=[part, named], packaged=False)
    assert [profile.operator for profile in profiles] == ["mine", "third", "yours"]
    assert load_file(tmp_path / "mine.yaml").operator == "mine"


def test_an_inline_profile_is_wrong_in_the_configuration() -> None:
    config = Document(
        "profiles:\n  - " + MINE.replace("\n", "\n    ").replace("spec.cron", "spec..cron"), "c.yaml"
    )
    with pytest.raises(DocumentError) as caught:
        load_profiles(inline=[config.part(("profiles", 0))], packaged=False)
    assert (caught.value.file, caught.value.line, caught.value.column) == ("c.yaml", 7, 96)


def test_two_of_one_name(tmp_path: Path) -> None:
    (tmp_path / "velero.yaml").write_text(MINE.replace("mine", "velero"))
    with pytest.raises(DocumentError) as caught:
        load_profiles([tmp_path])
    assert caught.value.message == "the operator `velero` is described twice"
    assert caught.value.hint == "the first is in profiles/velero.yaml; give yours another name"


def test_the_file_has_the_name_of_the_operator(tmp_path: Path) -> None:
    (tmp_path / "other.yaml").write_text(MINE)
    for load in (lambda: load_profiles([tmp_path]), lambda: load_file(tmp_path / "other.yaml")):
        with pytest.raises(DocumentError, match=r"other\.yaml:1:11: the file is named `other`"):
            load()
    (tmp_path / "other.yaml").write_text(MINE.replace("operator: mine\n", ""))
    with pytest.raises(DocumentError, match=r"other\.yaml:1:1: `operator` is missing"):
        load_file(tmp_path / "other.yaml")


def test_what_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(DocumentError, match="the folder of profiles cannot be read: No such file"):
        load_profiles([tmp_path / "nowhere"])
    (tmp_path / "mine.yaml").write_bytes(b"\xff")
    with pytest.raises(DocumentError, match="is not UTF-8"):
        load_profiles([tmp_path])
    with pytest.raises(DocumentError, match="cannot be read: No such file"):
        load_file(tmp_path / "missing.yaml")


def test_names_nobody_has() -> None:
    with pytest.raises(DocumentError) as caught:
        load_profiles(operators=["valero"])
    assert (caught.value.message, caught.value.hint) == (
        "no profile is named `valero`",
        "did you mean `velero`?",
    )
    with pytest.raises(DocumentError, match="no profile is named `valero`"):
        load_profiles(dialects={"valero": "go-cron"})


def test_a_dialect_that_nobody_speaks() -> None:
    with pytest.raises(DocumentError, match="`go-crone`, for `velero`, is no dialect of crons") as caught:
        load_profiles(dialects={"velero": "go-crone"})
    assert "did you mean `go-cron`?" in str(caught.value)


def test_the_dialect_is_a_setting() -> None:
    raw = b'{"metadata":{"name":"s","namespace":"velero"},"spec":{"schedule":"0 1 * * *"}}'
    for dialects, expected in (({}, "robfig"), ({"velero": "go-cron"}, "go-cron")):
        [velero] = load_profiles(operators=["velero"], dialects=dialects)
        resource = next(r for r in velero.resources if r.type.kind == "Schedule")
        [schedule] = velero.reader("", resource, lambda: 0.0).item(raw).value.records
        assert isinstance(schedule, Schedule)
        assert schedule.dialect == expected
