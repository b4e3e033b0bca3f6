"""Where the process listens, and the URL at which people reach it."""

import socket

from backup_sentinel.errors import SentinelError

from .door import FrontDoor


class ListenError(SentinelError):
    """The address cannot be listened on."""


def bind(listen: str) -> socket.socket:
    """Return a socket that listens on HOST:PORT; without a host on all addresses, with port 0 on any free port.

    Raises ListenError.
    """
    host, _, port = listen.rpartition(":")
    host = host.strip("[]")
    try:
        number = int(port)
    except ValueError:
        number = -1
    if not 0 <= number <= 65535:
        raise ListenError(f"`{listen}` is no address to listen on; write HOST:PORT, for example :9950")
    family = socket.AF_INET6 if ":" in host or (not host and socket.has_dualstack_ipv6()) else socket.AF_INET
    try:
        return socket.create_server(
            (host, number), family=family, dualstack_ipv6=family is socket.AF_INET6 and not host, backlog=1024
        )
    except OSError as error:
        hint = (
            "; is another process listening there? Choose one with --listen" if "in use" in str(error) else ""
        )
        raise ListenError(f"cannot listen on {listen}: {error}{hint}") from error


def address(bound: socket.socket, front_door: FrontDoor | None = None) -> str:
    """Return the URL at which people reach a socket from the same machine; https where the door has TLS."""
    scheme = "https" if front_door is not None and front_door.encrypts else "http"
    host, port = bound.getsockname()[:2]
    if host in {"::", "0.0.0.0"}:  # noqa: S104 - compared, not bound
        host = "localhost"
    return f"{scheme}://[{host}]:{port}" if ":" in host else f"{scheme}://{host}:{port}"
