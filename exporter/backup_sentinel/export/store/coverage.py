"""What the resources of one operator, taken together, let one know."""

from .feed import Feed


class Coverage:
    """Questions about a list of feeds, which may grow."""

    def __init__(self, feeds: list[Feed]) -> None:
        self._feeds = feeds

    def accounted(self, record: str, namespace: str) -> bool:
        """Tell whether all records of a kind that could ever be seen in a namespace have been listed."""
        return all(
            feed.synced or (not feed.remembered and (feed.up is False or feed.missing))
            for feed in self.of(record, namespace)
        )

    def unscheduled(self, namespace: str) -> bool:
        """Tell whether the schedules of a namespace cannot be read and never could."""
        feeds = self.of("schedule", namespace)
        return bool(feeds) and all(
            feed.up is False and not (feed.synced or feed.remembered) for feed in feeds
        )

    def synced(self, record: str, namespace: str | None = None) -> bool:
        """Tell whether all feeds that show a kind of record (in a namespace) have been listed, and there is one."""
        feeds = self.of(record, namespace)
        return bool(feeds) and all(feed.synced for feed in feeds)

    def of(self, record: str, namespace: str | None = None) -> list[Feed]:
        """Return the feeds that show a kind of record (in a namespace)."""
        feeds = [feed for feed in self._feeds if record in feed.records]
        return feeds if namespace is None else [feed for feed in feeds if feed.key.scope in {"", namespace}]
