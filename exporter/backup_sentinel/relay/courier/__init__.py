"""Deliveries are carried out: claimed, enriched, rendered, sent, and settled; the only loop that tries again.

    courier   all channels, and the housekeeping of the outbox
    lane      one channel: how many at once, how fast, and what becomes of an attempt
    breaker   whether a channel is worth an attempt
    pace      how fast, and how long until the next attempt
    enriching what enrichers add, and what they could not find out

In: claims of the outbox. Out: settled deliveries. Never here: what a channel does, and SQL.
"""

from .courier import Courier
from .enriching import Enricher

__all__ = ["Courier", "Enricher"]
