"""install.sh: into an empty root, unattended and on a terminal, updated, and removed again; the unit as systemd reads it."""

from __future__ import annotations

import os
import pty
import re
import shutil
import site
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import pytest

from backup_sentinel.config import parse
from support.process import lack

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "exporter/systemd"
SCRIPT = FOLDER / "install.sh"
UNIT = "backup-sentinel-relay.service"
CONFIG = "etc/backup-sentinel/config.yaml"
ADDRESSES = ("--from", "backups@example.org", "--to", "ops@example.org,boss@example.org")

pytestmark = pytest.mark.timeout(900)


class Installation(NamedTuple):
    """What install.sh needs to work without a package index: a wheel, and what it depends on."""

    wheel: Path
    dependencies: Path

    def run(
        self, root: Path, *arguments: str | Path, path: str | None = None, shell: Sequence[str] = ("sh",)
    ) -> subprocess.CompletedProcess[str]:
        words = [*shell, str(SCRIPT), "--root", str(root), *map(str, arguments)]
        if "--uninstall" not in arguments and "--package" not in arguments:
            words += ["--package", str(self.wheel)]
        return subprocess.run(
            words,
            env=self.environment(path),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=400,
        )

    def environment(self, path: str | None = None) -> dict[str, str]:
        return {
            **os.environ,
            "PIP_COMPILE": "0",
            "PIP_NO_DEPS": "1",
            "PIP_NO_INDEX": "1",
            "PYTHONPATH": str(self.dependencies),
            "PATH": path if path is not None else os.environ["PATH"],
        }


@pytest.fixture(scope="module")
def installation(tmp_path_factory: pytest.TempPathFactory) -> Installation:
    folder = tmp_path_factory.mktemp("installation")
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation"]
    subprocess.run([*command, "--wheel-dir", folder, ROOT], check=True, timeout=400)
    [wheel] = folder.glob("*.whl")
    dependencies = folder / "dependencies"
    dependencies.mkdir()
    for path in Path(site.getsitepackages()[0]).iterdir():
        if not path.name.startswith(("backup_sentinel", "_backup_sentinel", "pip", "__editable__")):
            (dependencies / path.name).symlink_to(path)
    return Installation(wheel, dependencies)


@pytest.fixture(scope="module")
def plain(installation: Installation, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a root in which it is installed, for a host that is no NethServer.

    Its name has a space, and a first run was interrupted, before the environment had pip.
    """
    root = tmp_path_factory.mktemp("plain") / "a root"
    environment = root / "opt/backup-sentinel"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", environment], check=True, timeout=100)
    done = installation.run(root, *ADDRESSES, "--smtp", "mail.example.org")
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.endswith("\nWebhook for Alertmanager: http://127.0.0.1:9951/alertmanager\n")
    return root


def like(other: Path, root: Path) -> Path:
    """Return a root that shares the program of another one, since that is large."""
    root.mkdir(exist_ok=True)
    (root / "opt").symlink_to(other / "opt")
    return root


def test_unattended_into_an_empty_root(plain: Path) -> None:
    found = {
        path.relative_to(plain).as_posix()
        for path in plain.rglob("*")
        if path.is_file() and "opt/backup-sentinel" not in path.as_posix()
    }
    assert found == {CONFIG, f"etc/systemd/system/{UNIT}", "usr/lib/sysusers.d/backup-sentinel.conf"}
    assert (plain / "opt/backup-sentinel/bin/backup-sentinel").is_file()
    config = parse((plain / CONFIG).read_text())
    [mail] = config.relay.channels
    assert mail.to == ("ops@example.org", "boss@example.org")  # type: ignore[attr-defined]
    assert mail.host == "mail.example.org"  # type: ignore[attr-defined]
    assert (mail.port, mail.encryption) == (587, "starttls")  # type: ignore[attr-defined]
    assert config.web.listen == "127.0.0.1:9951"


def test_what_is_installed_runs(installation: Installation, plain: Path) -> None:
    done = subprocess.run(
        [plain / "opt/backup-sentinel/bin/backup-sentinel", "check", "--config", plain / CONFIG],
        env=installation.environment(),
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    assert "1 channel" in done.stdout


@pytest.fixture(scope="module")
def nethserver(installation: Installation, plain: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a root that looks like NethServer 8, with the service in it."""
    root = like(plain, tmp_path_factory.mktemp("nethserver"))
    (root / "etc/nethserver").mkdir(parents=True)
    (root / "etc/nethserver/agent.env").touch()
    done = installation.run(root, *ADDRESSES)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.endswith("\nWebhook for Alertmanager: http://127.0.0.1:9099/alertmanager\n")
    return root


def test_nethserver_8_is_recognized(nethserver: Path) -> None:
    config = parse((nethserver / CONFIG).read_text())
    assert [one.kind for one in config.relay.enrichers] == ["ns8", "correlation", "repository_check"]
    [mail] = config.relay.channels
    assert mail.interface == "ns8-sendmail"  # type: ignore[attr-defined]
    assert mail.to == ("ops@example.org", "boss@example.org")  # type: ignore[attr-defined]
    assert (nethserver / f"etc/systemd/system/{UNIT}.d/nethserver.conf").is_file()


def test_a_second_run_keeps_the_configuration_and_that_the_service_is_not_root(
    installation: Installation, nethserver: Path, tmp_path: Path
) -> None:
    root = like(nethserver, tmp_path / "root")
    shutil.copytree(nethserver / "etc", root / "etc")
    drop_in = root / f"etc/systemd/system/{UNIT}.d/nethserver.conf"
    drop_in.unlink()
    (root / CONFIG).write_text("web: {listen: '127.0.0.1:9999'}\n")
    done = installation.run(root)
    assert done.returncode == 0, done.stderr
    assert "stays as it is" in done.stdout
    assert done.stdout.endswith(": http://127.0.0.1:9999/alertmanager\n")
    assert (root / CONFIG).read_text() == "web: {listen: '127.0.0.1:9999'}\n"
    assert not drop_in.exists()
    assert "without nethserver.conf, and stays so" in done.stdout
    done = installation.run(root, "--nethserver", "yes")
    assert done.returncode == 0, done.stderr
    assert drop_in.exists()


def test_an_update_stops_at_a_configuration_that_is_wrong(
    installation: Installation, plain: Path, tmp_path: Path
) -> None:
    root = like(plain, tmp_path / "root")
    (root / CONFIG).parent.mkdir(parents=True)
    (root / CONFIG).write_text("web: {lisen: '127.0.0.1:9999'}\n")
    done = installation.run(root)
    assert done.returncode == 1
    assert "did you mean `listen`" in done.stderr
    assert "Traceback" not in done.stderr
    assert not (root / "etc/systemd").exists()


def test_a_configuration_of_the_old_monitor_is_taken_over(
    installation: Installation, plain: Path, tmp_path: Path
) -> None:
    root = like(plain, tmp_path / "root")
    old = tmp_path / "config.yml"
    old.write_text("mail: {from: a@example.org, to: b@example.org}\nreceiver: {port: 9100}\n")
    done = installation.run(root, "--import", old)
    assert done.returncode == 0, done.stderr
    assert "http://127.0.0.1:9100/alertmanager" in done.stdout
    (root / CONFIG).unlink()
    old.write_text("mail: {from: a@example.org, to: b@example.org}\nreceiver: {port: none}\n")
    done = installation.run(root, "--import", old)
    assert done.returncode == 1
    assert f"{old}:2:18: expected a whole number, got text" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "wrong"),
    [
        ([], "--from is missing: give --from ADDRESS"),
        (["--from", "a@example.org"], "--to is missing: give --to ADDRESS"),
        (["--from", "nobody", "--to", "b@example.org"], "--from: 'nobody' is no plain mail address"),
        (["--from", "a@example.org", "--to", "b@example.org,x y"], "--to: 'x y' is no plain mail address"),
        (["--from", "a@example.org", "--to", "b@example.org, -x@y"], "is no plain mail address"),
        (["--from", 'a"@example.org', "--to", "b@example.org"], "is no plain mail address"),
        (["--from", "a@example.org,c@example.org", "--to", "b@example.org"], "--from: one address"),
        ([*ADDRESSES, "--smtp", "mail:smtp"], "is not HOST or HOST:PORT"),
        ([*ADDRESSES, "--smtp", "a b"], "is not HOST or HOST:PORT"),
        ([*ADDRESSES, "--nethserver", "maybe"], "--nethserver: yes or no"),
        ([*ADDRESSES, "--smtp", "mail", "--nethserver", "yes"], "--smtp does not go with NethServer 8"),
        (["--import", "/no/such/file"], "/no/such/file cannot be read"),
        (["--frob"], "unknown argument '--frob'"),
        (["--from"], "--from needs a value"),
        ([*ADDRESSES, "--python", "/bin/false"], "/bin/false is not Python 3.11 or newer"),
    ],
)
def test_what_is_wrong_is_said_before_anything_is_changed(
    installation: Installation, tmp_path: Path, arguments: list[str], wrong: str
) -> None:
    root = tmp_path / "root"
    root.mkdir()
    last = arguments if arguments[-1:] == ["--from"] else None
    words = [*(["--package", str(installation.wheel)] if last else []), *arguments]
    done = installation.run(root, *words)
    assert done.returncode == 1
    assert wrong in done.stderr
    assert list(root.iterdir()) == []


def test_without_a_python_it_says_what_to_do(installation: Installation, tmp_path: Path) -> None:
    """The only Python that is found is an old one, played by a program that says no."""
    folder = tmp_path / "bin"
    folder.mkdir()
    for name in ("sh", "dirname", "id", "sed", "cat"):
        found = shutil.which(name)
        assert found
        (folder / name).symlink_to(found)
    old = folder / "python3"
    old.write_text("#!/bin/sh\nexit 1\n")
    old.chmod(0o755)
    root = tmp_path / "root"
    root.mkdir()
    done = installation.run(root, *ADDRESSES, path=str(folder))
    assert done.returncode == 1
    assert "Python 3.11 or newer is needed" in done.stderr
    assert "dnf install python3.11" in done.stderr
    assert list(root.iterdir()) == []


def on_terminal(
    installation: Installation, root: Path, *arguments: str | Path, answers: Sequence[str]
) -> tuple[int, str]:
    """Run it on a terminal, give one answer to each question, and return exit code and what was shown."""
    ours, theirs = pty.openpty()
    command = ["sh", str(SCRIPT), "--root", str(root), *map(str, arguments)]
    process = subprocess.Popen(
        command,
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        env=installation.environment(),
        start_new_session=True,
    )
    os.close(theirs)
    shown, left = b"", list(answers)
    deadline = time.monotonic() + 400
    while time.monotonic() < deadline:
        try:
            chunk = os.read(ours, 4096)
        except OSError:  # the other end is closed
            break
        if not chunk:
            break
        shown += chunk
        if left and shown.rstrip(b" ").endswith(b":"):
            os.write(ours, left.pop(0).encode() + b"\n")
    code = process.wait(20)
    os.close(ours)
    assert not left, f"these were not asked for: {left}\n{shown.decode()}"
    return code, shown.decode()


def test_on_a_terminal_it_asks(installation: Installation, plain: Path, tmp_path: Path) -> None:
    code, shown = on_terminal(
        installation,
        like(plain, tmp_path),
        "--package",
        installation.wheel,
        answers=["backups@example.org", "ops@example.org"],
    )
    assert code == 0, shown
    assert "Sender of mails: " in shown
    assert "Recipients, with commas between them: " in shown
    [mail] = parse((tmp_path / CONFIG).read_text()).relay.channels
    assert mail.from_ == "backups@example.org"  # type: ignore[attr-defined]
    assert (mail.host, mail.port, mail.encryption) == ("localhost", 25, "none")  # type: ignore[attr-defined]


def furnished(root: Path) -> Path:
    """Return a root in which everything lies that is removed, and a drop-in of the operator's own."""
    for name in (
        CONFIG,
        f"etc/systemd/system/{UNIT}",
        f"etc/systemd/system/{UNIT}.d/nethserver.conf",
        f"etc/systemd/system/{UNIT}.d/own.conf",
        "usr/lib/sysusers.d/backup-sentinel.conf",
        "opt/backup-sentinel/bin/backup-sentinel",
        "var/lib/backup-sentinel/relay.db",
    ):
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    return root


KEPT = {CONFIG, "var/lib/backup-sentinel/relay.db"}
OWN = {f"etc/systemd/system/{UNIT}.d/own.conf"}


def files(root: Path) -> set[str]:
    return {path.relative_to(root).as_posix() for path in root.rglob("*") if path.is_file()}


@pytest.mark.parametrize(
    ("answer", "left"), [("y", OWN), ("YES", OWN), ("", OWN | KEPT), ("n", OWN | KEPT), ("what", OWN | KEPT)]
)
def test_uninstall_asks_before_it_removes_the_configuration(
    installation: Installation, tmp_path: Path, answer: str, left: set[str]
) -> None:
    code, shown = on_terminal(installation, furnished(tmp_path), "--uninstall", answers=[answer])
    assert code == 0, shown
    assert "Remove the configuration in /etc/backup-sentinel" in shown
    assert files(tmp_path) == left


@pytest.mark.parametrize(
    ("arguments", "left"), [([], OWN | KEPT), (["--keep"], OWN | KEPT), (["--purge"], OWN)]
)
def test_uninstall_without_a_terminal_keeps_unless_told(
    installation: Installation, tmp_path: Path, arguments: list[str], left: set[str]
) -> None:
    done = installation.run(furnished(tmp_path), "--uninstall", *arguments)
    assert done.returncode == 0, done.stderr
    assert files(tmp_path) == left


def analyze(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    program = shutil.which("systemd-analyze")
    if program is None:
        lack("systemd-analyze is not installed")
    return subprocess.run(
        [program, "--man=no", *map(str, arguments)], capture_output=True, text=True, check=False, timeout=60
    )


def with_systemd(installed: Path, root: Path) -> Path:
    """Return a root with the units of systemd, in which the program is one that only has to be there."""
    if not Path("/usr/lib/systemd/system").is_dir():
        lack("systemd is not installed")
    shutil.copytree(installed / "etc", root / "etc")
    shutil.copytree("/usr/lib/systemd/system", root / "usr/lib/systemd/system", symlinks=True)
    program = root / "opt/backup-sentinel/bin/backup-sentinel"
    program.parent.mkdir(parents=True)
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    return root


@pytest.mark.parametrize("which", ["plain", "nethserver"])
def test_systemd_accepts_the_unit(which: str, request: pytest.FixtureRequest, tmp_path: Path) -> None:
    root = with_systemd(request.getfixturevalue(which), tmp_path / "root")
    done = analyze(f"--root={root}", "verify", f"/etc/systemd/system/{UNIT}")
    assert [line for line in done.stderr.splitlines() if "backup-sentinel" in line] == []


@pytest.mark.parametrize(
    ("file", "old", "new", "noticed"),
    [
        (UNIT, "ProtectHome=yes", "ProtectHome=maybe", "Failed to parse protect home value"),
        (UNIT, "StateDirectory=", "StateDirectroy=", "StateDirectroy"),
        (UNIT, "/opt/backup-sentinel/bin", "/opt/backup-sentinel/sbin", "is not executable"),
        (f"{UNIT}.d/nethserver.conf", "PrivateTmp=", "PrivateTemp=", "PrivateTemp"),
    ],
)
def test_mistakes_in_the_unit_are_noticed(
    nethserver: Path, tmp_path: Path, file: str, old: str, new: str, noticed: str
) -> None:
    root = with_systemd(nethserver, tmp_path / "root")
    path = root / "etc/systemd/system" / file
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))
    assert noticed in analyze(f"--root={root}", "verify", f"/etc/systemd/system/{UNIT}").stderr


def test_the_unit_is_hardened() -> None:
    done = analyze("security", "--offline=true", FOLDER / UNIT)
    found = re.search(r"Overall exposure level for .*: ([0-9.]+)", done.stdout)
    assert found, done.stdout + done.stderr
    assert float(found[1]) < 1.5


def test_the_drop_in_of_nethserver_takes_back_what_stands_in_the_way() -> None:
    unit, drop_in = (FOLDER / UNIT).read_text(), (FOLDER / "nethserver.conf").read_text()
    names = set(re.findall(r"^(\w+)=", unit, re.MULTILINE))
    changed = set(re.findall(r"^(\w+)=", drop_in, re.MULTILINE)) - {"After"}
    assert changed <= names, "a name that the unit does not have takes nothing back"


def test_the_script_is_clean() -> None:
    program = shutil.which("shellcheck")
    if program is None:
        lack("shellcheck is not installed")
    done = subprocess.run([program, SCRIPT], capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stdout


def test_every_option_is_explained() -> None:
    text = SCRIPT.read_text()
    usage, _, rest = text.partition("\nfail() {")
    options = set(re.findall(r"(?<![\w-])--[a-z][a-z-]*(?=[ )|])", rest.partition("while [ $# -gt 0 ]")[2]))
    assert len(options) > 8
    assert {option for option in options if option not in usage} == set()
