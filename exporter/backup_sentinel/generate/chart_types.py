"""Types that the values of the Helm chart are made of."""

from typing import Annotated, Any, ClassVar

import msgspec

Map = dict[str, Any]
Items = tuple[dict[str, Any], ...]
Texts = dict[str, str]
Names = tuple[str, ...]
Port = Annotated[int, msgspec.Meta(ge=1, le=65535)]
Count = Annotated[int, msgspec.Meta(ge=0)]
Duration = Annotated[
    str,
    msgspec.Meta(
        pattern=r"^(|0|(([0-9]+)y)?(([0-9]+)w)?(([0-9]+)d)?(([0-9]+)h)?(([0-9]+)m)?(([0-9]+)s)?(([0-9]+)ms)?)$"
    ),
]
DNSName = Annotated[
    str,
    msgspec.Meta(
        pattern=r"^(|[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*)$", max_length=253
    ),
]
Label = Annotated[str, msgspec.Meta(pattern=r"^(|[a-z0-9]([-a-z0-9]*[a-z0-9])?)$", max_length=63)]
ServiceName = Annotated[str, msgspec.Meta(pattern=r"^(|[a-z]([-a-z0-9]*[a-z0-9])?)$", max_length=52)]
"""What a Service may be called, with room for the suffixes of other resources."""
Digest = Annotated[str, msgspec.Meta(pattern=r"^(|sha256:[0-9a-f]{64})$")]


def preset(**fields: Any) -> Any:
    """Return a field that holds this map by default."""
    return msgspec.field(default_factory=lambda: dict(fields))


class Values(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, rename="camel"):
    """What all structs of values have in common."""

    behind: ClassVar[str] = ""
    """Field behind which people read those that a struct inherits; before all others unless given."""
