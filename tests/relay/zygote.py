"""A process that has imported the relay and runs it in a child as often as it is asked: each life starts at once.

Speaks lines: `start` answers `started PID`; `wait` answers `ended STATUS` when that child has ended.
"""

import ctypes
import os
import signal
import sys

from backup_sentinel import cli, commands

PR_SET_PDEATHSIG = 1


def main() -> None:
    """Serve until the input ends."""
    config, log = sys.argv[1:]
    commands.parser(["relay"])  # imports what the children need
    child = 0
    for line in sys.stdin:
        if line.strip() == "start":
            child = os.fork()
            if not child:
                live(config, log)
            sys.stdout.write(f"started {child}\n")
        else:
            _, status = os.waitpid(child, 0)
            sys.stdout.write(f"ended {os.waitstatus_to_exitcode(status)}\n")
        sys.stdout.flush()


def live(config: str, log: str) -> None:
    """Be the relay, in a process of its own."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    descriptor = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.dup2(descriptor, 1)
    os.dup2(descriptor, 2)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    code = 70
    try:
        code = cli.main(["relay", "--config", config])
    finally:
        os._exit(code)


if __name__ == "__main__":
    main()
