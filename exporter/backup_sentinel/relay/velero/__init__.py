"""What only Velero tells, and only in its object storage: the results file that says which item failed.

    download  a DownloadRequest and the file behind its signed URL
    results   the file itself: errors by namespace and item

In: names and a cluster. Out: findings. Never here: alerts, and what is shown to whom.
"""

from .download import GROUP, OPERATOR, TARGETS, ResultsSettings, explain, fetch, open_egress
from .results import ResultsError, read_results

__all__ = [
    "GROUP",
    "OPERATOR",
    "TARGETS",
    "ResultsError",
    "ResultsSettings",
    "explain",
    "fetch",
    "open_egress",
    "read_results",
]
