"""What a reflector tells about one resource of one cluster, in the order in which it happened."""

from collections.abc import Sequence
from typing import Generic, Protocol, TypeAlias, TypeVar

import msgspec

from backup_sentinel.errors import ApiError

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)


class Listed(msgspec.Struct, Generic[T], frozen=True):
    """Part of a list.

    `first` opens a new one, also where an earlier one broke off. `complete` ends it: what was not seen since
    `first` is gone. Until then nothing is.
    """

    values: Sequence[T]
    first: bool
    complete: bool


class Put(msgspec.Struct, Generic[T], frozen=True):
    """An object is there, new or changed."""

    value: T


class Gone(msgspec.Struct, Generic[T], frozen=True):
    """An object was deleted; `value` is its last state."""

    value: T


class Contact(msgspec.Struct, frozen=True):
    """The cluster was heard from, and told of no change: a bookmark, or a watch that was renewed."""


class Outage(msgspec.Struct, frozen=True):
    """The cluster cannot be asked. Nothing may be concluded about its objects."""

    error: ApiError


class Missing(msgspec.Struct, frozen=True):
    """The cluster answers, and does not serve the resource: never installed, uninstalled, or not yet ready."""


Change: TypeAlias = Listed[T] | Put[T] | Gone[T] | Contact | Outage | Missing


class Page(Protocol[T_co]):
    """A decoded answer to a list request. `remaining` is the server's count of objects on later pages."""

    @property
    def items(self) -> Sequence[T_co]: ...  # noqa: D102
    @property
    def resource_version(self) -> str | None: ...  # noqa: D102
    @property
    def continue_token(self) -> str | None: ...  # noqa: D102
    @property
    def remaining(self) -> int | None: ...  # noqa: D102


class Item(Protocol[T_co]):
    """A decoded object of a watch event."""

    @property
    def value(self) -> T_co: ...  # noqa: D102
    @property
    def resource_version(self) -> str | None: ...  # noqa: D102


class Decoder(Protocol[T_co]):
    """Makes values of bytes. A malformed object is a value that says so; only a malformed page is an error."""

    def page(self, body: bytes) -> Page[T_co]:
        """Decode a list. Raises ValueError where it is none: a Status, no items, no metadata, cut short."""

    def item(self, raw: bytes | msgspec.Raw) -> Item[T_co]:
        """Decode one object. Never raises."""


class Observer:
    """Hooks for telemetry; the default ones do nothing. Results are "success" or a value of `OutageReason`."""

    def listed(self, resource: str, result: str) -> None:
        """Take note that a list ended."""

    def watched(self, resource: str, result: str) -> None:
        """Take note that a watch ended."""

    def event(self, resource: str, kind: str) -> None:
        """Take note of one event of a watch, of the type `kind`."""
