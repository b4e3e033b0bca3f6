"""Velero: everything that the demo knows about it. Here live its objects and its words; never the order of events."""

from .operator import Velero

OPERATOR = Velero()
