"""A look at a store at one moment: what the moment is, whether operators' texts are told, what clusters are called."""

from backup_sentinel.cause.message import tell
from backup_sentinel.export.store import Store


class Lens:
    """Looks at a store at one moment. With `texts` what operators wrote is told too, without secrets as everywhere.

    `titles` are what people call the clusters. Nothing is kept here; each row is right at the moment it is made.
    """

    def __init__(
        self, store: Store, now: float, *, texts: bool = False, titles: dict[str, str] | None = None
    ) -> None:
        self.store = store
        self.now = now
        self.texts = texts
        self.titles = titles or {}

    def title(self, cluster: str) -> str:
        """Return what people call a cluster."""
        return self.titles.get(cluster) or cluster or "this cluster"

    def text(self, text: str | None) -> str | None:
        """Return what an operator wrote, as far as it is told."""
        return tell(text) if self.texts and text else None

    def waiting(self) -> int:
        """Return how many resources that can be reached have not been listed yet."""
        return len(self.store.waiting())
