"""Subjects of the store become families of samples, and these the bytes that Prometheus reads.

`catalog` says what is shown, `renderer` how it is written, `negotiation` in which format. No state of clusters here.
"""

from .catalog import FAMILIES
from .family import Family, Kind, Stability
from .labels import names as labels_of
from .negotiation import Format, negotiate, wants_gzip
from .renderer import Page, Renderer

__all__ = [
    "FAMILIES",
    "Family",
    "Format",
    "Kind",
    "Page",
    "Renderer",
    "Stability",
    "labels_of",
    "negotiate",
    "wants_gzip",
]
