"""Writes samples: each subject once per change, the whole page by joining what is there.

A subject's lines are kept as bytes, one piece per family, so that a page is a join and a scrape sees each subject
old or new, never half of it. The text of sample lines is the same in both formats; only the heads differ.
"""

import asyncio
import time
import zlib
from collections.abc import Callable, Hashable
from concurrent.futures import Executor
from typing import Protocol

import msgspec

from backup_sentinel.export.store import Scope, Store

from .catalog import FAMILIES
from .family import Family, Kind, Number
from .labels import identify, write
from .negotiation import Format

try:
    from isal import igzip

    def _gzip(body: bytes) -> bytes:
        return bytes(igzip.compress(body, compresslevel=1, mtime=0))

except ImportError:

    def _gzip(body: bytes) -> bytes:
        packer = zlib.compressobj(1, zlib.DEFLATED, zlib.MAX_WBITS | 16)
        return packer.compress(body) + packer.flush()


SLICE_SECONDS = 0.001
"""How long is written before other tasks get a chance to run. Each chance may take them as long again or longer, so
that a page with many of them would be late."""


class Page(msgspec.Struct, frozen=True):
    """One complete exposition in one format, plain and compressed."""

    plain: bytes
    gzip: bytes


def _bind(pieces: list[bytes]) -> Page:
    plain = b"".join(pieces)
    return Page(plain, _gzip(plain))


class _Slices:
    """Divides work in the event loop by time."""

    def __init__(self) -> None:
        self._begun = time.perf_counter()

    async def end(self) -> None:
        """Let others run if a slice has been used up."""
        if time.perf_counter() - self._begun > SLICE_SECONDS:
            await asyncio.sleep(0)
            self._begun = time.perf_counter()


class Extra(Protocol):
    """Families of the process itself, written by prometheus-client; without an end mark."""

    def __call__(self, form: Format) -> bytes:
        """Return the families in a format."""


def number(value: Number) -> str:
    """Write a number as both formats want it: whole numbers without a fraction, others as the shortest exact text."""
    if value.__class__ is bool:
        return "1" if value else "0"
    if isinstance(value, int):
        return str(value)
    if abs(value) < 1e15 and value.is_integer():
        return str(int(value))
    return {"inf": "+Inf", "-inf": "-Inf", "nan": "NaN"}.get(text := repr(value), text)


def head(family: Family, form: Format) -> bytes:
    """Return the HELP and TYPE lines of a family. OpenMetrics names a counter without its suffix."""
    counter = family.kind is Kind.COUNTER
    name = family.name.removesuffix("_total") if counter and form is Format.OPENMETRICS else family.name
    text = family.help.replace("\\", r"\\").replace("\n", r"\n")
    if form is Format.OPENMETRICS:
        text = text.replace('"', r"\"")
        unit = f"# UNIT {name} {family.unit}\n" if family.unit and name.endswith(f"_{family.unit}") else ""
        return f"# TYPE {name} {family.kind}\n{unit}# HELP {name} {text}\n".encode()
    return f"# HELP {name} {text}\n# TYPE {name} {family.kind}\n".encode()


def _writer(family: Family) -> Callable[[object, str, str], bytes]:
    """Return the function that writes a subject's lines of one family, given its label block without and with braces."""
    name = family.name
    if family.read is not None:
        read = family.read

        def one(subject: object, block: str, braced: str) -> bytes:  # noqa: ARG001 - as `many`
            value = read(subject)
            return b"" if value is None else f"{name}{braced} {number(value)}\n".encode()

        return one
    read_many = family.read_many
    assert read_many is not None

    def many(subject: object, block: str, braced: str) -> bytes:  # noqa: ARG001 - as `one`
        comma = "," if block else ""
        lines = [
            f"{name}{{{block}{comma}{write(labels)}}} {number(value)}\n"
            for labels, value in read_many(subject)
            if value is not None
        ]
        return "".join(lines).encode()

    return many


class _Table:
    """The written lines of all subjects of one scope: one tuple of pieces per subject, one piece per family."""

    def __init__(self, scope: Scope) -> None:
        self.scope = scope
        self.families = [family for family in FAMILIES if family.scope is scope]
        self._writers = [_writer(family) for family in self.families]
        self._order: list[Hashable] | None = None
        self.pieces: dict[Hashable, tuple[bytes, ...]] = {}

    def set(self, key: Hashable, subject: object | None) -> None:
        if subject is None:
            if self.pieces.pop(key, None) is not None:
                self._order = None
            return
        block = write(identify(subject))
        if key not in self.pieces:
            self._order = None
        braced = f"{{{block}}}" if block else ""
        self.pieces[key] = tuple([writer(subject, block, braced) for writer in self._writers])

    def rows(self) -> list[tuple[bytes, ...]]:
        """Return the pieces of all subjects in order, as they are now."""
        if self._order is None:
            self._order = sorted(self.pieces, key=_order)
        return [self.pieces[key] for key in self._order]


def _order(key: Hashable) -> tuple[str, ...]:
    if isinstance(key, tuple):
        return tuple(map(str, key))
    if isinstance(key, msgspec.Struct):
        return tuple(map(str, msgspec.structs.astuple(key)))
    return (str(key),)


IDLE = 300.0
"""Seconds after which a format that nobody asks for is no longer kept ready."""


class Renderer:
    """Keeps the newest page of each format that is asked for. `extra` gives the families of the process itself."""

    def __init__(self, store: Store, extra: Extra, executor: Executor | None = None) -> None:
        self._store = store
        self._extra = extra
        self._executor = executor
        self._tables = {scope: _Table(scope) for scope in Scope}
        self._heads = {form: [head(family, form) for family in FAMILIES] for form in Format}
        self._columns = [
            (self._tables[family.scope], self._tables[family.scope].families.index(family))
            for family in FAMILIES
        ]
        self.completed = asyncio.Event()
        """Set once a page shows every resource that can be reached."""
        self._asked: dict[Format, float] = {}
        self._pages: dict[Format, Page] = {}

    async def update(self) -> None:
        """Write what has changed and exchange the pages. Yields to other tasks every millisecond or so."""
        complete, slices = not self._store.waiting(), _Slices()
        for scope, table in self._tables.items():
            for key in self._store.marks.take(scope):
                table.set(key, self._store.subject(scope, key))
                await slices.end()
        recent = asyncio.get_running_loop().time() - IDLE
        self._asked = {form: at for form, at in self._asked.items() if at > recent}
        # A list, because another format may be asked for meanwhile.
        self._pages = {form: await self._compose(form) for form in list(self._asked)}
        if complete:
            self.completed.set()

    async def page(self, form: Format) -> Page:
        """Return the newest page; only the first one in a format has to be put together."""
        self._asked[form] = asyncio.get_running_loop().time()
        page = self._pages.get(form)
        if page is None:
            composed = await self._compose(form)
            page = self._pages.setdefault(form, composed)  # an update in between knows better
        return page

    async def _compose(self, form: Format) -> Page:
        pieces: list[bytes] = []
        slices = _Slices()
        rows = {scope: table.rows() for scope, table in self._tables.items()}
        for title, (table, index) in zip(self._heads[form], self._columns, strict=True):
            # Joined here, a family at a time: joining hundreds of thousands of pieces would stop all threads.
            pieces += [title, b"".join([row[index] for row in rows[table.scope]])]
            await slices.end()
        pieces += [self._extra(form), form.end]
        return await asyncio.get_running_loop().run_in_executor(self._executor, _bind, pieces)
