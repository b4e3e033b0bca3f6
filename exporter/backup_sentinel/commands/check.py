"""Validate configuration and profiles, and run the profiles' own examples."""

import argparse
import sys
from pathlib import Path

from backup_sentinel import service
from backup_sentinel.errors import DocumentError, SentinelError
from backup_sentinel.export.profile import Profile, explain, load_file, load_profiles, run_examples

from .settings import add_common, load_config


class CheckError(SentinelError):
    """Something did not pass; what has been printed."""


def add(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    add_common(parser, listen=False, log_format="text")
    parser.add_argument(
        "files", nargs="*", type=Path, metavar="FILE", help="profile files beside those of the configuration"
    )
    parser.add_argument(
        "--explain",
        type=Path,
        metavar="OBJECT.yaml",
        help="show field by field what a profile reads in these objects",
    )


def run(arguments: argparse.Namespace) -> int:
    """Print what was checked. Raises DocumentError, CheckError."""
    config = load_config(arguments)
    known = {profile.operator: profile for profile in service.profiles(config)}
    for file in arguments.files:
        profile = load_file(file)
        known[profile.operator] = profile
    if arguments.explain:
        sys.stdout.write(_explain(arguments.explain, list(known.values())))
        return 0
    if arguments.config:
        count = len(config.clusters)
        sys.stdout.write(f"{arguments.config}: ok, {count} {'cluster' if count == 1 else 'clusters'}\n")
    # The examples are true of the profiles as they were written, not of a dialect that the configuration exchanges.
    own = load_profiles(config.profiles.folders, config.export.operators)
    return _examples([*own, *(known[name] for name in known.keys() - {profile.operator for profile in own})])


def _examples(profiles: list[Profile]) -> int:
    failed = 0
    for profile in profiles:
        results = run_examples(profile)
        wrong = [result for result in results if result.failure]
        failed += len(wrong)
        sys.stdout.write(f"profile {profile.operator}: {len(results)} examples, {len(wrong)} failed\n")
        for result in wrong:
            sys.stdout.write(f"{result.failure}\n")
    if failed:
        raise CheckError(f"{failed} examples failed")
    return 0


def _explain(path: Path, profiles: list[Profile]) -> str:
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise DocumentError(f"cannot be read: {error}", file=str(path)) from error
    return explain(text, profiles, file=str(path))
