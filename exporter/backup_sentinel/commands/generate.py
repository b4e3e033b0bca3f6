"""Write what follows from the source: rights, references, rules."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from backup_sentinel import commands, service
from backup_sentinel.config import Config
from backup_sentinel.errors import SentinelError
from backup_sentinel.export.profile import Profile
from backup_sentinel.generate import artefacts, grants, rbac, remote, rules
from backup_sentinel.generate.artefacts import Source

from .settings import add_common, load_config


class StaleError(SentinelError):
    """Generated files differ from what the source says."""


def add(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    add_common(parser, listen=False, log_format="text")
    parser.add_argument(
        "what",
        choices=("rbac", *artefacts.kinds(), "all"),
        help="rbac prints the rights that a command needs with its configuration; the others write files of the repository",
    )
    parser.add_argument("--check", action="store_true", help="write nothing; fail if a file differs")
    parser.add_argument("--root", type=Path, default=Path(), help="root of the repository (default: here)")
    parser.add_argument(
        "--remote",
        action="store_true",
        help="what a cluster needs that is watched from elsewhere, token included (rbac)",
    )
    group = parser.add_argument_group("rules with your own addresses or names (with --output)")
    group.add_argument(
        "--output", type=Path, metavar="FOLDER", help="write the bundles here instead of the repository"
    )
    group.add_argument("--runbook-url", metavar="URL", help="{alert} stands for the alert's name")
    group.add_argument("--dashboard-url", metavar="URL", help="address of the dashboard")
    group.add_argument(
        "--cluster-label", metavar="NAME", help="label that tells clusters apart (default: cluster)"
    )
    parser.add_argument(
        "--for",
        dest="part",
        choices=tuple(grants.PARTS),
        default="exporter",
        help="whose rights (rbac; default: exporter)",
    )
    parser.add_argument("--namespace", default=rbac.NAME, help="namespace of the service account (rbac)")
    parser.add_argument(
        "--only-in",
        action="append",
        default=[],
        metavar="NAMESPACE",
        help="grant only in this namespace (rbac)",
    )


def run(arguments: argparse.Namespace) -> int:
    """Print or write. Raises StaleError with the names of the files that differ."""
    config = load_config(arguments)
    profiles = service.profiles(config)
    if arguments.what == "rbac":
        sys.stdout.write(_rights(config, profiles, arguments))
        return 0
    if arguments.output:
        return _write_rules(arguments)
    if not (arguments.root / "rules").is_dir():
        raise StaleError(f"{arguments.root.resolve()} is not the root of the repository; name it with --root")
    stale = []
    kinds = tuple(artefacts.kinds()) if arguments.what == "all" else (arguments.what,)
    for artefact in artefacts.collect(kinds, Source(arguments.root, profiles, commands.parser())):
        path = arguments.root / artefact.path
        if path.exists() and path.read_text(encoding="utf-8") == artefact.text:
            continue
        stale.append(artefact.path)
        if not arguments.check:
            _write(path, artefact.text)
            sys.stdout.write(f"wrote {artefact.path}\n")
    if stale and arguments.check:
        raise StaleError(f"not up to date: {', '.join(stale)}; write them with: backup-sentinel generate all")
    return 0


def _rights(config: Config, profiles: Sequence[Profile], arguments: argparse.Namespace) -> str:
    process = grants.Process(config, profiles, arguments.namespace, arguments.only_in)
    if arguments.remote:
        asked = () if arguments.part == "exporter" else grants.units(process)
        return remote.text(profiles, namespace=process.namespace, namespaces=process.namespaces, asked=asked)
    name = rbac.NAME if arguments.part == "exporter" else f"{rbac.NAME}-{arguments.part}"
    given = grants.PARTS[arguments.part](process)
    return rbac.text(rbac.manifests(given, namespace=process.namespace, name=name))


def _write(path: Path, text: str) -> None:
    """Exchange a file as a whole: whoever reads meanwhile, such as Helm, sees the old or the new one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_name(f".{path.name}.new")
    fresh.write_text(text, encoding="utf-8")
    fresh.replace(path)


def _write_rules(arguments: argparse.Namespace) -> int:
    names = ("runbook_url", "dashboard_url", "cluster_label")
    given = {name: value for name in names if (value := getattr(arguments, name)) is not None}
    if arguments.what != "rules":
        raise StaleError("--output is for rules only")
    for name, text in rules.bundles(rules.read(arguments.root), rules.RuleSettings(**given)).items():
        path = arguments.output / name
        _write(path, text)
        sys.stdout.write(f"wrote {path}\n")
    return 0
