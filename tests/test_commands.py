"""Commands end with one line and the right exit code, whatever is at the other end."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml


def run(*arguments: str, home: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "backup_sentinel", *arguments],
        check=False,
        capture_output=True,
        text=True,
        timeout=60,
        cwd=home,
        env={**os.environ, "HOME": str(home), "KUBECONFIG": str(home / "none")},
    )


@contextlib.contextmanager
def listener(answer: bytes | None) -> Iterator[str]:
    """A server that answers each connection with the same bytes, or with None never."""
    ending = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0.05)
        held: list[socket.socket] = []

        def serve() -> None:
            while not ending.is_set():
                with contextlib.suppress(TimeoutError):
                    client, _ = server.accept()
                    held.append(client)
                    if answer is not None:
                        client.sendall(answer)
                        client.close()

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.getsockname()[1]}"
        finally:
            ending.set()
            thread.join()
            for client in held:
                client.close()


HTML = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 6\r\nConnection: close\r\n\r\n<html>"


@pytest.mark.parametrize("answer", [None, HTML, b"garbage\r\n\r\n"])
def test_a_cluster_that_cannot_be_seen_is_critical(answer: bytes | None, tmp_path: Path) -> None:
    with listener(answer) as url:
        config = {"clusters": [{"name": "dark", "api_url": url}]}
        (tmp_path / "config.yaml").write_text(yaml.safe_dump(config), encoding="utf-8")
        done = run("status", "--config", "config.yaml", "--timeout", "1.5", home=tmp_path)
    assert done.returncode in {1, 2} if answer is HTML else done.returncode == 2, done
    assert "Traceback" not in done.stderr
    assert "dark" in done.stdout


@pytest.mark.parametrize("answer", [HTML, b"garbage\r\n\r\n", b""])
def test_an_exporter_that_is_none_is_one_line(answer: bytes, tmp_path: Path) -> None:
    with listener(answer) as url:
        done = run("status", "--url", url.replace("http://", "http://user:s3cr3t@"), home=tmp_path)
    assert done.returncode == 2
    assert done.stderr.startswith("backup-sentinel: ")
    assert "s3cr3t" not in done.stderr + done.stdout


@pytest.mark.parametrize("url", ["localhost:9950", "http://localhost:99x", "http://localhost/a b", "ftp://x"])
def test_a_url_that_is_none_is_one_line(url: str, tmp_path: Path) -> None:
    done = run("status", "--url", url, home=tmp_path)
    assert done.returncode == 2
    assert len(done.stderr.splitlines()) == 1


def test_no_kubeconfig_is_said_once(tmp_path: Path) -> None:
    done = run("status", home=tmp_path)
    assert done.returncode == 2
    assert done.stdout.count("no kubeconfig at") <= 2, done.stdout  # once for each API version


def test_generated_files_belong_to_the_repository(tmp_path: Path) -> None:
    done = run("generate", "all", home=tmp_path)
    assert done.returncode == 2
    assert "--root" in done.stderr
    assert not list(tmp_path.iterdir())


def test_each_command_explains_itself(tmp_path: Path) -> None:
    told = run("--help", home=tmp_path).stdout
    for command in ("export", "demo", "check", "status", "generate"):
        assert command in told
        assert run(command, "--help", home=tmp_path).returncode == 0
