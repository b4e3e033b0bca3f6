"""Files: whole or old, each cluster its own, and never an end of the process."""

import asyncio
import os
import stat
from pathlib import Path

import msgspec
import pytest

from backup_sentinel.export.archive import Folder, folder
from backup_sentinel.export.archive.envelope import CorruptStateError, ForeignStateError
from backup_sentinel.export.archive.folder import FolderError
from backup_sentinel.export.store import SavedCluster
from export.archive.documents import document

HOSTILE = [
    "",
    ".",
    "..",
    "../../etc/passwd",
    "a/b",
    "a\\b",
    "c:d",
    "\0",
    "x" * 300,
    "prod\n",
    "生产",
    "-rf",
    ".lock",
]


def file_of(path: Path) -> Path:
    [file] = path.glob("*.gz")
    return file


async def test_what_was_saved_is_loaded_by_the_next_process(tmp_path: Path) -> None:
    known = document(schedules=2)
    archive = Folder(tmp_path / "made" / "when needed")
    assert await archive.load("prod") is None
    stored, size = await archive.save(known)
    assert (stored, size) == (known, file_of(tmp_path / "made" / "when needed").stat().st_size)
    assert await Folder(tmp_path / "made" / "when needed").load("prod") == known


@pytest.mark.parametrize("name", HOSTILE)
async def test_hostile_names_of_clusters_stay_inside(name: str, tmp_path: Path) -> None:
    inside = tmp_path / "state"
    archive = Folder(inside)
    await archive.save(document(name))
    await archive.save(document("another"))
    assert (await Folder(inside).load(name)) == document(name)
    assert {path.name for path in tmp_path.iterdir()} == {"state"}
    assert len([path for path in inside.iterdir() if path.suffix == ".gz"]) == 2


async def test_names_that_look_alike_have_files_of_their_own(tmp_path: Path) -> None:
    archive = Folder(tmp_path)
    names = ["a/b", "a_b", "A_b", "a:b", "x" * 40 + "1", "x" * 40 + "2"]
    for name in names:
        await archive.save(document(name))
    assert len(list(tmp_path.glob("*.gz"))) == len(names)


async def test_a_corrupt_file_is_put_aside(tmp_path: Path) -> None:
    await Folder(tmp_path).save(document())
    file = file_of(tmp_path)
    file.write_bytes(b"garbage")
    archive = Folder(tmp_path)
    with pytest.raises(CorruptStateError):
        await archive.load("prod")
    assert file.with_suffix(".corrupt").read_bytes() == b"garbage"
    assert await archive.load("prod") is None
    await archive.save(document())
    assert await Folder(tmp_path).load("prod") == document()


async def test_a_file_of_another_cluster_is_not_used(tmp_path: Path) -> None:
    await Folder(tmp_path).save(document("staging"))
    staging = file_of(tmp_path)
    await Folder(tmp_path).save(document("prod"))
    prod = next(file for file in tmp_path.glob("*.gz") if file != staging)
    prod.write_bytes(staging.read_bytes())
    stored, _ = await Folder(tmp_path).save(document("prod"))
    assert stored == document("prod"), "nothing of it is merged"
    prod.write_bytes(staging.read_bytes())
    with pytest.raises(ForeignStateError):
        await Folder(tmp_path).load("prod")


async def test_two_processes_merge_what_the_other_wrote(tmp_path: Path) -> None:
    one, other = Folder(tmp_path), Folder(tmp_path)
    ahead, behind = document(schedules=2, counted=3), document(schedules=1, counted=1)
    await one.save(ahead)
    merged, _ = await other.save(behind)
    assert [stream.totals for stream in merged.streams] == [stream.totals for stream in ahead.streams]
    again, _ = await one.save(ahead)
    assert again.streams == merged.streams
    assert again == await Folder(tmp_path).load("prod")


async def test_a_process_alone_overwrites_what_is_no_more(tmp_path: Path) -> None:
    archive = Folder(tmp_path)
    await archive.save(document(schedules=2))
    await archive.save(document(schedules=1))
    found = await Folder(tmp_path).load("prod")
    assert found is not None
    assert len(found.streams) == 1


async def test_a_crash_between_write_and_rename_leaves_the_old_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    archive = Folder(tmp_path)
    await archive.save(document(counted=1))
    with monkeypatch.context() as crash:
        crash.setattr(Path, "replace", lambda *_: (_ for _ in ()).throw(OSError(5, "Input/output error")))
        with pytest.raises(FolderError, match="Input/output error"):
            await archive.save(document(counted=2))
    assert await Folder(tmp_path).load("prod") == document(counted=1)
    await archive.save(document(counted=2))
    assert await Folder(tmp_path).load("prod") == document(counted=2)


@pytest.mark.parametrize("broken", ["a file in its place", "a folder in place of the file", "not readable"])
async def test_a_folder_that_cannot_be_used_says_so(broken: str, tmp_path: Path) -> None:
    path = tmp_path / "state"
    if broken == "a file in its place":
        path.write_text("in the way")
    else:
        await Folder(path).save(document())
        file = file_of(path)
        if broken == "not readable":
            file.chmod(0)
            if os.geteuid() == 0:
                pytest.skip("root reads everything")
        else:
            file.unlink()
            (file / "in").mkdir(parents=True)
    archive = Folder(path)
    with pytest.raises(FolderError, match=r"cannot (read|write)"):
        await archive.load("prod")
    if broken != "not readable":
        with pytest.raises(FolderError, match="cannot write"):
            await archive.save(document())


async def test_a_process_that_keeps_the_lock_is_not_waited_for_for_ever(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(folder, "PATIENCE", 0.1)
    holder, archive = Folder(tmp_path), Folder(tmp_path)
    with holder._locked():
        task = asyncio.create_task(archive.save(document()))
        with pytest.raises(FolderError, match=r"keeps .* locked"):
            await task
    await archive.save(document())


async def test_several_processes_at_once_lose_no_cluster(tmp_path: Path) -> None:
    archives = [Folder(tmp_path) for _ in range(4)]
    names = [f"cluster-{number}" for number in range(20)]
    await asyncio.gather(*(archive.save(document(name)) for archive in archives for name in names))
    assert [await Folder(tmp_path).load(name) for name in names] == [document(name) for name in names]
    assert not [path for path in tmp_path.iterdir() if path.suffix == ".new"]


async def test_names_with_broken_characters_are_saved_too(tmp_path: Path) -> None:
    odd = SavedCluster(version=1, cluster="prod\x00\x1b[31m")
    await Folder(tmp_path).save(odd)
    assert await Folder(tmp_path).load(odd.cluster) == odd
    assert stat.S_ISREG(file_of(tmp_path).stat().st_mode)
    assert msgspec.json.encode(odd)
