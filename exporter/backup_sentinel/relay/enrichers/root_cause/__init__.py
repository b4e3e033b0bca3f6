"""Why a run failed: the operator's own words, failed volumes, Kubernetes Events, and the errors of Velero's results file."""

from typing import ClassVar

from backup_sentinel.relay.backups import BLIND, Look
from backup_sentinel.relay.enrichers.enricher import (
    Enricher,
    EnricherSettings,
    Right,
    Seconds,
    Stage,
)
from backup_sentinel.relay.reach import ClusterSettings
from backup_sentinel.relay.velero import GROUP, ResultsSettings

from .inquiry import RootCause


class RootCauseSettings(EnricherSettings, frozen=True, kw_only=True, tag="root_cause"):
    """Adds why a run failed. Takes from `backup_state` what that has found, and reads the clusters for the rest."""

    stage: ClassVar[Stage] = Stage.JUDGE
    reads_operators: ClassVar[bool] = True
    rights: ClassVar[tuple[Right, ...]] = (
        Right(("events",), ("list",), when="events"),
        Right(("downloadrequests",), ("create", "get", "delete"), group=GROUP, when="results.enabled"),
    )

    timeout_seconds: Seconds = 30.0
    """Time for one message, Velero's signature and the download of its results file included."""
    events: bool = True
    """Read the Kubernetes Events of the run's object. Needs the right to list Events."""
    results: ResultsSettings = ResultsSettings()
    """Read the errors by namespace and item out of Velero's results file."""
    clusters: tuple[ClusterSettings, ...] = ()
    """Clusters to read; those of the root and of `CLUSTER_<N>_*` unless given."""

    def open(self) -> Enricher:
        """Return the enricher where runs are known from `backup_state` alone. Raises TLSError."""
        return self.open_with(BLIND)

    def open_with(self, look: Look) -> Enricher:
        """Return the enricher. Raises TLSError."""
        return RootCause(
            self.clusters,
            look,
            patience=self.timeout_seconds,
            events=self.events,
            results=self.results if self.results.enabled else None,
        )
