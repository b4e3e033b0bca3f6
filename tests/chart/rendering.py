"""The chart rendered by the real Helm, once for each set of values and process."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from support.process import require

ROOT = Path(__file__).resolve().parents[2]
CHART = ROOT / "charts" / "backup-sentinel"
CASES = tuple(sorted(path.name.removesuffix("-values.yaml") for path in (CHART / "ci").glob("*-values.yaml")))
RELEASE, NAMESPACE = "watch-dog", "monitoring"
NOWHERE = "/nonexistent"
WORKLOADS = {"CronJob", "Deployment", "StatefulSet"}

Manifest = dict[str, Any]


def helm(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """Run Helm without a cluster and without the settings of whoever runs the tests."""
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": NOWHERE,
        "KUBECONFIG": os.devnull,
        "HELM_CACHE_HOME": NOWHERE,
        "HELM_CONFIG_HOME": NOWHERE,
        "HELM_DATA_HOME": NOWHERE,
    }
    return subprocess.run(
        [require("helm"), *arguments], capture_output=True, text=True, check=False, env=environment
    )


def values_of(case: str) -> Path:
    """Return the file of a case."""
    return CHART / "ci" / f"{case}-values.yaml"


def arguments_of(case: str) -> tuple[str | Path, ...]:
    """Return how Helm is asked for a case."""
    return (RELEASE, CHART, "--namespace", NAMESPACE, "--values", values_of(case))


@cache
def text(case: str, *more: str) -> str:
    """Return what Helm writes for a case."""
    done = helm("template", *arguments_of(case), *more)
    assert done.returncode == 0, done.stderr
    return done.stdout


@cache
def render(case: str = "default", *more: str) -> tuple[Manifest, ...]:
    """Return the manifests of a case, with further arguments such as `--set=shards=2`."""
    made = yaml.load_all(text(case, *more), Loader=yaml.CSafeLoader)
    return tuple(manifest for manifest in made if manifest)


def render_all() -> dict[str, tuple[Manifest, ...]]:
    """Return the manifests of all cases."""
    return dict(zip(CASES, run_all(render, CASES), strict=True))


def run_all(work: Any, items: Iterable[Any]) -> list[Any]:
    """Do the same for all items, some at a time: what is waited for are other processes."""
    with ThreadPoolExecutor(4) as pool:
        return list(pool.map(work, items))


def kinds(manifests: Sequence[Manifest]) -> list[str]:
    """Return what there is."""
    return [manifest["kind"] for manifest in manifests]


def find(manifests: Sequence[Manifest], kind: str, suffix: str = "", component: str = "") -> Manifest:
    """Return the one manifest of a kind, or the one whose name ends so or that belongs to a component."""
    found = [
        manifest
        for manifest in manifests
        if manifest["kind"] == kind
        and manifest["metadata"]["name"].endswith(suffix)
        and (not component or component_of(manifest) == component)
    ]
    assert len(found) == 1, f"{len(found)} of kind {kind}"
    return found[0]


def component_of(manifest: Manifest) -> str:
    """Return what a manifest belongs to: exporter, relay, notify, rules, dashboards; "" for further manifests."""
    label: str = manifest["metadata"].get("labels", {}).get("app.kubernetes.io/component", "")
    return label


def workload(manifests: Sequence[Manifest], component: str = "exporter") -> Manifest:
    """Return the Deployment, StatefulSet or CronJob of a component."""
    found = [
        manifest
        for manifest in manifests
        if manifest["kind"] in WORKLOADS and component_of(manifest) == component
    ]
    assert len(found) == 1
    return found[0]


def template(manifests: Sequence[Manifest], component: str = "exporter") -> Manifest:
    """Return what the pods of a component are made from."""
    spec = workload(manifests, component)["spec"]
    found: Manifest = spec.get("jobTemplate", {"spec": spec})["spec"]["template"]
    return found


def pod(manifests: Sequence[Manifest], component: str = "exporter") -> Manifest:
    """Return the specification of the pods of a component."""
    spec: Manifest = template(manifests, component)["spec"]
    return spec


def container(manifests: Sequence[Manifest], component: str = "exporter") -> Manifest:
    """Return the container of a component."""
    found: Manifest = pod(manifests, component)["containers"][0]
    assert found["name"] == component
    return found


def configuration(manifests: Sequence[Manifest], component: str = "exporter") -> str:
    """Return the text of a component's configuration."""
    found = [
        manifest
        for manifest in manifests
        if manifest["kind"] in {"ConfigMap", "Secret"}
        and component_of(manifest) == component
        and "config.yaml" in {**manifest.get("data", {}), **manifest.get("stringData", {})}
    ]
    assert len(found) == 1
    held = found[0].get("data") or found[0]["stringData"]
    return str(held["config.yaml"])
