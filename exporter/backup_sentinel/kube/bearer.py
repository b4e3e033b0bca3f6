"""A token in a file that somebody else renews, such as the kubelet for the pods of its node."""

import os
from pathlib import Path

from backup_sentinel.errors import AccessError


class TokenFile:
    """Reads the file again when it was replaced or written, and keeps the last token where it cannot."""

    def __init__(self, path: str) -> None:
        self._path = Path(path).expanduser()
        self._seen: tuple[int, int, int] | None = None
        self._token = ""

    def __repr__(self) -> str:
        return f"TokenFile({str(self._path)!r})"

    def read(self) -> str:
        """Return the token, without white space. Raises AccessError while there has never been one."""
        try:
            state = os.stat(self._path)  # noqa: PTH116 - through the links with which a volume is renewed
            seen = (state.st_ino, state.st_mtime_ns, state.st_size)
            if seen != self._seen:
                token = self._path.read_text("utf-8").strip()
                self._token, self._seen = token or self._token, seen
        except (OSError, UnicodeDecodeError) as error:
            if not self._token:
                reason = error.strerror if isinstance(error, OSError) else "not text"
                raise AccessError(f"cannot read the token file {self._path}: {reason}") from error
        if not self._token:
            raise AccessError(f"the token file {self._path} is empty")
        if not self._token.isprintable():
            raise AccessError(f"the token file {self._path} holds more than a token")
        return self._token
