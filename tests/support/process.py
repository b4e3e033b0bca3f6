"""Child processes of tests: found, started, waited for, and gone when the tests are."""

from __future__ import annotations

import ctypes
import os
import random
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import IO, NoReturn, TypeVar

import pytest

TOOLS = Path(__file__).resolve().parents[2] / ".tools" / "bin"
"""Where the built tools are."""

POLL_SECONDS = 0.02
TAIL_BYTES = 4000
PR_SET_PDEATHSIG = 1
UNPRIVILEGED_PORTS = range(20_000, 32_000)

T = TypeVar("T")


class ServerError(RuntimeError):
    """A server did not start, did not answer, or ended by itself."""


def require(tool: str) -> Path:
    """Return the path of a built tool; without it skip the test, or fail it where CI is "true"."""
    path = TOOLS / tool
    if not path.is_file():
        lack(f"{tool} is not built; build it with: make tools")
    return path


def lack(reason: str) -> NoReturn:
    """Skip the test for want of a program, or fail it where CI is "true"."""
    if os.environ.get("CI") == "true":
        pytest.fail(reason, pytrace=False)
    pytest.skip(reason)


def wait_until(check: Callable[[], T | None], what: str, timeout: float = 30.0) -> T:
    """Return the first result of `check` that is neither None nor False, asking until the timeout."""
    deadline = time.monotonic() + timeout
    while True:
        found = check()
        if found is not None and found is not False:
            return found
        if time.monotonic() >= deadline:
            raise TimeoutError(f"waited {timeout:g} s in vain: {what}")
        time.sleep(POLL_SECONDS)


def free_port() -> int:
    """Return a port of the loopback interface that nobody listens on.

    It lies outside the range from which systems take the ports of outgoing connections, so that
    a server that is down for a moment finds it free again.
    """
    # Not the shared generator: tests seed it, and two workers would take the same ports one after the other.
    for port in random.SystemRandom().sample(UNPRIVILEGED_PORTS, 100):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise ServerError("no free port found")


def _die_with_parent() -> Callable[[], None] | None:
    """Return what makes a child end with the thread that started it, where the system can do that."""
    if sys.platform != "linux":
        return None
    prctl = ctypes.CDLL(None, use_errno=True).prctl
    parent = os.getpid()

    def ask() -> None:
        prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        if os.getppid() != parent:  # It died in between.
            os._exit(1)

    return ask


class Process:
    """A child process that logs into a file.

    With `control` the child has pipes as standard input and output and is expected to end when
    its input ends, which happens when this process is gone. Without it the system kills the child
    at the end of the thread that started it: start such a child in a thread that lives on.
    """

    def __init__(
        self,
        command: Sequence[str | Path],
        log: Path,
        *,
        control: bool = False,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self.name = Path(command[0]).name
        self.log = log
        self._control = control
        with log.open("ab") as sink:
            self._popen = subprocess.Popen(
                [str(part) for part in command],
                stdin=subprocess.PIPE if control else subprocess.DEVNULL,
                stdout=subprocess.PIPE if control else sink,
                stderr=sink,
                env={**os.environ, **(environment or {})},
                preexec_fn=None if control else _die_with_parent(),  # noqa: PLW1509 - one system call
            )

    @property
    def pid(self) -> int:
        """The number of the process."""
        return self._popen.pid

    @property
    def running(self) -> bool:
        """Whether the process runs."""
        return self._popen.poll() is None

    @property
    def stdin(self) -> IO[bytes]:
        """The standard input of a child with `control`."""
        assert self._popen.stdin is not None
        return self._popen.stdin

    @property
    def stdout(self) -> IO[bytes]:
        """The standard output of a child with `control`."""
        assert self._popen.stdout is not None
        return self._popen.stdout

    def wait_until(self, check: Callable[[], T | None], what: str, timeout: float = 30.0) -> T:
        """Wait as `wait_until` does, but not for a process that has ended; show its log on failure."""

        def check_alive() -> T | None:
            found = check()
            if not found and not self.running:
                raise self.error(f"ended before this: {what}")
            return found

        try:
            return wait_until(check_alive, what, timeout)
        except TimeoutError as error:
            raise self.error(str(error)) from None

    def tail(self) -> str:
        """Return the end of the log."""
        with self.log.open("rb") as log:
            log.seek(max(0, self.log.stat().st_size - TAIL_BYTES))
            return log.read().decode(errors="replace")

    def error(self, message: str) -> ServerError:
        """Return an error that shows the state of the process and the end of its log."""
        code = self._popen.poll()
        state = "running" if code is None else f"ended with {code}"
        return ServerError(f"{self.name} ({state}): {message}\n--- end of {self.log}\n{self.tail()}")

    def stop(self, timeout: float = 20.0) -> int:
        """End the process in the ordinary way and return its exit code; kill it if that takes too long."""
        if self.running:
            self._popen.terminate()
        try:
            return self._popen.wait(timeout)
        except subprocess.TimeoutExpired:
            error = self.error(f"did not end within {timeout:g} s of SIGTERM")
            self._popen.kill()
            raise error from None
        finally:
            self._close()

    def kill(self) -> None:
        """End the process as a crash would (SIGKILL)."""
        self._popen.kill()
        self._close()

    def _close(self) -> None:
        self._popen.wait()
        for pipe in (self._popen.stdin, self._popen.stdout):
            if pipe is not None:
                pipe.close()
