"""Kubeconfigs of Secrets as files, because the loader reads files and is a process of its own."""

import hashlib
import os
import tempfile
from contextlib import suppress
from pathlib import Path

from backup_sentinel.kube.secret import Secret


class Folder:
    """Keeps texts as files that only this process's user can read, each as long as its Secret is there.

    Another text is another path, so that settings that differ compare as different.
    """

    def __init__(self) -> None:
        self._folder: Path | None = None
        self._files: dict[object, Path] = {}

    def hold(self, key: object, text: Secret) -> str:
        """Keep a kubeconfig for `key`, instead of the one that was kept for it; return its path.

        Raises OSError where there is no place for temporary files.
        """
        if self._folder is None:
            self._folder = Path(tempfile.mkdtemp(prefix="backup-sentinel-"))
        content = text.reveal()
        digest = hashlib.sha256(f"{key!r} {content}".encode()).hexdigest()
        path = self._folder / digest[:32]
        if self._files.get(key) != path:
            with os.fdopen(
                os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8"
            ) as file:
                file.write(content)
            self.drop(key)
            self._files[key] = path
        return str(path)

    def drop(self, key: object) -> None:
        """Remove what is kept for `key`, if anything is."""
        path = self._files.pop(key, None)
        if path is not None:
            path.unlink(missing_ok=True)

    def close(self) -> None:
        """Remove everything."""
        for key in list(self._files):
            self.drop(key)
        if self._folder is not None:
            with suppress(OSError):
                self._folder.rmdir()
            self._folder = None
