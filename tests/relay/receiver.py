"""An HTTP receiver that answers as it is told, and the command line as a process."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Self

from support.httpserver import Handler, HttpServer

Done = subprocess.CompletedProcess[str]


class Receiver:
    """An HTTP server that answers as it is told, and keeps what it took."""

    def __init__(self) -> None:
        self.status = 200
        self.taken: list[tuple[str, str]] = []
        receiver = self

        class Taking(Handler):
            def take(self) -> None:
                body = self.body().decode()
                if receiver.status == 200:
                    receiver.taken.append((self.headers["webhook-id"], body))
                self.answer(receiver.status)

        self._server = HttpServer(Taking)

    @property
    def url(self) -> str:
        """Where it takes webhooks."""
        return f"{self._server.url}/fake-path-secret"

    def __enter__(self) -> Self:
        self._server.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.stop()


def run(*arguments: str, home: Path, given: str = "") -> Done:
    return subprocess.run(
        [sys.executable, "-m", "backup_sentinel", *arguments],
        check=False,
        capture_output=True,
        text=True,
        timeout=60,
        input=given,
        cwd=home,
        env={**os.environ, "HOME": str(home), "KUBECONFIG": str(home / "none")},
    )
