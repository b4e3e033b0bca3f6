"""Runs the kubeconfig loader as a process of its own.

The `kubernetes` package costs tens of megabytes to import and starts credential plugins without a timeout:
a child takes both away with it when it ends, and it always ends.
"""

import asyncio
import os
import signal
import sys
import tempfile
from contextlib import suppress

import msgspec

from backup_sentinel.errors import AccessError

from .secret import redact

MODULE = "backup_sentinel.kube.loader"


async def ask(request: dict[str, str | None], seconds: float) -> dict[str, object]:
    """Return what the loader answers to `request`, after at most so many seconds.

    The child has a temporary directory of its own, in which the package may leave keys; it is removed
    here, so that a killed child leaves nothing either. Raises AccessError.
    """
    with tempfile.TemporaryDirectory(prefix="backup-sentinel-") as scratch:
        status, answer, complaint = await _run(msgspec.json.encode(request | {"scratch": scratch}), seconds)
    if status == 0:
        with suppress(msgspec.MsgspecError):
            return msgspec.json.decode(answer, type=Reply).unwrap()
    raise AccessError(
        f"the kubeconfig loader ended with status {status}: {redact(complaint.decode(errors='replace'))}"
    )


class Reply(msgspec.Struct):
    """The one line a loader writes: what it found, or why it did not."""

    credentials: dict[str, object] | None = None
    error: str | None = None

    def unwrap(self) -> dict[str, object]:
        """Return the credentials, or raise AccessError."""
        if self.credentials is None:
            raise AccessError(self.error or "the kubeconfig loader found nothing")
        return self.credentials


async def _run(request: bytes, seconds: float) -> tuple[int | None, bytes, bytes]:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        MODULE,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        start_new_session=True,
    )
    finished = False
    try:
        async with asyncio.timeout(seconds):
            answer, complaint = await process.communicate(request)
        finished = True
    except TimeoutError as error:
        raise AccessError(
            f"the kubeconfig was not loaded within {seconds:g} s; does its credential plugin wait for input?"
        ) from error
    finally:
        if not finished:
            await _kill(process)
    return process.returncode, answer, complaint


async def _kill(process: asyncio.subprocess.Process) -> None:
    # The session began with the child, so its group holds the plugins too, also when the child is gone.
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    with suppress(TimeoutError):
        async with asyncio.timeout(5):
            await process.wait()
