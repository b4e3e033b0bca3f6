"""From the bytes of Secrets to the clusters they describe. A Secret that cannot be used is a value that says so."""

import msgspec

from backup_sentinel.errors import ProblemReason
from backup_sentinel.kube.settings import ClusterSettings
from backup_sentinel.model import Problem

from .description import Data, FlawError, describe


class Labelled(msgspec.Struct, frozen=True, kw_only=True):
    """One Secret: the cluster it describes, or why it describes none. `created` is RFC 3339 in UTC, and sorts."""

    namespace: str = ""
    name: str = ""
    uid: str = ""
    created: str = ""
    version: str | None = None
    settings: ClusterSettings | None = None
    kubeconfig: str | None = None
    problem: Problem | None = None

    @property
    def key(self) -> tuple[str, str]:
        """Namespace and name."""
        return self.namespace, self.name

    @property
    def origin(self) -> str:
        """What messages call it."""
        return f"Secret {self.namespace}/{self.name}"

    @property
    def value(self) -> "Labelled":
        """This: what a watch tells of an object is the object."""
        return self

    @property
    def resource_version(self) -> str | None:
        """The version of the object."""
        return self.version


class _Metadata(msgspec.Struct, rename="camel"):
    name: str = ""
    namespace: str = ""
    uid: str = ""
    resource_version: str | None = None
    creation_timestamp: str | None = None


class _Head(msgspec.Struct):
    metadata: _Metadata


class _Body(msgspec.Struct):
    data: Data | None = None


class _ListMetadata(msgspec.Struct, rename="camel"):
    resource_version: str | None = None
    continue_: str | None = msgspec.field(name="continue", default=None)
    remaining_item_count: int | None = None


class _List(msgspec.Struct):
    metadata: _ListMetadata
    items: list[msgspec.Raw] | None


_heads = msgspec.json.Decoder(_Head)
_bodies = msgspec.json.Decoder(_Body)
_lists = msgspec.json.Decoder(_List)


class SecretPage(msgspec.Struct, frozen=True):
    """One page of a list of Secrets."""

    items: list[Labelled]
    resource_version: str | None
    continue_token: str | None
    remaining: int | None


class SecretDecoder:
    """Decodes Secrets; keeps nothing."""

    def page(self, body: bytes) -> SecretPage:
        """Decode a list. Raises ValueError where it is none."""
        listed = _lists.decode(body)
        meta = listed.metadata
        items = [self.item(raw) for raw in listed.items or ()]
        return SecretPage(items, meta.resource_version, meta.continue_, meta.remaining_item_count)

    def item(self, raw: bytes | msgspec.Raw) -> Labelled:
        """Decode one Secret. Never raises."""
        try:
            meta = _heads.decode(raw).metadata
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            return Labelled(problem=Problem(ProblemReason.UNDECODABLE, detail="this is no Secret"))
        head = Labelled(
            namespace=meta.namespace,
            name=meta.name,
            uid=meta.uid,
            created=meta.creation_timestamp or "",
            version=meta.resource_version,
        )
        try:
            settings, config = describe(_bodies.decode(raw).data or Data(), meta.name)
        except FlawError as flaw:
            return msgspec.structs.replace(head, problem=flaw.problem)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            problem = Problem(ProblemReason.UNDECODABLE, "data", "a value is not base64")
            return msgspec.structs.replace(head, problem=problem)
        return msgspec.structs.replace(head, settings=settings, kubeconfig=config)
