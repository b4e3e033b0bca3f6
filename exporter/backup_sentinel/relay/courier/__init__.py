"""Deliveries are carried out: enriched, claimed, rendered, sent, and settled; the only loop that tries again.

    courier   all channels, and the housekeeping of the outbox
    lane      one channel: how many at once, how fast, and what becomes of an attempt
    attempt   one attempt, and what became of it
    breaker   whether a channel is worth an attempt
    pace      how fast, and how long until the next attempt
    enriching what enrichers find out about a message, before its first delivery
    panel     all enrichers and one message, stage by stage
    asking    one enricher and one message, within limits

In: claims of the outbox. Out: settled deliveries. Never here: what a channel does, and SQL.
"""

from .attempt import Attempt, attempt
from .courier import Courier
from .enriching import DEFECT
from .lane import LATE
from .panel import Panel

__all__ = ["DEFECT", "LATE", "Attempt", "Courier", "Panel", "attempt"]
