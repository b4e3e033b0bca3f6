"""What an enricher is: settings that open it, and one question about a message.

An enricher knows nothing of channels, of the outbox, and of when it is asked. It may fail as it likes: the message goes out.
"""

from collections.abc import Mapping
from enum import IntEnum
from typing import Annotated, Any, ClassVar, Protocol

import msgspec

from backup_sentinel.relay.backups import Look
from backup_sentinel.relay.filters import Filter
from backup_sentinel.relay.finding import Finding
from backup_sentinel.relay.message import Message
from backup_sentinel.rights import Right
from backup_sentinel.secret import SecretKeeper

Seconds = Annotated[float, msgspec.Meta(gt=0, le=600)]
Settle = Annotated[float, msgspec.Meta(ge=0, le=600)]
Count = Annotated[int, msgspec.Meta(ge=1)]


class Stage(IntEnum):
    """When an enricher is asked. Those of one stage are asked together, when all of the stage before have answered."""

    READ = 0
    """Reads the state of backups; needs nothing but the message."""
    JUDGE = 1
    """Uses what was read."""
    PROBE = 2
    """Does something costly that only some judgements call for."""


class Enricher(Protocol):
    """An open enricher. `find` may run several times at once, up to the setting `concurrency`."""

    async def find(self, message: Message, facts: Mapping[str, Any]) -> Finding | None:
        """Return what was found out; None for nothing.

        `message` has those alerts that the filter lets through; `facts` are the findings of earlier stages by kind, as
        plain values. Raises EnrichmentError with a sentence for the reader; of anything else only the type is told.
        """

    async def close(self) -> None:
        """Give up connections. Called once, when nothing is under way."""


class EnricherSettings(SecretKeeper, frozen=True, forbid_unknown_fields=True, kw_only=True, tag_field="type"):
    """What all enrichers have in common. A subclass is tagged with the name of its module; there is one of each kind."""

    stage: ClassVar[Stage] = Stage.READ
    rights: ClassVar[tuple[Right, ...]] = ()
    """What it needs in the clusters it asks; roles are generated from it."""
    reads_operators: ClassVar[bool] = False
    """Whether it also lists what the profiles of the operators read. It does not where its setting `exporter` is given."""

    filter: Filter = Filter()
    """Which alerts it is asked about; messages without any of them do not wait for it."""
    timeout_seconds: Seconds = 10.0
    """Time for one message; afterwards it goes out with a note."""
    settle_seconds: Settle = 0.0
    """Seconds after a message was accepted before this enricher, and those of earlier stages, are asked about it."""
    concurrency: Count = 4
    """Messages it is asked about at the same time."""

    @property
    def kind(self) -> str:
        """The tag."""
        return str(self.__struct_config__.tag)

    def open(self) -> Enricher:
        """Return the enricher; connect later, in `find`.

        Called inside the running event loop. Raises SentinelError for what can be known to be wrong.
        """
        raise NotImplementedError

    def open_with(self, look: Look) -> Enricher:  # noqa: ARG002 - for those who do
        """Return the enricher as `open` does; those who read clusters as the exporter does keep `look`."""
        return self.open()


__all__ = ["Enricher", "EnricherSettings", "Finding", "Right", "Stage"]
