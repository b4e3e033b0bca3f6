"""The language of operator files: which objects an operator writes, and what stands in them in which state."""

from pathlib import Path
from typing import Any, Literal

import msgspec

from backup_sentinel.demo.resources import ResourceType
from backup_sentinel.demo.storyfile import Spec, read_document
from backup_sentinel.errors import DocumentError

OPERATORS = Path(__file__).parent


class Template(Spec):
    """An object that is written again and again.

    Texts may name values in braces, as in Python's format strings: `{run.started}`, `{run.ended:+5s ctime}`,
    `{volume.size:d}`; see `told` for the values and their formats. A text that is one such name alone keeps the type
    of the value, and what stands for a value that is not known is left out. `states` are laid over `object`, each
    where its word applies, in the order of the file; a mapping is laid over a mapping, all else replaces. `when`
    are the words of which one must apply for the object to exist. `each: volume` writes one object for each volume of the
    run; `lasts` is how long after the end of the run the object is kept (default: as long as the run).

    Words of a run: `waiting`, `working`, `ended`, its outcome (`completed`, `partial`, `failed`; of a partial run with
    `each`, that of the volume), its cause, `scheduled` or `adhoc`. Of a schedule: `paused`, `invalid`, the words of its newest run or
    `new`, `good` once a run succeeded, `stuck` from a failed run to the next success; its values are `run` (the newest), `last` (the
    last that ended), `good` (the last that succeeded) and `bad` (the first that failed since). Of a location: `available`, `unavailable`.
    """

    object: dict[str, Any]
    each: Literal["", "volume"] = ""
    when: list[str] = msgspec.field(default_factory=list)
    lasts: str = ""
    states: dict[str, dict[str, Any]] = msgspec.field(default_factory=dict)


class OperatorFile(Spec):
    """An operator: its resource types, and its templates for schedules, locations, runs and restores.

    `name` is that of the object of a run of a schedule, from `{schedule}`, `{created}`, `{suffix}` and `{id}`. `outcomes` are those
    that it can tell. `keeps` is how long runs of an outcome stay, where that is shorter than a schedule's `ttl`. `causes` are its
    words for the causes of a story; `other` stands for those it has no word for.
    """

    operator: str
    types: list[ResourceType]
    name: str
    outcomes: list[Literal["completed", "partial", "failed"]]
    causes: dict[str, str]
    keeps: dict[str, str] = msgspec.field(default_factory=dict)
    schedule: list[Template] = msgspec.field(default_factory=list)
    location: list[Template] = msgspec.field(default_factory=list)
    run: list[Template] = msgspec.field(default_factory=list)
    restore: list[Template] = msgspec.field(default_factory=list)


def load_operator(name: str) -> OperatorFile:
    """Read the file of an operator; DocumentError if there is none, or for what is wrong with it."""
    path = OPERATORS / f"{name}.yaml"
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise DocumentError(f"no operator {name!r} in the demo") from error
    file: OperatorFile = read_document(text, OperatorFile, file=str(path))
    if "other" not in file.causes:
        raise DocumentError("`causes` needs words for `other`", file=str(path))
    return file


def lay(under: Any, over: Any) -> Any:
    """Return a value with another laid over it: mappings are merged, everything else is replaced."""
    if not isinstance(under, dict) or not isinstance(over, dict):
        return over
    return {**under, **{key: lay(under.get(key), value) for key, value in over.items()}}
