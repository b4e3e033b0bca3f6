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


@pytest.mark.parametrize("field", ["ca_file", "token_file", "client_key", "kubeconfig"])
@pytest.mark.parametrize("content", [None, b"", b"\xff\xfe"])
def test_a_file_that_the_configuration_names_must_be_readable(
    field: str, content: bytes | None, tmp_path: Path
) -> None:
    if content is not None:
        (tmp_path / "named").write_bytes(content)
    entry = "" if field == "kubeconfig" else ", api_url: https://k8s.example"
    if field == "client_key":
        (tmp_path / "readable").write_text("PEM", encoding="utf-8")
        entry += ", client_certificate: readable"
    text = f"clusters:\n  - {{name: prod{entry}, {field}: named}}\n"
    (tmp_path / "config.yaml").write_text(text, encoding="utf-8")
    done = run("check", "--config", "config.yaml", home=tmp_path)
    assert done.returncode == 2, done
    reason = {None: "No such file or directory", b"": "is empty", b"\xff\xfe": "it is not text"}[content]
    assert f"config.yaml:2:{text.splitlines()[1].index(': named') + 3}: named" in done.stderr
    assert reason in done.stderr
    done = run("check", "--config", "config.yaml", "--syntax-only", home=tmp_path)
    assert (done.returncode, "config.yaml: ok" in done.stdout) == (0, True), done


def test_the_examples_of_a_profile_are_tried_also_where_its_operator_is_known_already(tmp_path: Path) -> None:
    profile = {
        "operator": "velero",
        "title": "A copy that was changed",
        "documentation": "https://example.org/",
        "resources": [
            {
                "group": "velero.io",
                "versions": ["v1"],
                "kind": "BackupRepository",
                "plural": "backuprepositories",
                "record": "repository",
                "fields": {"ready": "status.ready"},
                "examples": [
                    {"why": "wrong", "object": {"status": {"ready": True}}, "record": {"ready": False}}
                ],
            }
        ],
    }
    (tmp_path / "velero.yaml").write_text(yaml.safe_dump(profile))
    done = run("check", "velero.yaml", home=tmp_path)
    assert (done.returncode, "1 example failed" in done.stderr) == (2, True), done
    assert "profile velero: 1 example, 1 failed\nvelero.yaml:" in done.stdout


def test_the_web_configuration_file_is_checked_too(tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_text("web: {config_file: web.yaml}\n", encoding="utf-8")
    done = run("check", "--config", "config.yaml", home=tmp_path)
    assert "config.yaml:1:20: web.yaml cannot be read" in done.stderr
    (tmp_path / "web.yaml").write_text("tls_server_config: {cert_file: none.pem, key_file: none.pem}\n")
    done = run("check", "--config", "config.yaml", home=tmp_path)
    assert done.returncode == 2
    assert "web.yaml:1:32: cannot be read: No such file" in done.stderr


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
