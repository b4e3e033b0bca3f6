"""Plain manifests for those without Helm, rendered from the chart: `python -m chart.plain` writes them, as `make manifests` does."""

from __future__ import annotations

import re

from chart.rendering import CHART, ROOT, helm

FOLDER = ROOT / "charts" / "manifests"
RELEASE = "backup-sentinel"
NAMESPACES = {
    "microk8s-observability": "observability",
    "notify": "backup-sentinel",
    "standard": "backup-sentinel",
}
"""Where each variant goes."""

HELMS_OWN = re.compile(
    r"^ +(?:app\.kubernetes\.io/managed-by: Helm|helm\.sh/chart: \S+)\n|^# Source: .*\n", re.MULTILINE
)
"""What is true only of what Helm installs."""
NAMESPACE = """\
apiVersion: v1
kind: Namespace
metadata:
  name: {name}
  labels:
    pod-security.kubernetes.io/enforce: restricted
"""


def manifests(variant: str) -> str:
    """Return the manifests of a variant; with the namespace, if it is our own."""
    namespace = NAMESPACES[variant]
    values = FOLDER / f"{variant}-values.yaml"
    done = helm("template", RELEASE, CHART, "--namespace", namespace, "--values", values)
    assert done.returncode == 0, done.stderr
    about = re.match(r"(?:# .*\n)+", values.read_text("utf-8"))
    assert about is not None
    head = f"{about[0]}#\n# Generated from charts/backup-sentinel and {values.name} by `make manifests`.\n"
    own = f"---\n{NAMESPACE.format(name=namespace)}" if namespace == RELEASE else ""
    return head + own + HELMS_OWN.sub("", done.stdout)


def main() -> None:
    """Write all variants."""
    for variant in NAMESPACES:
        (FOLDER / f"{variant}.yaml").write_text(manifests(variant), "utf-8")


if __name__ == "__main__":
    main()
