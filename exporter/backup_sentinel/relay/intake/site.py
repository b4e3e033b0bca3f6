"""Routes of the relay."""

import logging

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from backup_sentinel.clock import Clock
from backup_sentinel.errors import DeliveryReason
from backup_sentinel.relay.message import Message
from backup_sentinel.relay.outbox import Outbox, Putting, StorageError
from backup_sentinel.relay.settings import RelaySettings
from backup_sentinel.relay.telemetry import RelayTelemetry
from backup_sentinel.secret import SecretError
from backup_sentinel.telemetry import Telemetry

from .letters import Letters
from .payload import PayloadError, read
from .users import Users

_log = logging.getLogger("backup_sentinel.relay")
_CHALLENGES = 'Bearer realm="Backup Sentinel", Basic realm="Backup Sentinel", charset="UTF-8"'


class Site:
    """Takes messages in, and answers about the relay itself.

    Alertmanager tries again after a 5xx and gives up after a 4xx, 429 included (notify/webhook, retrier): so what
    may be right later is always 503.
    """

    def __init__(
        self,
        settings: RelaySettings,
        outbox: Outbox,
        telemetry: Telemetry,
        relay_telemetry: RelayTelemetry,
        clock: Clock,
    ) -> None:
        """Raises SecretError for secrets that cannot be read."""
        self._settings = settings
        self._outbox = outbox
        self._exposition = telemetry
        self._telemetry = relay_telemetry
        self._clock = clock
        self._users = Users(settings.intake)
        self._letters = Letters(settings, outbox)

    def application(self) -> Starlette:
        """Return the routes."""
        site = Starlette(
            routes=[
                Route("/alertmanager", self.take, methods=["POST"]),
                Route("/alert", self.take, methods=["POST"]),
                *self._letters.routes(),
                Route("/metrics", self.metrics),
                Route("/-/healthy", self.healthy),
                Route("/-/ready", self.ready),
            ]
        )
        site.router.redirect_slashes = False  # a redirect would lead to whatever host the client names
        return site

    async def take(self, request: Request) -> Response:
        """Take a message: 200 when it is on disk, or was sent before."""
        try:
            known = self._users.knows(request.headers.get("authorization"))
        except SecretError as error:
            return self._unavailable(str(error))
        if not known:
            self._telemetry.message("unauthorized")
            return _refuse(401, "this token or password may not send", {"WWW-Authenticate": _CHALLENGES})
        try:
            message = read(await request.body(), self._clock.now())
        except PayloadError as error:
            self._telemetry.message("malformed")
            _log.warning("malformed message", extra={"error": str(error)})
            return _refuse(400, str(error))
        return await self._keep(message)

    async def _keep(self, message: Message) -> Response:
        wanted = {
            one.name: filtered
            for one in self._settings.channels
            if (filtered := one.filter.apply(message)) is not None
        }
        relevant = {alert.fingerprint for filtered in wanted.values() for alert in filtered.alerts}
        _log.info(
            f"Received {len(relevant)} relevant alert(s)",
            extra={"id": message.id, "receiver": message.receiver, "channels": list(wanted)},
        )
        if not wanted:
            self._telemetry.message("irrelevant")
            return JSONResponse({"status": "irrelevant"})
        if sum(self._outbox.waiting.values()) >= self._settings.intake.max_pending:
            return self._unavailable("too many deliveries wait")
        most = {one.name: one.delivery.max_pending for one in self._settings.channels if one.name in wanted}
        try:
            putting = await self._outbox.put(
                message, most, self._settings.intake.duplicate_window_seconds, self._settings.hold(wanted)
            )
        except StorageError:
            return self._unavailable("the outbox cannot be written")
        return self._answer(message, putting)

    def _answer(self, message: Message, putting: Putting) -> Response:
        if putting.duplicate:
            self._telemetry.message("duplicate")
            return JSONResponse({"status": "duplicate"})
        for channel in putting.crowded_out:
            self._telemetry.delivery(channel, "dead")
            _log.error("delivery given up", extra={"channel": channel, "reason": DeliveryReason.CROWDED_OUT})
        self._telemetry.message("accepted")
        return JSONResponse({"status": "accepted", "id": message.id})

    async def metrics(self, _: Request) -> Response:
        """Serve the exposition of this process."""
        try:
            pending = await self._outbox.pending()
        except StorageError:
            self._telemetry.outbox(self._outbox.waiting, {}, {}, usable=False)
        else:
            self._telemetry.outbox(*pending, usable=True)
        return Response(self._exposition.text(), media_type="text/plain; version=0.0.4; charset=utf-8")

    async def healthy(self, _: Request) -> Response:
        """Say that the event loop turns."""
        return PlainTextResponse("Backup Sentinel is healthy.\n")

    async def ready(self, _: Request) -> Response:
        """Say whether messages are taken: Kubernetes then sends them to nobody else, so only the outbox counts."""
        if self._outbox.usable:
            return PlainTextResponse("Backup Sentinel is ready.\n")
        return PlainTextResponse("The outbox cannot be written.\n", 503)

    def _unavailable(self, why: str) -> Response:
        self._telemetry.message("unavailable")
        _log.warning("message not taken", extra={"error": why})
        return _refuse(503, f"{why}; try again later", {"Retry-After": "5"})


def _refuse(status: int, why: str, headers: dict[str, str] | None = None) -> Response:
    return JSONResponse({"status": "error", "error": why}, status, headers)
