"""Messages on disk, and one delivery per message and channel, until each is delivered or a dead letter.

    schema     the file: its tables, versions and lock
    news       what was said before: two Alertmanagers of one cluster say the same
    letters    dead letters as they are read
    ledger     every change, as plain functions inside a transaction
    holding    messages that wait for what enrichers find out
    retention  what is deleted, and when
    writer     the one thread that writes; many changes share one commit
    outbox     the same for the event loop
    reading    dead letters for whoever only looks, also while a relay has the file

In: messages. Out: claims, in order within a group. The only room that knows SQLite. Never here: what a channel does.
"""

from .holding import LONGEST_HOLD, Held, Hold
from .identity import delivery_id, message_id
from .ledger import Channels, Claim, Putting
from .letters import Letter
from .outbox import Outbox, Pending
from .reading import read_letter, read_letters
from .schema import OutboxError, OutboxInUseError
from .writer import StorageError

__all__ = [
    "LONGEST_HOLD",
    "Channels",
    "Claim",
    "Held",
    "Hold",
    "Letter",
    "Outbox",
    "OutboxError",
    "OutboxInUseError",
    "Pending",
    "Putting",
    "StorageError",
    "delivery_id",
    "message_id",
    "read_letter",
    "read_letters",
]
