"""A profile file becomes machines that read its resources; whatever is wrong with it is found here, at its place."""

from collections.abc import Callable
from operator import attrgetter

import msgspec

from backup_sentinel.document import Document, nearest
from backup_sentinel.export.cron import DIALECTS

from .emit import IDENTITY, builder
from .path import parse
from .plan import Plan, compile_record
from .prune import Node, Wanted, extractor
from .reader import Machine, Reader, ResourceType
from .request import resource_type
from .schema import ProfileFile, Resource
from .scope import TEXT, Cursor, Scope


class CompiledResource:
    """A resource of a profile: its type, its plans (for `explain`), and the machine that reads it."""

    def __init__(
        self, resource: Resource, at: Cursor, dialect: str, beside: ResourceType | None = None
    ) -> None:
        self.source = resource
        self.at = at
        scope = Scope()
        for path in IDENTITY:
            scope.slot(parse(path), TEXT)
        self.plans: list[Plan] = [
            compile_record(record, here, scope, dialect)
            for record, here in [
                (resource, at),
                *((also, at.at("also", i)) for i, also in enumerate(resource.also)),
            ]
        ]
        self.type = resource_type(resource, at)
        if beside is not None:
            self.type = msgspec.structs.replace(self.type, beside=beside)
        self.machine = _machine(self.type, self.plans, scope)

    @property
    def name(self) -> str:
        """The name as in `kubectl get`."""
        return self.type.name

    @property
    def words(self) -> tuple[str, ...]:
        """What its events may tell of, as far as the profile lists it."""
        events = (plan.record for plan in self.plans if plan.record.record == "event")
        return tuple(word for record in events if record.outcome is not None for word in record.outcome.map)


class Profile:
    """A compiled profile of one operator; it is the same for all clusters."""

    def __init__(
        self, source: ProfileFile, resources: tuple[CompiledResource, ...], document: Document
    ) -> None:
        self.operator = source.operator
        self.title = source.title
        self.documentation = source.documentation
        self.since = source.since
        self.not_known = tuple(source.not_known)
        self.source = source
        self.resources = resources
        self.document = document

    def reader(self, cluster: str, resource: CompiledResource, now: Callable[[], float]) -> Reader:
        """Return a reader of one resource of one cluster; `now` gives Unix seconds."""
        return Reader(resource.machine, cluster, self.operator, now)


def compile_profile(document: Document, dialect: str | None = None) -> Profile:
    """Return the compiled profile; raise DocumentError with place and hint at the first thing that is wrong.

    `dialect` replaces the cron dialect that the profile says.
    """
    source = document.convert(ProfileFile)
    if source.dialect and source.dialect not in DIALECTS:
        hint = nearest(source.dialect, DIALECTS)
        raise document.error(f"`{source.dialect}` is no dialect of crons", ("dialect",), hint=hint)
    resources: dict[str, CompiledResource] = {}
    for number, resource in enumerate(source.resources):
        at = Cursor(document, ("resources", number))
        compiled = CompiledResource(
            resource,
            at,
            dialect if dialect is not None else source.dialect,
            _beside(resource, at, resources),
        )
        if compiled.name in resources:
            raise at.at("plural").error(
                f"{compiled.name} is described twice", hint="use `also` for a second record of an object"
            )
        resources[compiled.name] = compiled
    return Profile(source, tuple(resources.values()), document)


def _beside(resource: Resource, at: Cursor, known: dict[str, CompiledResource]) -> ResourceType | None:
    """Return the resource that must be served for this one to be read."""
    if resource.beside is None:
        return None
    if resource.beside not in known:
        raise at.at("beside").error(
            f"no resource before this one is `{resource.beside}`", hint=nearest(resource.beside, known)
        )
    return known[resource.beside].type


def _machine(kind: ResourceType, plans: list[Plan], scope: Scope) -> Machine:
    root = Node()
    for want in scope.wanted.values():
        root.want(want)
    wanted = [_settled(root, want) for want in scope.wanted.values()]
    decoded = root.struct(kind.plural)
    allowed = [want.types for want in wanted]
    return Machine(
        type=kind,
        item=msgspec.json.Decoder(decoded),
        wanted=tuple(wanted),
        extract=extractor(root, wanted),
        version=attrgetter(f"{root.names['metadata']}.{root.keys['metadata'].names['resourceVersion']}"),
        fast=tuple(builder(plan, allowed, fast=True) for plan in plans),
        careful=tuple(builder(plan, allowed, fast=False) for plan in plans),
    )


def _settled(root: Node, want: Wanted) -> Wanted:
    """Give a path all types that its place may have, since several paths may lead to one place."""
    node = root.find(want.path)
    return Wanted(want.path, frozenset(node.types), want.whole and not node.types, want.outer)
