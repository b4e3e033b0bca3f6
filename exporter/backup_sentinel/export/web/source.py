"""Where answers come from, and how much of it whoever asks may see."""

from collections.abc import Callable
from typing import Protocol

from starlette.requests import Request

from backup_sentinel.export.exposition import Renderer
from backup_sentinel.export.overview import Lens
from backup_sentinel.export.store import Store
from backup_sentinel.serving import is_known

SHIELD = {"X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer", "Cache-Control": "no-store"}
"""Headers of everything that tells of backups."""


class Source(Protocol):
    """The state of the moment. `titles` are what people call the clusters."""

    store: Store
    renderer: Renderer
    titles: dict[str, str]


class View:
    """Gives each request its lens."""

    def __init__(self, source: Callable[[], Source], now: Callable[[], float]) -> None:
        self.source = source
        self._now = now

    def lens(self, request: Request) -> Lens:
        """Return what the client may look through; texts of operators only with the permission to read them."""
        source = self.source()
        return Lens(source.store, self._now(), texts=self.may_read(request), titles=dict(source.titles))

    def may_read(self, request: Request) -> bool:
        """Tell whether the client may read what operators wrote."""
        wanted = self.source().store.settings.show_messages
        return wanted == "always" or (wanted == "protected" and is_known(request.scope))
