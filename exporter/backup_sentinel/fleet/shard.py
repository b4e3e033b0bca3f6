"""The part of the fleet that one process watches, chosen by the names of the clusters.

Rendezvous hashing: each shard draws a number for each name, and the highest wins. So every name belongs to exactly one
shard, all processes agree without talking to each other, and of `n` clusters a shard more takes about `n / total` from the others and
moves none between them. https://en.wikipedia.org/wiki/Rendezvous_hashing
"""

import os
import re
from collections.abc import Mapping
from hashlib import blake2b
from typing import Self

import msgspec

from .error import SettingError

OPTION = "--shard"
POD_NAME = "POD_NAME"
_HINT = "write INDEX/TOTAL, such as 0/4 for the first of four, or auto/4 in a StatefulSet of four"
_TEXT = re.compile(r"(auto|[0-9]{1,6})/([0-9]{1,6})")
_ORDINAL = re.compile(r".+-([0-9]{1,6})")


class Shard(msgspec.Struct, frozen=True):
    """Number `index`, from 0, of `total` processes. Raises ValueError where there is no such one."""

    index: int = 0
    total: int = 1

    def __post_init__(self) -> None:
        if not 0 <= self.index < self.total:
            raise ValueError(f"there is no shard {self.index} of {self.total}: they count from 0")

    def __str__(self) -> str:
        return f"{self.index}/{self.total}"

    def owns(self, name: str) -> bool:
        """Tell whether this shard watches the cluster of that name; "" is a name like any other."""
        return self.total == 1 or owner(name, self.total) == self.index

    @classmethod
    def parse(cls, text: str, environ: Mapping[str, str] = os.environ) -> Self:
        """Return the shard of an option's value: `0/4`, or `auto/4` for the ordinal of the pod in `POD_NAME`.

        Raises SettingError.
        """
        found = _TEXT.fullmatch(text.strip())
        if found is None:
            raise SettingError(OPTION, f"`{text}` is not a shard", hint=_HINT)
        total = int(found[2])
        if total == 0:
            raise SettingError(OPTION, "the total must be at least 1", hint=_HINT)
        if found[1] == "auto":
            return cls(_ordinal(environ.get(POD_NAME, ""), total), total)
        index = int(found[1])
        if index >= total:
            raise SettingError(
                OPTION, f"there is no shard {index} of {total}", hint="shards count from 0; " + _HINT
            )
        return cls(index, total)


def owner(name: str, total: int) -> int:
    """Return the index of the shard, of `total`, that watches the cluster of that name."""
    key = name.encode("utf-8", "surrogatepass")
    return max(range(total), key=lambda index: blake2b(b"%d/%b" % (index, key), digest_size=8).digest())


def _ordinal(pod: str, total: int) -> int:
    if not pod:
        raise SettingError(
            OPTION,
            f"`auto` needs the name of the pod in the variable {POD_NAME}, which is not set",
            hint=f"add it to the container's env: name: {POD_NAME}, valueFrom: fieldRef: fieldPath: metadata.name",
        )
    found = _ORDINAL.fullmatch(pod)
    if found is None:
        raise SettingError(
            OPTION,
            f"the pod `{pod}` has no number at its end",
            hint="`auto` is for pods of a StatefulSet; elsewhere write the index, such as 0/4",
        )
    if int(found[1]) >= total:
        raise SettingError(
            OPTION,
            f"the pod `{pod}` has number {found[1]}, but there are only {total} shards, counted from 0",
            hint="the total must be the replicas of the StatefulSet, and its ordinals must start at 0",
        )
    return int(found[1])
