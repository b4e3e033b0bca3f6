"""The manifests of Grafana Alloy hold the configurations that stand beside them."""

import hashlib
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from .artefact import Artefact

if TYPE_CHECKING:
    from .artefacts import Source

FOLDER = "charts/alloy"
VARIANTS = ("full", "simple")
CHECKSUM = "checksum/config"


def artefacts(source: "Source") -> Iterator[Artefact]:
    """Yield the manifests."""
    for name in VARIANTS:
        config = (source.root / FOLDER / f"{name}.alloy").read_text(encoding="utf-8")
        path = f"{FOLDER}/{name}.yaml"
        yield Artefact(path, embed((source.root / path).read_text(encoding="utf-8"), config))


def embed(manifest: str, config: str) -> str:
    """Return a manifest with the configuration in its ConfigMap, and its checksum at the pods so that they follow it."""
    lines = "".join(f"    {line}" if line.strip() else "\n" for line in config.splitlines(keepends=True))
    made, found = re.subn(r"(?<=  config\.alloy: \|\n)(?: {4}.*\n|\n)+", lambda _: lines, manifest)
    if found != 1:
        raise ValueError("there is not one ConfigMap with config.alloy as block text")
    digest = hashlib.sha256(config.encode()).hexdigest()
    return re.sub(rf"({CHECKSUM}: )\S+", rf"\g<1>{digest}", made)
