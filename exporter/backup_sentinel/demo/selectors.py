"""Label and field selectors of list and watch requests."""

from collections.abc import Callable, Mapping

import msgspec

from .refusals import Refusal
from .resources import ResourceType

Labels = Mapping[str, str]


class Stored(msgspec.Struct, frozen=True, gc=False):
    """One version of one object: its serialised form and what is needed to find it."""

    key: str
    namespace: str
    name: str
    revision: int
    body: bytes
    labels: dict[str, str] | None = None


class Selector(msgspec.Struct, frozen=True):
    """Which objects a request is about: a namespace ("" for all), and terms that must all hold."""

    namespace: str = ""
    terms: tuple[Callable[[Stored], bool], ...] = ()

    def matches(self, stored: Stored) -> bool:
        """Return whether the object belongs to the answer."""
        if self.namespace and stored.namespace != self.namespace:
            return False
        return all(term(stored) for term in self.terms)


def parse_selector(kind: ResourceType, namespace: str, labels: str, fields: str) -> Selector:
    """Return the selector of a request; refuse with 400 what the server does not understand.

    Labels know `a=b`, `a==b`, `a!=b`, `a` and `!a`; fields the first three, for `metadata.name`, `metadata.namespace`
    and those that the resource has beside (https://kubernetes.io/docs/concepts/overview/working-with-objects/field-selectors/).
    """
    terms = [_label(text.strip()) for text in labels.split(",") if text.strip()]
    terms += [_field(kind, text.strip()) for text in fields.split(",") if text.strip()]
    return Selector(namespace, tuple(terms))


def _label(text: str) -> Callable[[Stored], bool]:
    if "(" in text or " " in text:
        raise Refusal(400, f"unable to parse requirement: {text!r}: this server knows equality only")
    if "!=" in text:
        key, value = text.split("!=", 1)
        return lambda stored: (stored.labels or {}).get(key) != value
    if "=" in text:
        key, value = text.replace("==", "=").split("=", 1)
        return lambda stored: (stored.labels or {}).get(key) == value
    if text.startswith("!"):
        return lambda stored: text[1:] not in (stored.labels or {})
    return lambda stored: text in (stored.labels or {})


def _field(kind: ResourceType, text: str) -> Callable[[Stored], bool]:
    key, sign, value = text.replace("==", "=").partition("!=" if "!=" in text else "=")
    equal = sign == "="
    if key == "metadata.name":
        return lambda stored: (stored.name == value) is equal
    if key == "metadata.namespace":
        return lambda stored: (stored.namespace == value) is equal
    if key not in kind.selectable_fields:
        raise Refusal(400, f"field label not supported: {key}")
    path = key.split(".")

    def matches(stored: Stored) -> bool:
        found = msgspec.json.decode(stored.body)
        for name in path:
            found = found.get(name) if isinstance(found, dict) else None
        return (("" if found is None else str(found)) == value) is equal

    return matches
