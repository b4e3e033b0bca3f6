"""A real file system of its own, which can be filled up, and which goes read-only as one does when its disk fails."""

from __future__ import annotations

import errno
import os
import subprocess
from pathlib import Path

from .process import wait_until

MEGABYTE = 1 << 20
BLOCK = 4096


class MountError(RuntimeError):
    """This process may not mount, or has no loop devices."""


class Disk:
    """An ext4 file system in a file, mounted at `folder` until `remove`."""

    def __init__(self, folder: Path, megabytes: int = 16) -> None:
        """Raises MountError where that cannot be done."""
        self.folder = folder / "disk"
        self._image = folder / "disk.img"
        with self._image.open("wb") as image:
            image.truncate(megabytes * MEGABYTE)
        self.folder.mkdir()
        _run("mkfs.ext4", "-q", "-F", "-m", "0", "-b", f"{BLOCK}", self._image)
        self.mount()

    def mount(self) -> None:
        """Mount it for reading and writing; a file system that had errors is repaired."""
        _run("mount", "-o", "loop,errors=remount-ro", self._image, self.folder)

    def unmount(self) -> None:
        """Unmount it; nothing may be open."""
        _run("umount", self.folder)

    def repair(self) -> None:
        """Do what an administrator does after `fail`."""
        self.unmount()
        # 1 means that errors were corrected.
        done = subprocess.run(["e2fsck", "-f", "-y", str(self._image)], check=False, capture_output=True)
        assert done.returncode in {0, 1}, done.stdout.decode()
        self.mount()

    def fail(self) -> None:
        """Have the kernel meet an error, upon which it allows no more writing, whatever is open."""
        Path("/sys/fs/ext4", self._device(), "trigger_fs_error").write_text("test")
        wait_until(self._refuses, "the file system is read-only")

    def protect(self) -> None:
        """Mount it read-only; nothing may be open for writing."""
        _run("mount", "-o", "remount,ro", self.folder)

    def fill(self) -> None:
        """Take all the space that is left."""
        with (self.folder / "filler").open("ab", buffering=0) as filler:
            for size in (MEGABYTE, BLOCK):
                while _grow(filler.fileno(), size):
                    pass
            os.fsync(filler.fileno())

    def free(self) -> None:
        """Give the space back."""
        (self.folder / "filler").unlink()

    def remove(self) -> None:
        """Unmount it for good, also under those who have something open."""
        subprocess.run(["umount", "-l", str(self.folder)], check=False, capture_output=True)

    def _device(self) -> str:
        found = subprocess.run(
            ["losetup", "-n", "-O", "NAME", "-j", str(self._image)],
            check=True,
            capture_output=True,
            text=True,
        )
        return Path(found.stdout.split()[0]).name

    def _refuses(self) -> bool:
        try:
            (self.folder / "probe").touch()
        except OSError as error:
            return error.errno == errno.EROFS
        return False


def _grow(descriptor: int, size: int) -> bool:
    """Write so many bytes; False where there is no room for them."""
    try:
        return os.write(descriptor, bytes(size)) == size
    except OSError as error:
        if error.errno != errno.ENOSPC:
            raise
        return False


def _run(*command: str | Path) -> None:
    try:
        subprocess.run([str(part) for part in command], check=True, capture_output=True, text=True)
    except FileNotFoundError as error:
        raise MountError(f"{error.filename} is not installed") from None
    except subprocess.CalledProcessError as error:
        raise MountError(f"{command[0]}: {error.stderr.strip()}") from None
