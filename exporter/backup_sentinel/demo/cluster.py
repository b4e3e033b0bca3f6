"""A simulated cluster: objects of any resource types in memory, with revisions as a real server counts them."""

import time
import uuid
from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from backup_sentinel.clock import Clock

from .resources import CORE, NAMESPACES, JsonObject, ResourceType
from .selectors import Stored
from .shelf import Shelf

_DECODE: msgspec.json.Decoder[Any] = msgspec.json.Decoder()
_IGNORED = frozenset({"resourceVersion", "generation", "managedFields"})
_FIRST_REVISION = 1000


class SimulatedCluster:
    """The objects of one cluster, without HTTP; `SimulatedApiServer` serves it.

    `log_limit` bounds the changes remembered for each resource type, as the watch cache of a real server does.
    Everything here must be called in the thread of the event loop that serves the cluster.
    """

    def __init__(
        self,
        name: str = "cluster",
        resource_types: Iterable[ResourceType] = (),
        *,
        clock: Clock | None = None,
        version: str = "v1.34.2",
        log_limit: int = 20_000,
    ) -> None:
        self.name = name
        self.clock = clock or Clock()
        self.version = version
        self.revision = _FIRST_REVISION
        self.reachable = True
        self._log_limit = log_limit
        self._shelves: dict[tuple[str, str, str], Shelf] = {}
        self._by_kind: dict[tuple[str, str], Shelf] = {}
        for resource_type in (*CORE, *resource_types):
            self.install(resource_type)
        for namespace in ("default", "kube-system"):
            self.put({"apiVersion": "v1", "kind": NAMESPACES.kind, "metadata": {"name": namespace}})

    @property
    def types(self) -> list[ResourceType]:
        """Return what is served, in the order of installation."""
        return [shelf.type for shelf in self._shelves.values()]

    def install(self, resource_type: ResourceType) -> None:
        """Serve a resource type from now on; one that is served already stays as it is."""
        place = (resource_type.group, resource_type.version, resource_type.plural)
        if place not in self._shelves:
            shelf = Shelf(resource_type, self.revision, log_limit=self._log_limit)
            self._shelves[place] = self._by_kind[resource_type.api_version, resource_type.kind] = shelf

    def uninstall(self, resource: ResourceType | str) -> None:
        """Stop serving a resource type and drop its objects: streams end, requests get 404."""
        shelf = self.shelf(resource)
        kind = shelf.type
        del self._shelves[kind.group, kind.version, kind.plural]
        del self._by_kind[kind.api_version, kind.kind]
        shelf.gone = True
        shelf.wake()

    def find(self, group: str, version: str, plural: str) -> Shelf | None:
        """Return the shelf of a resource type; None if it is not served."""
        return self._shelves.get((group, version, plural))

    def shelf(self, resource: ResourceType | str) -> Shelf:
        """Return the shelf of a type, a `plural.group` or a plural that only one type has; KeyError if not served."""
        if isinstance(resource, ResourceType):
            return self._shelves[resource.group, resource.version, resource.plural]
        found = [
            shelf for shelf in self._shelves.values() if resource in {shelf.type.name, shelf.type.plural}
        ]
        if len(found) != 1:
            raise KeyError(resource)
        return found[0]

    def type_of(self, manifest: Mapping[str, Any]) -> ResourceType:
        """Return the resource type of an object; KeyError if its kind is not served."""
        return self._by_kind[str(manifest["apiVersion"]), str(manifest["kind"])].type

    def put(self, manifest: Mapping[str, Any]) -> JsonObject:
        """Create or update an object and return it as stored.

        Missing metadata is filled in: uid, creationTimestamp, resourceVersion, generation. A manifest that changes
        nothing writes nothing, and one with another uid than the stored object replaces it by a new object.
        Raises KeyError if the kind is not served or the manifest has no name.
        """
        shelf = self._by_kind[str(manifest["apiVersion"]), str(manifest["kind"])]
        metadata = {key: value for key, value in manifest["metadata"].items() if value is not None}
        namespace = str(metadata.get("namespace") or "default") if shelf.type.namespaced else ""
        key = f"{namespace}/{metadata['name']}"
        stored = shelf.items.get(key)
        old = None if stored is None else _DECODE.decode(stored.body)
        if old is not None and metadata.get("uid", old["metadata"]["uid"]) != old["metadata"]["uid"]:
            self.delete(shelf.type, namespace, metadata["name"])
            old = None
        if namespace:
            metadata["namespace"] = namespace
        born = old["metadata"] if old else self._birth(shelf.type, key)
        metadata.setdefault("uid", born["uid"])
        metadata.setdefault("creationTimestamp", born["creationTimestamp"])
        fresh: dict[str, Any] = {**manifest, "metadata": metadata}
        if old is not None and _same(old, fresh):
            return dict(old)
        if shelf.type.group:
            metadata["generation"] = _generation(shelf.type, old, fresh)
        self.revision += 1
        metadata["resourceVersion"] = str(self.revision)
        shelf.write(_store(shelf.type, key, self.revision, fresh))
        return fresh

    def delete(self, resource: ResourceType | str, namespace: str, name: str) -> bool:
        """Delete an object at once, finalizers or not; return whether it was there. `namespace` is "" for none."""
        shelf = self.shelf(resource)
        stored = shelf.items.get(f"{namespace}/{name}")
        if stored is None:
            return False
        last = _DECODE.decode(stored.body)
        self.revision += 1
        last["metadata"]["resourceVersion"] = str(self.revision)
        shelf.erase(_store(shelf.type, stored.key, self.revision, last))
        return True

    def get(self, resource: ResourceType | str, namespace: str, name: str) -> dict[str, Any] | None:
        """Return a copy of an object, or None."""
        stored = self.shelf(resource).items.get(f"{namespace}/{name}")
        return None if stored is None else dict(_DECODE.decode(stored.body))

    def objects(self, resource: ResourceType | str, namespace: str = "") -> list[dict[str, Any]]:
        """Return copies of all objects of a type, in a namespace or ("") in all, ordered as a list returns them."""
        items = self.shelf(resource).items
        chosen = (items[key] for key in sorted(items))
        return [_DECODE.decode(item.body) for item in chosen if not namespace or item.namespace == namespace]

    def compact(self) -> None:
        """Forget the past: continue tokens and watches from before this moment expire."""
        for shelf in self._shelves.values():
            shelf.compact(self.revision)

    def _birth(self, resource_type: ResourceType, key: str) -> JsonObject:
        now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(self.clock.now()))
        uid = uuid.uuid5(uuid.NAMESPACE_OID, f"{self.name}/{resource_type.name}/{key}/{self.revision}")
        return {"uid": str(uid), "creationTimestamp": now}


def prefix(resource_type: ResourceType) -> bytes:
    """Return how a serialised object of a built-in type begins; lists leave this part out of their items."""
    return f'{{"kind":"{resource_type.kind}","apiVersion":"{resource_type.api_version}",'.encode()


def _store(resource_type: ResourceType, key: str, revision: int, manifest: dict[str, Any]) -> Stored:
    if resource_type.custom:
        body = msgspec.json.encode(manifest, order="sorted")
    else:
        rest = {name: value for name, value in manifest.items() if name not in {"kind", "apiVersion"}}
        body = prefix(resource_type) + msgspec.json.encode(rest)[1:]
    namespace, _, name = key.partition("/")
    return Stored(key, namespace, name, revision, body, manifest["metadata"].get("labels") or None)


def _same(old: dict[str, Any], fresh: dict[str, Any]) -> bool:
    if {**old, "metadata": None} != {**fresh, "metadata": None}:
        return False
    before, after = old["metadata"], fresh["metadata"]
    return all(before.get(name) == after.get(name) for name in (before.keys() | after.keys()) - _IGNORED)


def _generation(resource_type: ResourceType, old: dict[str, Any] | None, fresh: dict[str, Any]) -> int:
    if old is None:
        return int(fresh["metadata"].get("generation", 1))
    ignored = {"metadata", "status"} if resource_type.status_subresource else {"metadata"}
    changed = any(old.get(name) != fresh.get(name) for name in (old.keys() | fresh.keys()) - ignored)
    return int(old["metadata"].get("generation", 1)) + changed
