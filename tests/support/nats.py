"""A real NATS server with JetStream on a port of its own, configured by a file that can be changed while it runs."""

from __future__ import annotations

import base64
import json
import os
import shutil
import signal
import socket
from pathlib import Path
from typing import Any

import nkeys

from .process import Process, free_port, lack


def binary() -> Path:
    """Return the program; the test is skipped without one, and fails where CI asks for it."""
    found = shutil.which("nats-server") or shutil.which("nats-server", path="/usr/sbin:/usr/local/bin")
    if found is None:
        lack("nats-server is not installed")
    return Path(found)


class NatsServer:
    """Runs nats-server; `config` is merged into its configuration, which is JSON. The port stays the same."""

    def __init__(self, folder: Path, **config: Any) -> None:
        self.folder = folder
        self.config = config
        self.port = free_port()
        self.jetstream = True
        self._process: Process | None = None

    @property
    def address(self) -> str:
        return f"localhost:{self.port}"

    def start(self) -> None:
        """Start, and return when it takes connections. What streams hold is still there."""
        self._write()
        process = Process([binary(), "-c", self._file], self.folder / "nats.log")
        self._process = process
        process.wait_until(self._listens, "nats-server listens", 15)

    def stop(self) -> None:
        """End at once, as a crash does."""
        process, self._process = self._process, None
        if process is not None:
            process.kill()

    def reload(self, **config: Any) -> None:
        """Change the configuration of the running server."""
        assert self._process is not None
        self.config.update(config)
        self._write()
        before = self._reloads()
        os.kill(self._process.pid, signal.SIGHUP)
        self._process.wait_until(lambda: self._reloads() > before, "nats-server reloads", 10)

    @property
    def _file(self) -> Path:
        return self.folder / "nats.conf"

    def _write(self) -> None:
        config: dict[str, Any] = {"host": "127.0.0.1", "port": self.port, **self.config}
        if self.jetstream:
            config["jetstream"] = {
                "store_dir": str(self.folder / "js"),
                "max_mem": 1 << 26,
                "max_file": 1 << 28,
            }
        self._file.write_text(
            json.dumps({name: value for name, value in config.items() if value is not None})
        )

    def _reloads(self) -> int:
        return (self.folder / "nats.log").read_text().count("Reloaded server configuration")

    def _listens(self) -> bool:
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=1) as connection:
                return connection.recv(4) == b"INFO"
        except OSError:
            return False


class Signer:
    """A key that vouches for others, by tokens as NATS has them (docs.nats.io, "Decentralized JWT")."""

    def __init__(self, prefix: int, number: int) -> None:
        self._key = nkeys.from_seed(bytearray(nkeys.encode_seed(bytes([number] * 32), prefix)))
        self.name: str = self._key.public_key.decode()

    def sign(self, subject: str, **claims: Any) -> str:
        """Return a token about a subject."""
        about = {"iat": 1_700_000_000, "iss": self.name, "sub": subject, "name": subject[:8]}
        parts = [{"typ": "JWT", "alg": "ed25519-nkey"}, {**about, "nats": {**claims, "version": 2}}]
        text = ".".join(_base64(json.dumps(part).encode()) for part in parts)
        return f"{text}.{_base64(self._key.sign(text.encode()))}"

    def credentials(self) -> str:
        """Return a file of credentials of a user of this account."""
        seed = nkeys.encode_seed(bytes(range(32)), nkeys.PREFIX_BYTE_USER)
        user = nkeys.from_seed(bytearray(seed)).public_key.decode()
        token = self.sign(user, type="user", subs=-1, data=-1, payload=-1)
        return (
            f"-----BEGIN NATS USER JWT-----\n{token}\n------END NATS USER JWT------\n\n"
            f"-----BEGIN USER NKEY SEED-----\n{seed.decode()}\n------END USER NKEY SEED------\n"
        )


def _base64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")
