"""How much a client may ask for and how long it may take, so that a hostile one harms nobody else."""

import contextlib
import logging
import resource
from typing import Annotated

import msgspec

_log = logging.getLogger("backup_sentinel.serving")
_OWN_FILES = 256
"""Open files left for everything that is not a client: clusters, certificates, logs."""

Count = Annotated[int, msgspec.Meta(ge=1)]
Seconds = Annotated[float, msgspec.Meta(gt=0)]


class Limits(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What one client, and all together, may use. The defaults suit scrapers, probes and people."""

    connections: Count = 1024
    """Open connections that are served. An eighth more are answered 503, further ones are closed at once."""
    url_bytes: Count = 8 << 10
    """Bytes of path and query; 414 beyond."""
    head_bytes: Count = 32 << 10
    """Bytes of a request before its body; 431 beyond."""
    body_bytes: Count = 64 << 10
    """Bytes of the body of a request, on every route; 413 beyond."""
    head_seconds: Seconds = 10.0
    """Time for a TLS handshake, and from the first byte of a request (or the connection) to the end of its head."""
    body_seconds: Seconds = 10.0
    """Time from the end of the head to the end of the body; 408 beyond."""
    linger_bytes: Count = 8 << 20
    """Bytes that are read and thrown away after a refusal, so that a client that still sends can read it."""
    linger_seconds: Seconds = 5.0
    """Time for that."""
    idle_seconds: Seconds = 75.0
    """Time between two requests of one connection: above a scrape interval of one minute, so that TLS is reused."""
    stall_seconds: Seconds = 30.0
    """Time for which a client may leave an answer unread."""

    @property
    def refusals(self) -> int:
        """Connections beyond `connections` that are told 503, all at the same time."""
        return max(16, self.connections // 8)


def make_room(limits: Limits) -> None:
    """Raise the soft limit of open files as far as these connections need, as Go programs do; log where it cannot be."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = limits.connections + limits.refusals + _OWN_FILES
    if soft == resource.RLIM_INFINITY or soft >= wanted:
        return
    best = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    with contextlib.suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (best, hard))
    if resource.getrlimit(resource.RLIMIT_NOFILE)[0] < wanted:
        _log.warning(
            "fewer files may be open than connections are allowed; raise the limit (ulimit -n)",
            extra={"files": best, "wanted": wanted},
        )
