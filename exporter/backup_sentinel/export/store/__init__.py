"""State of all clusters, kept up to date record by record, and the verdicts that follow from it.

Readings of objects come in (`Store.listed`, `put`, `drop`), changed subjects with their facts come out.
No input or output, no text.
"""

from .facts import ClusterFacts, NamespaceFacts, News, Reading
from .feed import Feed, FeedKey
from .marks import Marks, NamespaceKey, Scope
from .places import Place, PlaceKey
from .saved import SavedCluster
from .store import Store
from .stream import Stream, VolumeSum
from .union import merge

__all__ = [
    "ClusterFacts",
    "Feed",
    "FeedKey",
    "Marks",
    "NamespaceFacts",
    "NamespaceKey",
    "News",
    "Place",
    "PlaceKey",
    "Reading",
    "SavedCluster",
    "Scope",
    "Store",
    "Stream",
    "VolumeSum",
    "merge",
]
