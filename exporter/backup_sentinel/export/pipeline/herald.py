"""Tells of outages and problems in the log: once when they begin, once when they end, never in between."""

import logging

from backup_sentinel.errors import WHOLE_CLUSTER, ApiError, OutageReason
from backup_sentinel.export.store import Feed, News
from backup_sentinel.telemetry import Telemetry

WHOLE_OPERATOR = frozenset({OutageReason.THROTTLED, OutageReason.SERVER_ERROR})
"""Outages that concern all resources of one API group, at least."""

_log = logging.getLogger("backup_sentinel.export")


class Herald:
    """Remembers what has been said. `titles` are what people call the clusters."""

    def __init__(self, telemetry: Telemetry, titles: dict[str, str]) -> None:
        self._telemetry = telemetry
        self._titles = titles
        self._ailing: dict[tuple[str, str, str], set[str]] = {}

    def outage(self, feed: Feed, error: ApiError) -> None:
        """A resource cannot be read."""
        self._end(feed, besides=self._topic(feed, error))
        ailing = self._ailing.setdefault(self._topic(feed, error), set())
        if not ailing:
            _log.warning(
                "cannot read from cluster: %s",
                error,
                extra={
                    "cluster": self._title(feed),
                    "resource": feed.key.resource,
                    "reason": str(error.reason),
                },
            )
        ailing.add(self._name(feed))

    def contact(self, feed: Feed) -> None:
        """A resource can be read."""
        if self._ailing:
            self._end(feed)

    def missing(self, feed: Feed) -> None:
        """A resource is not served; said only if it was."""
        self._end(feed)
        if feed.known and feed.up is not False:
            _log.warning(
                "resource is no longer served; its last state is kept",
                extra={"cluster": self._title(feed), "resource": feed.key.resource},
            )

    def forget(self, cluster: str) -> None:
        """A cluster is not watched any more."""
        self._ailing = {topic: names for topic, names in self._ailing.items() if topic[0] != cluster}

    def news(self, news: News) -> None:
        """An object has problems that it did not have before."""
        for problem in news.problems:
            self._telemetry.problem(problem.reason, news.feed.operator)
            _log.warning(
                "object cannot be taken at its word: %s",
                problem.detail or problem.reason,
                extra={
                    "cluster": self._titles.get(news.feed.cluster, news.feed.cluster),
                    "resource": news.feed.resource,
                    "object": f"{news.namespace}/{news.name}" if news.name else "unknown",
                    "reason": str(problem.reason),
                    "path": problem.path,
                },
            )

    def _end(self, feed: Feed, besides: tuple[str, str, str] | None = None) -> None:
        for topic in [topic for topic in self._ailing if topic[0] == feed.key.cluster and topic != besides]:
            ailing = self._ailing[topic]
            if self._name(feed) not in ailing:
                continue
            ailing.discard(self._name(feed))
            if not ailing:
                del self._ailing[topic]
                _log.info(
                    "can read from cluster again" if besides is None else "reason of the outage changed",
                    extra={"cluster": self._title(feed), "resource": feed.key.resource, "reason": topic[2]},
                )

    def _topic(self, feed: Feed, error: ApiError) -> tuple[str, str, str]:
        subject = self._name(feed)
        if error.reason in WHOLE_CLUSTER:
            subject = ""
        elif error.reason in WHOLE_OPERATOR:
            subject = feed.key.operator
        return feed.key.cluster, subject, error.reason

    @staticmethod
    def _name(feed: Feed) -> str:
        return f"{feed.key.resource}/{feed.key.scope}" if feed.key.scope else feed.key.resource

    def _title(self, feed: Feed) -> str:
        return self._titles.get(feed.key.cluster) or feed.key.cluster
