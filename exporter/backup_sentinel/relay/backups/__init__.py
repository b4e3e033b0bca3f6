"""What is known of backups, read in the words of the exporter's API, whoever answers.

    rows     the part of the API's answers that notifications tell of
    sources  who is asked: an exporter over HTTP, or clusters by way of what the wiring hands over
    telling  from rows to findings about an alert

In: labels of alerts. Out: findings. Never here: what phases and fields of operators mean, which is the profiles' to say.
"""

from .rows import Detail, RunRow
from .sources import (
    BLIND,
    ClusterSource,
    ExporterSettings,
    ExporterSource,
    Look,
    Seen,
    Source,
    Wish,
    stream_of,
)
from .telling import run_of, tell_of

__all__ = [
    "BLIND",
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
    "stream_of",
    "tell_of",
]
