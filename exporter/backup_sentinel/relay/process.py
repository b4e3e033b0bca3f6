"""One run of a program, within a time, of which nothing is left afterwards."""

import asyncio
import contextlib
import os
import signal
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from backup_sentinel.errors import SentinelError

_LARGEST = 64 << 10
"""Bytes at the end of each output that are kept; what was before is dropped."""


class ProcessError(SentinelError):
    """A program cannot be started; the text says which and why."""


class Outcome(NamedTuple):
    """How a program ended."""

    code: int | None
    """Exit code, negative for a signal; None where it did not end in time."""
    output: str = ""
    errors: str = ""


async def run(
    command: Sequence[str],
    *,
    seconds: float,
    environment: Mapping[str, str] | None = None,
    text: bytes | None = None,
) -> Outcome:
    """Run a command without a shell, with `text` as its input and `environment` beside that of this process.

    It is the head of a process group, which is killed if it lasts too long or nobody waits any more. Raises ProcessError
    where it cannot be started.
    """
    try:
        process = await asyncio.create_subprocess_exec(
            *command,
            stdin=asyncio.subprocess.DEVNULL if text is None else asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env={**os.environ, **(environment or {})},
            start_new_session=True,
        )
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) else "an argument is no text"
        raise ProcessError(f"{command[0]} cannot be run: {why}") from None
    assert process.stdout is not None
    assert process.stderr is not None
    ended = False
    try:
        async with asyncio.timeout(seconds):
            _, output, errors, code = await asyncio.gather(
                _write(process.stdin, text), _read(process.stdout), _read(process.stderr), process.wait()
            )
        ended = True
        return Outcome(code, output, errors)
    except TimeoutError:
        return Outcome(None)
    finally:
        if not ended:  # what it started may live on without it
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            await process.wait()


async def _write(stream: asyncio.StreamWriter | None, text: bytes | None) -> None:
    if stream is None or text is None:
        return
    with contextlib.suppress(BrokenPipeError, ConnectionResetError):  # it need not read what it does not want
        stream.write(text)
        await stream.drain()
    stream.close()


async def _read(stream: asyncio.StreamReader) -> str:
    kept = bytearray()
    while chunk := await stream.read(1 << 14):
        kept += chunk
        del kept[:-_LARGEST]
    return kept.decode("utf-8", "replace")
