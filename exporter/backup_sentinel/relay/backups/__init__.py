"""What is known of backups, read in the words of the exporter's API, whoever answers.

    rows      the part of the API's answers that notifications tell of
    wish      what is asked, by the labels of an alert, and who may be asked
    exporter  the exporter, over HTTP
    cluster   clusters, by way of what the wiring hands over
    telling   from rows to findings about an alert

In: labels of alerts. Out: findings. Never here: what phases and fields of operators mean, which is the profiles' to say.
"""

from .cluster import ClusterSource
from .exporter import ExporterSettings, ExporterSource
from .rows import Detail, RunRow
from .telling import run_of, tell_of
from .wish import BLIND, STREAM, Look, Seen, Source, Wish, wish_of

__all__ = [
    "BLIND",
    "STREAM",
    "ClusterSource",
    "Detail",
    "ExporterSettings",
    "ExporterSource",
    "Look",
    "RunRow",
    "Seen",
    "Source",
    "Wish",
    "run_of",
    "tell_of",
    "wish_of",
]
