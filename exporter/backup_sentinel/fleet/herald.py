"""Tells in the log of labelled Secrets that cannot be read or used: once when it begins, once when it ends."""

import logging

from backup_sentinel.errors import OutageReason
from backup_sentinel.kube.change import Change, Outage
from backup_sentinel.model import Problem

from .labelled import Labelled

_log = logging.getLogger("backup_sentinel.fleet")


class Herald:
    """Remembers what has been said."""

    def __init__(self) -> None:
        self._ailing: dict[str, OutageReason] = {}
        self._complaint = ""

    def heard(self, namespace: str, change: Change[Labelled]) -> None:
        """A namespace was heard from, or could not be asked."""
        if isinstance(change, Outage):
            reason = change.error.reason
            if self._ailing.get(namespace) is reason:
                return
            self._ailing[namespace] = reason
            hint = ""
            if reason is OutageReason.FORBIDDEN:
                hint = (
                    "; grant get, list and watch on secrets in this namespace, or use the configuration only"
                )
            _log.warning(
                "cannot read Secrets that describe clusters; those known are still watched: %s%s",
                change.error,
                hint,
                extra={"namespace": namespace, "reason": str(reason)},
            )
        elif self._ailing.pop(namespace, None) is not None:
            _log.info("can read Secrets that describe clusters again", extra={"namespace": namespace})

    def unreachable(self, complaint: str) -> None:
        """There is no access to the cluster of the Secrets."""
        if complaint != self._complaint:
            self._complaint = complaint
            _log.warning("cannot read Secrets that describe clusters: %s", complaint)

    @staticmethod
    def refused(secret: Labelled, problem: Problem, *, kept: bool) -> None:
        """A Secret cannot be used; `kept` says that an earlier version of it could, and counts."""
        _log.warning(
            "Secret does not describe a cluster%s: %s",
            ", its last usable version counts" if kept else "",
            problem.detail or problem.reason,
            extra={
                "namespace": secret.namespace,
                "secret": secret.name,
                "reason": str(problem.reason),
                "path": problem.path,
            },
        )
