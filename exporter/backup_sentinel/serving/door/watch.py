"""Which files something was read from, and whether one of them is another one by now."""

import time
from pathlib import Path

Stamp = tuple[int, int, int, int, int] | None
"""Device, inode, size, time of content and of inode in nanoseconds; None where there is no file."""


def _stamp(path: Path) -> Stamp:
    try:
        found = path.stat()  # follows links: a mounted Secret is exchanged by a link above its files
    except (OSError, ValueError):  # a path with a zero byte is a ValueError
        return None
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns


class Watch:
    """Remembers the stamp that each file had just before it was read, so that no later change is missed."""

    def __init__(self) -> None:
        self._stamps: dict[Path, Stamp] = {}

    def read(self, path: Path, limit: int = 1 << 20) -> bytes:
        """Return the content. Raises OSError, also for what is longer than `limit` bytes."""
        self._stamps[path] = _stamp(path)
        try:
            with path.open("rb") as file:
                content = file.read(limit + 1)
        except ValueError as error:
            raise OSError(str(error)) from None
        if len(content) > limit:
            raise OSError(f"it is longer than {limit} bytes")
        return content

    def look(self) -> dict[Path, Stamp]:
        """Return the stamps that the files have now."""
        return {path: _stamp(path) for path in self._stamps}

    def changed(self, now: dict[Path, Stamp]) -> bool:
        """Tell whether a file differs from the one that was read."""
        return now != self._stamps

    def keep(self, other: "Watch") -> None:
        """Watch the files of another one too, from now on, where this one does not know them."""
        for path in other.look():
            self._stamps.setdefault(path, _stamp(path))


def young(stamp: Stamp, seconds: float) -> bool:
    """Tell whether a file was written less than so many seconds ago, so that it may not be complete yet."""
    return stamp is not None and 0 <= time.time() - stamp[3] / 1e9 < seconds
