"""`backup-sentinel status` against an exporter: what it prints, how it ends, and who may ask."""

from __future__ import annotations

import fcntl
import http.server
import json
import os
import pty
import re
import struct
import subprocess
import sys
import termios
import threading
from collections.abc import Iterator
from pathlib import Path

import bcrypt
import pytest

from backup_sentinel.model import FailureReason
from export.store.world import DAY, FAILED, HOUR, PARTIAL, World, key, location, run, schedule
from export.web.kit import NOW, fleet, hostile, served
from serving.certificates import Authority

COMMAND = [sys.executable, "-m", "backup_sentinel", "status"]
CLEAN = {
    name: value for name, value in os.environ.items() if not name.endswith("_COLOR") and name != "COLUMNS"
}


def status(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*COMMAND, *arguments],
        check=False,
        capture_output=True,
        text=True,
        timeout=60,
        env={**CLEAN, **environment},
    )


def on_terminal(*arguments: str, columns: int, **environment: str) -> str:
    """Run on a terminal of so many columns; return what it shows."""
    main, other = pty.openpty()
    fcntl.ioctl(other, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    known = {**CLEAN, "TERM": "xterm", **environment}
    with subprocess.Popen([*COMMAND, *arguments], stdout=other, stderr=other, env=known) as process:
        os.close(other)
        shown = b""
        while True:
            try:
                part = os.read(main, 1 << 16)
            except OSError:  # Linux says so when the other end is closed
                break
            if not part:
                break
            shown += part
        process.wait(60)
    os.close(main)
    return shown.decode().replace("\r\n", "\n")


def bare(shown: str) -> str:
    """Return what is shown without its colours."""
    return re.sub(r"\x1b\[\d+m", "", shown)


def world_of(outcome: str) -> World:
    world = World()
    world.now = NOW
    for word in ("schedule", "run"):
        world.list(world.feed(word))
    world.put(schedule(created=NOW - 30 * DAY), run(NOW - 6 * HOUR, of=key()))
    if outcome == "warning":
        world.put(run(NOW - HOUR, PARTIAL))
    if outcome == "critical":
        world.put(run(NOW - HOUR, FAILED))
    return world


@pytest.mark.parametrize(("outcome", "code"), [("ok", 0), ("warning", 1), ("critical", 2)])
def test_the_exit_code_tells_how_it_is(outcome: str, code: int) -> None:
    with served(world_of(outcome)) as site:
        done = status("--url", site.server.url)
        quiet = status("--url", site.server.url, "--state", "paused")
    assert (done.returncode, done.stdout.splitlines()[1].split()[0]) == (code, outcome)
    assert (quiet.returncode, quiet.stdout) == (code, "No schedules found.\n")


def test_what_was_asked_for_by_name_and_is_not_there_is_critical() -> None:
    with served(world_of("ok")) as site:
        done = status("--url", site.server.url, "--schedule", "dayly")
    assert done.returncode == 2
    assert "nothing has the labels" in done.stderr


def test_a_table_a_list_of_names_and_json() -> None:
    with served(fleet()) as site:
        url = site.server.url
        table = status("--url", url).stdout
        wide = status("--url", url, "-o", "wide", "--cluster", "").stdout
        names = status("--url", url, "-o", "name", "--state", "problem").stdout
        told = json.loads(status("--url", url, "-o", "json", "-n", "velero").stdout)
    assert table.splitlines()[0].split()[:3] == ["STATE", "CLUSTER", "OPERATOR"]
    assert "credentials; the last run failed" in table
    assert "AccessDenied: password=*** was refused" in wide
    assert "AccessDenied" not in table
    assert names == "/velero/shop-backups/shop/backup\n"
    assert {row["schedule"] for row in told["schedules"]} == {"nightly", "idle", ""}


def test_more_schedules_than_one_answer_holds() -> None:
    world = World()
    for n in range(1003):
        world.put(schedule(of=key(f"s{n}")))
    with served(world) as site:
        names = status("--url", site.server.url, "-o", "name").stdout.splitlines()
    assert len(set(names)) == 1003


def test_colour_and_width_on_a_terminal_only() -> None:
    with served(fleet()) as site:
        url = site.server.url
        plain = status("--url", url).stdout
        forced = status("--url", url, FORCE_COLOR="1").stdout
        shown = on_terminal("--url", url, columns=78)
        grey = on_terminal("--url", url, columns=78, NO_COLOR="1")
    assert "\x1b" not in plain + grey
    assert "\x1b[31mcritical\x1b[0m" in forced
    assert "\x1b[31mcritical\x1b[0m" in shown
    assert max(map(len, grey.splitlines())) <= 78
    assert "…" in grey
    assert max(map(len, plain.splitlines())) > 78


@pytest.mark.parametrize("columns", [40, 80, 120, 200])
def test_the_table_fits_and_tells_names_apart_that_differ_at_the_end(columns: int) -> None:
    world = fleet()
    every = key("volumes-nightly", namespace="longhorn-system")
    world.put(schedule(of=every, created=NOW - 30 * DAY))
    for n in range(3):
        one = key(
            "volumes-nightly", namespace="longhorn-system", target=f"pvc-75a09021-c452-58ba-4cdac891829{n}"
        )
        world.put(run(NOW - HOUR, FAILED, of=one, name=f"backup-{n}"))
    with served(world) as site:
        shown = on_terminal("--url", site.server.url, "--state", "critical", columns=columns)
        lines = [line for line in bare(shown).splitlines() if line.startswith(("STATE", "critical"))]
    assert max(map(len, lines)) <= columns
    assert len(set(lines)) == 5
    assert "WHY" in lines[0]


def test_storage_that_cannot_be_used_is_told_and_counts() -> None:
    world = world_of("ok")
    world.list("location", location("default", available=False, reason=FailureReason.PERMISSION))
    with served(world) as site:
        done = status("--url", site.server.url)
        narrow = status("--url", site.server.url, "--schedule", "daily")
    assert (done.returncode, narrow.returncode) == (2, 0)
    assert done.stdout.endswith("prod: location default in velero is not available (permission)\n")


def test_restores_are_called_so() -> None:
    with served(fleet()) as site:
        lines = status("--url", site.server.url, "--action", "restore").stdout
    assert "(restores)" in lines
    assert "ad hoc" not in lines


@pytest.mark.parametrize("form", ["table", "wide", "name", "json"])
def test_hostile_names_command_no_terminal(form: str) -> None:
    with served(hostile()) as site:
        done = status("--url", site.server.url, "-o", form)
        shown = on_terminal("--url", site.server.url, "-o", form, "--color", "never", columns=100)
    for text in (done.stdout, shown):
        assert text.replace("\n", "").isprintable()
    assert "gnp.exe" in done.stdout


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority.create(tmp_path_factory.mktemp("pki") / "authority")


@pytest.fixture
def password(tmp_path: Path) -> Path:
    path = tmp_path / "password"
    path.write_text("right\n", encoding="utf-8")
    return path


def test_a_protected_exporter_is_asked_with_a_password(
    tmp_path: Path, password: Path, authority: Authority
) -> None:
    pair = authority.sign("server", "DNS:localhost,IP:127.0.0.1", "serverAuth")
    web = {
        "tls_server_config": {"cert_file": str(pair.cert), "key_file": str(pair.key)},
        "basic_auth_users": {"sre": bcrypt.hashpw(b"right", bcrypt.gensalt(4)).decode()},
    }
    with served(fleet("protected"), web=(tmp_path / "web.yaml", web)) as site:
        url = site.server.url
        trust = ("--ca-file", str(authority.root.cert))
        assert "its certificate is not trusted" in status("--url", url).stderr
        assert "--password-file" in status("--url", url, *trust).stderr
        wrong = password.with_name("wrong")
        wrong.write_text("wrong", encoding="utf-8")
        refused = status("--url", url, *trust, "--user", "sre", "--password-file", str(wrong))
        done = status("--url", url, *trust, "--user", "sre", "--password-file", str(password), "-o", "wide")
        inside = status("--url", url.replace("//", "//sre:right@"), *trust)
    assert (refused.returncode, "answered 401" in refused.stderr) == (2, True)
    assert "wrong\n" not in refused.stderr
    assert "AccessDenied" in done.stdout
    assert inside.stdout.startswith("STATE")


def test_a_client_certificate_opens_what_wants_one(tmp_path: Path, authority: Authority) -> None:
    pair = authority.sign("server", "DNS:localhost,IP:127.0.0.1", "serverAuth")
    mine = authority.sign("client", "DNS:sre", "clientAuth")
    tls = {
        "cert_file": str(pair.cert),
        "key_file": str(pair.key),
        "client_ca_file": str(authority.root.cert),
        "client_auth_type": "RequireAndVerifyClientCert",
    }
    with served(fleet("protected"), web=(tmp_path / "web.yaml", {"tls_server_config": tls})) as site:
        trust = ("--url", site.server.url, "--ca-file", str(authority.root.cert))
        assert status(*trust).returncode == 2
        certificate = ("--client-certificate", str(mine.cert), "--client-key", str(mine.key))
        done = status(*trust, *certificate, "-o", "wide")
    assert "AccessDenied" in done.stdout, done.stderr


@pytest.fixture
def elsewhere() -> Iterator[tuple[str, list[str | None]]]:
    """A server that sends everybody to another one, which notes what it is told."""
    told: list[str | None] = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            told.append(self.headers["Authorization"])
            self.send_response(302)
            self.send_header("Location", f"http://localhost:{self.connection.getsockname()[1]}/other")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}", told
        server.shutdown()
        thread.join()


def test_credentials_go_to_nobody_else(elsewhere: tuple[str, list[str | None]], password: Path) -> None:
    url, told = elsewhere
    done = status("--url", url, "--token-file", str(password))
    assert done.returncode == 2
    assert "sends us elsewhere" in done.stderr
    assert told == ["Bearer right"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--user", "sre"), "--password-file"),
        (("--user", "sre", "--password-file", "/nowhere"), "cannot be read"),
        (("--token-file", "/dev/null"), "holds no password or token"),
        (("--ca-file", "/nowhere"), "certificates cannot be used"),
        (("--state", "fine"), "write one of"),
    ],
)
def test_what_cannot_be_used_is_said_in_one_line(arguments: tuple[str, ...], said: str) -> None:
    done = status("--url", "http://127.0.0.1:1", *arguments)
    assert done.returncode == 2
    assert said in done.stderr
    assert len(done.stderr.splitlines()) == 1
