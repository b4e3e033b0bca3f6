"""`backup-sentinel demo --relay` as a process: an alert arrives in the mail box and in the chat room, with and without Alertmanager."""

from __future__ import annotations

import mailbox
import os
import re
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest

from support.alertmanager import oldest
from support.process import Process, lack, wait_until

SECONDS = 60.0


def get(url: str) -> str:
    with urllib.request.urlopen(url, timeout=10) as answer:
        text: str = answer.read().decode()
    return text


def command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "backup_sentinel", *arguments]


@pytest.mark.parametrize("program", ["", "prometheus-alertmanager"])
def test_an_alert_arrives_as_mail_and_in_the_chat(
    program: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "bin"
    folder.mkdir()
    if program:
        (folder / program).symlink_to(oldest(program) or lack(f"{program} of Debian is not installed"))
    monkeypatch.setenv("PATH", str(folder))
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    log = tmp_path / "demo.log"
    demo = Process(command("demo", "--relay", "--listen", "127.0.0.1:0", "--tick", "1h"), log)
    try:
        demo.wait_until(lambda: "End it with" in log.read_text(), "the demo says where to look", SECONDS)
        told = log.read_text()
        assert ("A real Alertmanager" in told) is bool(program)
        assert ("No Alertmanager is installed" in told) is not bool(program)
        [inbox] = re.findall(r"(http://\S+)/ +the mail box", told)
        [relay] = re.findall(r"(http://\S+/metrics) +what Prometheus scrapes of the relay", told)
        demo.wait_until(
            lambda: "KubeBackupFailed" in get(inbox).partition("<h2>Chat")[2], "in the chat", SECONDS
        )
        [config] = re.findall(r"--config (\S+)", told)
        box = mailbox.Maildir(Path(config).parent / "mail", create=False)
        wait_until(lambda: any("KubeBackupFailed" in str(mail["Subject"]) for mail in box), "in the mail box")
        delivered = re.compile(r'relay_deliveries_total\{channel="mail",result="delivered"\} [1-9]')
        wait_until(lambda: delivered.search(get(relay)), "it is counted")
        done = subprocess.run(
            command("deadletters", "list", "--config", config),
            capture_output=True, text=True, check=False, timeout=60,
        )  # fmt: skip
        assert (done.returncode, done.stdout) == (0, "No dead letters.\n"), done
    finally:
        code = demo.stop()
    assert code == 0, log.read_text()
    assert "Traceback" not in log.read_text()
    assert not Path(config).parent.exists()


def test_a_demo_with_passwords_has_no_relay(tmp_path: Path) -> None:
    (tmp_path / "web.yaml").write_text("{}")
    (tmp_path / "config.yaml").write_text("web: {config_file: web.yaml}\n")
    done = subprocess.run(
        command("demo", "--relay", "--config", "config.yaml"),
        cwd=tmp_path, capture_output=True, text=True, check=False, timeout=60, env=dict(os.environ),
    )  # fmt: skip
    assert (done.returncode, "--relay is for a demo without `web.config_file`" in done.stderr) == (2, True), (
        done
    )


def test_a_port_that_is_taken_is_said(tmp_path: Path) -> None:
    from backup_sentinel.serving import bind

    taken = bind("127.0.0.1:0")
    port = taken.getsockname()[1]
    done = subprocess.run(
        command("demo", "--relay", "--listen", f"127.0.0.1:{port - 2}"),
        cwd=tmp_path, capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    taken.close()
    assert (done.returncode, f"cannot listen on 127.0.0.1:{port}" in done.stderr) == (2, True), done
