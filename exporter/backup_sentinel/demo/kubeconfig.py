"""Kubeconfig files with which clients reach simulated clusters."""

from collections.abc import Mapping
from pathlib import Path

import yaml

from .apiserver import SimulatedApiServer


def kubeconfig(
    servers: Mapping[str, SimulatedApiServer], *, token: str = "", ca_file: Path | None = None
) -> str:
    """Return a kubeconfig with one context for each server, named as its cluster; the first one is current."""
    trust = {"certificate-authority": str(ca_file)} if ca_file else {}
    contexts = [{"name": name, "context": {"cluster": name, "user": "demo"}} for name in servers]
    return yaml.safe_dump(
        {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [
                {"name": name, "cluster": {"server": s.url, **trust}} for name, s in servers.items()
            ],
            "users": [{"name": "demo", "user": {"token": token} if token else {}}],
            "contexts": contexts,
            "current-context": next(iter(servers), ""),
        },
        sort_keys=False,
    )
