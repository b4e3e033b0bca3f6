"""A real Redis on a port and a socket of its own, with or without a password, that keeps nothing."""

from __future__ import annotations

import shutil
import socket
from pathlib import Path
from typing import TYPE_CHECKING

from .process import Process, free_port, lack

if TYPE_CHECKING:
    from redis import Redis


def binary() -> Path:
    """Return the program; the test is skipped without one, and fails where CI asks for it."""
    found = shutil.which("redis-server")
    if found is None:
        lack("redis-server is not installed")
    return Path(found)


class RedisServer:
    """Runs redis-server with `lines` in its configuration."""

    def __init__(self, folder: Path, *lines: str, password: str | None = None) -> None:
        self.folder = folder
        self.port = free_port()
        self.password = password
        self._lines = lines
        self._process: Process | None = None

    @property
    def socket(self) -> Path:
        """The Unix socket."""
        return self.folder / "redis.sock"

    def start(self) -> None:
        """Start, and return when it answers on both ways."""
        lines = [
            "bind 127.0.0.1",
            f"port {self.port}",
            f"unixsocket {self.socket}",
            f"dir {self.folder}",
            'save ""',
            "appendonly no",
            *([f"requirepass {self.password}"] if self.password else []),
            *self._lines,
        ]
        config = self.folder / "redis.conf"
        config.write_text("\n".join(lines) + "\n", encoding="utf-8")
        self._process = Process([binary(), config], self.folder / "redis.log")
        self._process.wait_until(self._answers, "redis-server answers", 15)

    def stop(self) -> None:
        """End at once."""
        process, self._process = self._process, None
        if process is not None:
            process.kill()

    def client(self) -> Redis:
        """Return a client; close it."""
        from redis import Redis

        return Redis(host="127.0.0.1", port=self.port, password=self.password, decode_responses=True)

    def _answers(self) -> bool:
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=1) as connection:
                connection.sendall(b"PING\r\n")
                return connection.recv(1) in {b"+", b"-"} and self.socket.exists()
        except OSError:
            return False
