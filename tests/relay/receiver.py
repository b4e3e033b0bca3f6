"""An HTTP receiver that answers as it is told, and the command line as a process."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Self

Done = subprocess.CompletedProcess[str]


class Receiver:
    """An HTTP server that answers as it is told, and keeps what it took."""

    def __init__(self) -> None:
        self.status = 200
        self.taken: list[tuple[str, str]] = []
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"])).decode()
                if receiver.status == 200:
                    receiver.taken.append((self.headers["webhook-id"], body))
                self.send_response(receiver.status)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - of http.server
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}/fake-path-secret"
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.server.shutdown()
        self.server.server_close()


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
