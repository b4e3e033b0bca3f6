"""What the resources of one operator, taken together, let one know."""

from backup_sentinel.model import Run

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

    def tells(self, record: str) -> bool:
        """Tell whether a kind of record is known of: a resource that shows it is served, and was listed once."""
        return any(feed.known and not feed.missing for feed in self.of(record))

    def of(self, record: str, namespace: str | None = None) -> list[Feed]:
        """Return the feeds that show a kind of record (in a namespace)."""
        feeds = [feed for feed in self._feeds if record in feed.records]
        return feeds if namespace is None else [feed for feed in feeds if feed.key.scope in {"", namespace}]

    def find_run(self, name: str, *, namespace: str | None = None, action: str | None = None) -> Run | None:
        """Return the run that an object of that name stands for; without an action anything but a restore."""
        for feed in self._feeds:
            if "run" not in feed.records:
                continue
            for held in feed.namespaces() if namespace is None else (namespace,):
                for record in feed.get(held, name):
                    if isinstance(record, Run) and (
                        record.key.action == action if action is not None else record.key.action != "restore"
                    ):
                        return record
        return None

    def remembers(self, run: Run) -> bool:
        """Tell whether an earlier process had listed the resource that shows a run, so that the run is news."""
        feeds = self.of("run")
        if len({feed.remembered for feed in feeds}) < 2:
            return any(feed.remembered for feed in feeds)
        name = (run.namespace, run.name)
        return any(feed.remembered and any(held is run for held in feed.get(*name)) for feed in feeds)
