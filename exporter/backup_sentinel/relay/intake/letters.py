"""What may be done about dead letters while the relay has the file: replay and purge, for those whom `relay.admin` names."""

import logging
from collections.abc import Awaitable, Callable
from typing import Annotated

import msgspec
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from backup_sentinel.relay.outbox import Outbox, StorageError
from backup_sentinel.relay.settings import RelaySettings
from backup_sentinel.secret import SecretError

from .users import Users

PATH = "/api/v1/deadletters"
MOST = 1000
"""Dead letters in one request."""

_log = logging.getLogger("backup_sentinel.relay")


class Choice(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Body of a request: which dead letters."""

    ids: Annotated[list[str], msgspec.Meta(min_length=1, max_length=MOST)]
    """Delivery ids."""


class Outcome(msgspec.Struct, frozen=True):
    """Body of an answer: what became of them."""

    done: list[str]
    unknown: list[str]
    """There is no such dead letter."""
    homeless: list[str] = []
    """Their channel is no longer configured: they would only die again."""


class Letters:
    """Routes for dead letters."""

    def __init__(self, settings: RelaySettings, outbox: Outbox) -> None:
        """Raises SecretError for secrets that cannot be read."""
        self._users = Users(settings.admin)
        self._outbox = outbox
        self._channels = [channel.name for channel in settings.channels]

    def routes(self) -> list[Route]:
        """Return the routes."""
        return [
            Route(f"{PATH}/replay", self._guarded(self._replay), methods=["POST"]),
            Route(f"{PATH}/purge", self._guarded(self._purge), methods=["POST"]),
        ]

    def _guarded(
        self, act: Callable[[Choice], Awaitable[Outcome]]
    ) -> Callable[[Request], Awaitable[Response]]:
        async def answer(request: Request) -> Response:
            if self._users.everybody:
                return _refuse(403, "nobody may: `relay.admin` has no tokens and no users")
            try:
                if not self._users.knows(request.headers.get("authorization")):
                    return _refuse(401, "this token or password may not do that")
                choice = msgspec.json.decode(await request.body(), type=Choice)
                outcome = await act(choice)
            except (msgspec.MsgspecError, UnicodeDecodeError) as error:
                return _refuse(400, f'the body is not of the form {{"ids": ["..."]}}: {error}')
            except (SecretError, StorageError) as error:
                return _refuse(503, str(error))
            _log.info(
                "dead letters",
                extra={"action": request.url.path.rpartition("/")[2], "count": len(outcome.done)},
            )
            return JSONResponse(msgspec.to_builtins(outcome))

        return answer

    async def _replay(self, choice: Choice) -> Outcome:
        return await replay(self._outbox, choice.ids, self._channels)

    async def _purge(self, choice: Choice) -> Outcome:
        return await purge(self._outbox, choice.ids)


async def replay(outbox: Outbox, identities: list[str], channels: list[str]) -> Outcome:
    """Let dead letters wait again, under their old ids; `channels` are those that exist. Raises StorageError."""
    outcome = Outcome([], [], [])
    for identity in identities:
        letter = await outbox.letter(identity)
        if letter is not None and letter.channel not in channels:
            outcome.homeless.append(identity)
        elif await outbox.replay(identity):
            outcome.done.append(identity)
        else:
            outcome.unknown.append(identity)
    return outcome


async def purge(outbox: Outbox, identities: list[str]) -> Outcome:
    """Throw dead letters away. Raises StorageError."""
    outcome = Outcome([], [], [])
    for identity in identities:
        (outcome.done if await outbox.purge(identity) else outcome.unknown).append(identity)
    return outcome


def _refuse(status: int, why: str) -> Response:
    headers = {"WWW-Authenticate": 'Bearer realm="Backup Sentinel"'} if status == 401 else None
    return JSONResponse({"status": "error", "error": why}, status, headers)
