"""Packages of brokers are needed by those who have such a channel, and by nobody else."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest

from backup_sentinel.relay.channels import ChannelSettings, MissingPackageError
from backup_sentinel.relay.channels.amqp import AmqpSettings
from backup_sentinel.relay.channels.nats import NatsSettings
from backup_sentinel.relay.rendering import Rendering

PACKAGES = ("aio_pika", "aiormq", "nats", "nkeys")


@pytest.mark.parametrize(
    ("settings", "package"),
    [
        (AmqpSettings(name="x", host="x", username="me", password="fake"), "aio_pika"),
        (NatsSettings(name="x", servers=("nats://x",)), "nats"),
        (NatsSettings(name="x", servers=("nats://x",)), "nkeys"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
async def test_a_package_that_is_missing_is_named_with_the_command_that_installs_it(
    settings: ChannelSettings, package: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    kind = type(settings).__struct_config__.tag
    within = f"backup_sentinel.relay.channels.{kind}."
    for name in [*sys.modules]:
        if name.startswith(within) and not name.endswith(".settings"):
            monkeypatch.delitem(sys.modules, name)
        elif name.partition(".")[0] == package:
            monkeypatch.setitem(sys.modules, name, None)
    blocked: Any = None
    monkeypatch.setitem(sys.modules, package, blocked)
    with pytest.raises(MissingPackageError, match=rf"pip install 'backup-sentinel\[{kind}\]'"):
        settings.open(Rendering())


def test_the_settings_of_all_kinds_need_none_of_them() -> None:
    code = f"import sys, backup_sentinel.config; print([name for name in {PACKAGES} if name in sys.modules])"
    done = subprocess.run(
        [sys.executable, "-c", code], check=True, capture_output=True, text=True, timeout=60
    )
    assert done.stdout.strip() == "[]"
