"""Who may do what on a simulated API server: bearer tokens and rules per user."""

from collections.abc import Mapping, Sequence

import msgspec

from .refusals import Refusal
from .resources import ResourceType, Target

ANONYMOUS = "system:anonymous"


class Grant(msgspec.Struct, frozen=True):
    """A right: these verbs on these resources (`plural.group`), in these namespaces; "*" stands for all."""

    verbs: tuple[str, ...] = ("*",)
    resources: tuple[str, ...] = ("*",)
    namespaces: tuple[str, ...] = ("*",)

    def covers(self, verb: str, resource: str, namespace: str) -> bool:
        """Return whether the right is enough; a request for all namespaces needs the right in all of them."""
        return (
            not {"*", verb}.isdisjoint(self.verbs)
            and not {"*", resource}.isdisjoint(self.resources)
            and ("*" in self.namespaces or (bool(namespace) and namespace in self.namespaces))
        )


class Access:
    """Tokens and grants; both can be changed while the server runs.

    Without `tokens` everybody is let in. A user without an entry in `grants` may do everything.
    """

    def __init__(
        self, tokens: Mapping[str, str] | None = None, grants: Mapping[str, Sequence[Grant]] | None = None
    ) -> None:
        self.tokens = dict(tokens or {})
        self.grants = {user: list(rights) for user, rights in (grants or {}).items()}

    def identify(self, authorization: str | None) -> str:
        """Return the user of an Authorization header; refuse with 401."""
        if not self.tokens:
            return ANONYMOUS
        scheme, _, token = (authorization or "").partition(" ")
        user = self.tokens.get(token.strip()) if scheme.lower() == "bearer" else None
        if user is None:
            raise Refusal(401, "Unauthorized")
        return user

    def check(self, user: str, verb: str, resource_type: ResourceType, target: Target) -> None:
        """Refuse with 403 what no grant of the user covers."""
        rights = self.grants.get(user)
        if rights is None or any(
            right.covers(verb, resource_type.name, target.namespace) for right in rights
        ):
            return
        what = (
            f"{resource_type.plural}.{resource_type.group}" if resource_type.group else resource_type.plural
        )
        named = f' "{target.name}"' if target.name else ""
        scope = f'in the namespace "{target.namespace}"' if target.namespace else "at the cluster scope"
        raise Refusal(
            403,
            f'{what}{named} is forbidden: User "{user}" cannot {verb} resource "{resource_type.plural}" '
            f'in API group "{resource_type.group}" {scope}',
            details={"name": target.name, "group": resource_type.group, "kind": resource_type.plural},
        )
