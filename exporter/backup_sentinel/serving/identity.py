"""Whether it is known who asks: by a password of the web-config file, or by a certificate that was verified."""

from starlette.types import Scope

_KEY = "backup_sentinel.known_client"


def introduce(scope: Scope) -> None:
    """Note that the client has proven who it is."""
    scope[_KEY] = True


def is_known(scope: Scope) -> bool:
    """Tell whether the client has proven who it is; never true where nobody is asked."""
    return scope.get(_KEY) is True
