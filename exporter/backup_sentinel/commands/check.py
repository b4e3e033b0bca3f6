"""Validate configuration and profiles, try the relay's templates, and run the profiles' own examples."""

import argparse
import asyncio
import os
import sys
from collections.abc import Iterator
from pathlib import Path

from backup_sentinel import service
from backup_sentinel.config import Config
from backup_sentinel.document import Document
from backup_sentinel.errors import DocumentError, SentinelError
from backup_sentinel.export.profile import Profile, explain, load_file, load_profiles, run_examples
from backup_sentinel.relay.backups import BLIND
from backup_sentinel.relay.intake import Users
from backup_sentinel.relay.rendering import Rendering
from backup_sentinel.serving import FrontDoor

from .settings import add_common, load_config

FILES = ("kubeconfig", "token_file", "client_certificate", "client_key", "ca_file")
"""Settings of a cluster that name a file."""
ELSEWHERE = "--syntax-only opens no files: for a check where the program does not run"


class CheckError(SentinelError):
    """Something did not pass; what has been printed."""


def add(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    add_common(parser, listen=False, log_format="text")
    parser.add_argument(
        "files", nargs="*", type=Path, metavar="FILE", help="profile files beside those of the configuration"
    )
    parser.add_argument(
        "--syntax-only",
        action="store_true",
        help="do not open the files that the configuration names, nor channels: they are elsewhere",
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
    given = {profile.operator: profile for profile in map(load_file, arguments.files)}
    known = {profile.operator: profile for profile in service.profiles(config)} | given
    if arguments.explain:
        sys.stdout.write(_explain(arguments.explain, list(known.values())))
        return 0
    if arguments.config:
        if not arguments.syntax_only:
            _open_files(arguments.config, config)
            asyncio.run(_open_relay(arguments.config, config))
        counts = [(len(config.clusters), "cluster"), (len(config.relay.channels), "channel")]
        told = ", ".join(_count(*each) for each in counts)
        sys.stdout.write(f"{arguments.config}: ok, {told}\n")
    # The examples are true of the profiles as they were written, not of a dialect that the configuration exchanges.
    own = load_profiles(config.profiles.folders, config.export.operators, inline=config.profiles.inline)
    return _examples(list(({profile.operator: profile for profile in own} | given).values()))


def _open_files(path: str, config: Config) -> None:
    """Read the files that a configuration names. Raises DocumentError where one cannot be, or says nothing."""
    document = Document(_read(Path(path)), path)
    for place, name in _named(config):
        try:
            empty = not _read(Path(name).expanduser()).strip()
        except DocumentError as error:
            raise document.error(
                f"{name} {error.message}",
                place,
                hint=ELSEWHERE,
            ) from error
        if empty:
            raise document.error(f"{name} is empty", place)
    if config.web.config_file:
        FrontDoor.load(config.web.config_file)


async def _open_relay(path: str, config: Config) -> None:
    """Open every channel and enricher and read every secret: templates are rendered with samples, nothing is connected.

    Raises DocumentError.
    """
    document = Document(_read(Path(path)), path)
    rendering = Rendering()
    for index, settings in enumerate(config.relay.channels):
        try:
            channel = settings.open(rendering)
        except SentinelError as error:
            place = ("relay", "channels", index)
            raise document.error(f"channel {settings.name}: {error}", place, hint=ELSEWHERE) from None
        await channel.close()
    for index, asked in enumerate(config.relay.enrichers):
        try:
            enricher = asked.open_with(BLIND)
        except SentinelError as error:
            place = ("relay", "enrichers", index)
            raise document.error(f"enricher {asked.kind}: {error}", place, hint=ELSEWHERE) from None
        await enricher.close()
    for part in ("intake", "admin"):
        try:
            Users(getattr(config.relay, part))
        except SentinelError as error:
            raise document.error(str(error), ("relay", part), hint=ELSEWHERE) from None


def _named(config: Config) -> Iterator[tuple[tuple[str | int, ...], str]]:
    """Yield the files that a configuration names, each with its place."""
    if config.web.config_file:
        yield ("web", "config_file"), config.web.config_file
    for index, cluster in enumerate(config.clusters):
        for field in FILES:
            named = getattr(cluster, field)
            several = named.split(os.pathsep) if named and field == "kubeconfig" else [named]
            for name in filter(None, several):
                yield ("clusters", index, field), name


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise DocumentError(f"cannot be read: {error.strerror}", file=str(path)) from error
    except UnicodeDecodeError as error:
        raise DocumentError("cannot be read: it is not text", file=str(path)) from error


def _examples(profiles: list[Profile]) -> int:
    failed = 0
    for profile in profiles:
        results = run_examples(profile)
        wrong = [result for result in results if result.failure]
        failed += len(wrong)
        sys.stdout.write(
            f"profile {profile.operator}: {_count(len(results), 'example')}, {len(wrong)} failed\n"
        )
        for result in wrong:
            sys.stdout.write(f"{result.failure}\n")
    if failed:
        raise CheckError(f"{_count(failed, 'example')} failed")
    return 0


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"


def _explain(path: Path, profiles: list[Profile]) -> str:
    return explain(_read(path), profiles, file=str(path))
