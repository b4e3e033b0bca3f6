"""Joins the stages of the export river: reflectors, readers, the store, the renderer.

The only place that knows them all. Settings come in, tasks go out; nothing is decided here.
"""

from .herald import Herald
from .pipeline import Pipeline

__all__ = ["Herald", "Pipeline"]
