"""The direct mode as a daemon: looks again and again, and hands what is due to the outbox, whose courier delivers it."""

import logging
from collections.abc import Callable, Sequence

from backup_sentinel.clock import Clock
from backup_sentinel.errors import ApiError, DeliveryReason, OutageReason, SentinelError
from backup_sentinel.export.store import Store
from backup_sentinel.relay.channels import ChannelSettings
from backup_sentinel.relay.message import Message
from backup_sentinel.relay.outbox import Outbox, StorageError
from backup_sentinel.relay.settings import RelaySettings
from backup_sentinel.relay.telemetry import RelayTelemetry

from .channels import digests
from .desk import Desk
from .incident import Incident
from .looking import complete
from .post import batches
from .record import Record
from .settings import NotifySettings
from .shelf import Shelf
from .wording import message

_log = logging.getLogger("backup_sentinel.notify")

_REFUSED = frozenset({OutageReason.FORBIDDEN, OutageReason.UNAUTHORIZED})
SAVE_INTERVAL = 600.0
"""Seconds after which it is written down that nothing had to be told."""


class Daemon:
    """Run it with `run`. `store` gives the store of the moment: a new configuration brings another one."""

    def __init__(
        self,
        settings: NotifySettings,
        relay: RelaySettings,
        store: Callable[[], Store],
        titles: Callable[[], dict[str, str]],
        outbox: Outbox,
        telemetry: RelayTelemetry,
        shelf: Shelf,
        clock: Clock,
    ) -> None:
        """`relay` has the channels that are told."""
        self._settings = settings
        self._relay = relay
        self._store = store
        self._titles = titles
        self._outbox = outbox
        self._telemetry = telemetry
        self._shelf = shelf
        self._clock = clock
        self._known: Record | None = None
        self._unsaved: Record | None = None
        """The record while it says more than what is kept of it."""
        self._saved = float("-inf")
        self._ailing = False

    async def run(self) -> None:
        """Look until cancelled. Raises ApiError where the record may not be read: nothing would ever be told."""
        while True:
            await self._turn()
            try:
                self._telemetry.outbox(*await self._outbox.pending(), usable=True)
            except StorageError:
                self._telemetry.outbox(self._outbox.waiting, {}, {}, usable=False)
            await self._clock.sleep(self._settings.interval_seconds)

    async def _turn(self) -> None:
        """Look once; what could not be kept is told at the next look."""
        try:
            await self._look()
        except (SentinelError, StorageError) as error:
            if self._known is None and isinstance(error, ApiError) and error.reason in _REFUSED:
                raise
            if not self._ailing:
                _log.error(
                    "what was sent cannot be read or noted; it is tried again", extra={"error": str(error)}
                )
            self._ailing = True
        else:
            self._ailing = False

    async def _look(self) -> None:
        owed = self._unsaved is not None
        record = self._unsaved or await self._load()
        store, now = self._store(), self._clock.now()
        store.refresh()
        desk = Desk(self._settings, record, now)
        desk.look(store, self._titles())
        self._unsaved = record
        told = await self._tell(desk, now)
        desk.finish(complete(store), now)
        if told or owed or now - self._saved >= SAVE_INTERVAL:
            await self._shelf.save(record)
            self._saved = now
        self._known, self._unsaved = record, None

    async def _load(self) -> Record:
        """Return the record as it is now, since people may clear it; what was known of it, if it cannot be read."""
        try:
            return await self._shelf.load()
        except SentinelError:
            if self._known is None:
                raise
            return self._known

    async def _tell(self, desk: Desk, now: float) -> bool:
        """Put what is due into the outbox, which forgets nothing; return whether anything was. Raises StorageError."""
        everybody = [one.name for one in self._relay.channels]
        told = False
        for part, due in self._alike(desk):
            for key, incidents in batches(self._settings, part[0], due, now):
                await self._put(message(key, incidents, now), part)
                desk.settle(incidents, [one.name for one in part], everybody)
                told = True
        return told

    def _alike(self, desk: Desk) -> list[tuple[list[ChannelSettings], list[Incident]]]:
        """Return channels that get the same messages, and what is due to them."""
        found: dict[tuple[object, ...], tuple[list[ChannelSettings], list[Incident]]] = {}
        for one in self._relay.channels:
            due = desk.due(one.name)
            alike = (digests(self._settings, one), *(incident.name for incident in due))
            found.setdefault(alike, ([], due))[0].append(one)
        return list(found.values())

    async def _put(self, whole: Message, part: Sequence[ChannelSettings]) -> None:
        wanted = {one.name: kept for one in part if (kept := one.filter.apply(whole)) is not None}
        _log.info(
            "news of backups", extra={"id": whole.id, "alerts": len(whole.alerts), "channels": list(wanted)}
        )
        if not wanted:
            self._telemetry.message("irrelevant")
            return
        most = {one.name: one.delivery.max_pending for one in part if one.name in wanted}
        window = self._relay.intake.duplicate_window_seconds
        putting = await self._outbox.put(whole, most, window, self._relay.hold(wanted))
        for channel in putting.crowded_out:
            self._telemetry.delivery(channel, "dead")
            _log.error("delivery given up", extra={"channel": channel, "reason": DeliveryReason.CROWDED_OUT})
        self._telemetry.message("duplicate" if putting.duplicate else "accepted")
