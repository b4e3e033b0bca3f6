"""The command line. What goes wrong on purpose is said in one line, not by a traceback."""

import os
import sys
import traceback
from collections.abc import Sequence

from . import commands
from .errors import SentinelError


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; return the exit code: 0 fine, 2 for wrong usage, configuration or surroundings, 70 for a defect."""
    given = sys.argv[1:] if arguments is None else list(arguments)
    wanted = given[:1] if given[:1] and given[0] in commands.names() else None
    parsed = commands.parser(wanted).parse_args(given)
    try:
        code: int = parsed.run(parsed)
    except SentinelError as error:
        print(f"backup-sentinel: {error}", file=sys.stderr)
        return 2
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141
    except Exception:  # noqa: BLE001 - exit codes 1 and 2 have a meaning, and this is neither
        traceback.print_exc()
        return 70
    except KeyboardInterrupt:
        return 130
    return code
