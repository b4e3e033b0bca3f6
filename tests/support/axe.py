"""The accessibility rules of axe-core, which npm fetches once as `tests/tools/axe` pins it."""

from __future__ import annotations

import fcntl
import hashlib
import shutil
import subprocess
from pathlib import Path
from typing import Any

from .browser import Page
from .process import TOOLS, lack

PINNED = Path(__file__).resolve().parents[1] / "tools" / "axe"
OUT = TOOLS.parent / "axe"
RULES = ("wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice")


def source() -> str:
    """Return axe-core as a script; without npm the test is skipped, and fails where CI asks for it."""
    lock = (PINNED / "package-lock.json").read_bytes()
    stamp, wanted = OUT / "stamp", hashlib.sha256(lock).hexdigest()
    script = OUT / "node_modules" / "axe-core" / "axe.min.js"
    OUT.mkdir(parents=True, exist_ok=True)
    with (OUT / "lock").open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        if not (script.is_file() and stamp.is_file() and stamp.read_text() == wanted):
            npm = shutil.which("npm")
            if npm is None:
                lack("npm, which fetches axe-core, is not installed")
            for name in ("package.json", "package-lock.json"):
                shutil.copy(PINNED / name, OUT / name)
            done = subprocess.run(
                [npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund"],
                cwd=OUT,
                check=False,
                capture_output=True,
                text=True,
                timeout=120,
            )
            if done.returncode:
                lack(f"npm cannot fetch axe-core: {done.stderr[-500:]}")
            stamp.write_text(wanted)
    return script.read_text(encoding="utf-8")


async def violations(page: Page) -> list[dict[str, Any]]:
    """Return the rules that a page breaks, each with the elements that do."""
    await page.evaluate(source() + "; true")
    options = f"{{runOnly: {list(RULES)!r}, resultTypes: ['violations']}}"
    found = await page.evaluate(
        f"axe.run(document, {options}).then(r => r.violations.map("
        "v => ({rule: v.id, help: v.help, nodes: v.nodes.slice(0, 3).map(n => n.html + ' ' + n.failureSummary)})))"
    )
    assert isinstance(found, list)
    return found
