"""Who is asked about the backups that alerts are about: an exporter, or the clusters themselves."""

import base64
from collections.abc import Mapping, Sequence
from typing import NamedTuple, Protocol, TypeVar
from urllib.parse import urlencode

import msgspec

from backup_sentinel.errors import DeliveryError, EnrichmentError
from backup_sentinel.relay.egress import AddressError, Egress, check_url
from backup_sentinel.relay.message import Alert
from backup_sentinel.relay.reach import ClusterSettings, choose
from backup_sentinel.relay.tls import ClientTLS
from backup_sentinel.secret import SecretKeeper, SecretText, reveal

from .rows import Detail, RunRow

STREAM = ("cluster", "operator", "resource_namespace", "schedule", "action", "target")
"""Labels that name a stream of runs. An alert that has the first without the others is about no stream."""
_NEEDED = frozenset({"operator", "resource_namespace", "action"})
LARGEST = 4 << 20
"""Bytes of an answer: 200 runs with their texts and volumes."""
_UNKNOWN = frozenset({404, 409})

Stream = Mapping[str, str]
T = TypeVar("T")


class Wish(NamedTuple):
    """What one alert is about: the labels of a stream, and the name of a run; "" where the alert names none."""

    stream: Stream
    run: str


class Seen(NamedTuple):
    """What was found for each wish, None for nothing, and what was in the way: one sentence each."""

    details: Sequence[Detail | None]
    notes: tuple[str, ...] = ()


class Source(Protocol):
    """Whoever is asked."""

    async def see(self, wishes: Sequence[Wish], patience: float) -> Seen:
        """Return what is known, within so many seconds. Raises EnrichmentError."""

    async def close(self) -> None:
        """Give up connections."""


class Look(Protocol):
    """Reads a cluster once, as the exporter does. The wiring hands it over, since readers are the export river's."""

    async def __call__(
        self, cluster: ClusterSettings, operator: str, wishes: Sequence[Wish], patience: float
    ) -> tuple[list[bytes | None], tuple[str, ...]]:
        """Return the API's answer to `/schedule` for each wish, and what was in the way. Raises EnrichmentError."""


async def _see_nothing(
    cluster: ClusterSettings,  # noqa: ARG001 - as whoever looks
    operator: str,  # noqa: ARG001
    wishes: Sequence[Wish],  # noqa: ARG001
    patience: float,  # noqa: ARG001
) -> tuple[list[bytes | None], tuple[str, ...]]:
    raise EnrichmentError("clusters cannot be read here")


BLIND: Look = _see_nothing
"""Where nobody reads clusters."""


def stream_of(alert: Alert) -> Wish | None:
    """Return what an alert is about; None for one that is about no schedule or run."""
    if not all(alert.labels.get(name) for name in _NEEDED):
        return None
    stream = {name: alert.labels.get(name, "") for name in STREAM}
    return Wish(stream, alert.annotations.get("run", ""))


class ExporterSettings(SecretKeeper, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """How the exporter is asked. Its texts are told to those who have the permission to read them."""

    url: str
    """Its address, such as `http://backup-sentinel:9950`, without `/api/v1`."""
    token: SecretText | None = None
    """Bearer token, for a proxy in front of it."""
    username: str | None = None
    """User of its web configuration."""
    password: SecretText | None = None
    """The user's password."""
    tls: ClientTLS = ClientTLS()
    """How it is checked."""

    def __post_init__(self) -> None:
        super().__post_init__()
        try:
            check_url(self.url, "`url`")
        except AddressError as error:
            raise ValueError(str(error)) from None
        if (self.username is None) != (self.password is None):
            raise ValueError("`username` and `password` go together")
        if self.token is not None and self.username is not None:
            raise ValueError("give `token` or `username` and `password`, not both")

    def headers(self) -> dict[str, str]:
        """Return what proves who asks. Raises SecretError."""
        if self.token is not None:
            return {"Authorization": f"Bearer {reveal(self.token)}"}
        if self.username is not None and self.password is not None:
            pair = f"{self.username}:{reveal(self.password)}".encode()
            return {"Authorization": f"Basic {base64.b64encode(pair).decode()}"}
        return {}


class ExporterSource:
    """Asks an exporter over its API. The caller has a time limit."""

    def __init__(self, settings: ExporterSettings) -> None:
        self._settings = settings
        self._egress = Egress(settings.tls.context() if settings.url.startswith("https:") else None)

    async def see(self, wishes: Sequence[Wish], patience: float) -> Seen:  # noqa: ARG002 - whoever asks stops waiting
        """Return what the exporter knows."""
        return Seen([await self._find(wish) for wish in wishes])

    async def close(self) -> None:
        """Close every connection."""
        await self._egress.close()

    async def _find(self, wish: Wish) -> Detail | None:
        """Ask for a stream by all of its labels, then without a cluster: exporters of one cluster may have none."""
        clusters = dict.fromkeys((wish.stream["cluster"], ""))
        for cluster in clusters:
            stream = {**wish.stream, "cluster": cluster}
            found = await self._get("schedule", stream, Detail)
            if found is not None:
                return found
            run = await self._get("run", {**stream, "name": wish.run}, RunRow) if wish.run else None
            if run is not None:
                return Detail(runs=(run,))
        return None

    async def _get(self, what: str, parameters: Stream, kind: type[T]) -> T | None:
        address = f"{self._settings.url.rstrip('/')}/api/v1/{what}?{urlencode(parameters)}"
        headers = {"Accept": "application/json", "Accept-Encoding": "identity", **self._settings.headers()}
        try:
            answer = await self._egress.request(
                "GET", address, headers=headers, expected=_UNKNOWN, longest=LARGEST
            )
        except DeliveryError as error:
            raise EnrichmentError(f"the exporter was asked in vain: {error}") from None
        if answer.status in _UNKNOWN:
            return None
        try:
            return msgspec.json.decode(answer.body, type=kind)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            raise EnrichmentError("the exporter's answer cannot be understood") from None


class ClusterSource:
    """Reads clusters, once for all wishes about one operator."""

    def __init__(self, clusters: Sequence[ClusterSettings], look: Look) -> None:
        self._clusters = clusters
        self._look = look

    async def see(self, wishes: Sequence[Wish], patience: float) -> Seen:
        """Return what the clusters say."""
        places: dict[tuple[str, str], list[int]] = {}
        for index, wish in enumerate(wishes):
            places.setdefault((wish.stream["cluster"], wish.stream["operator"]), []).append(index)
        details: list[Detail | None] = [None] * len(wishes)
        notes: dict[str, None] = {}
        for (name, operator), indexes in places.items():
            cluster = choose(self._clusters, name)
            known = [
                Wish({**wishes[index].stream, "cluster": cluster.name}, wishes[index].run)
                for index in indexes
            ]
            answers, troubles = await self._look(cluster, operator, known, patience)
            notes.update(dict.fromkeys(troubles))
            for index, answer in zip(indexes, answers, strict=True):
                if answer is not None:
                    details[index] = msgspec.json.decode(answer, type=Detail)
        return Seen(details, tuple(notes))

    async def close(self) -> None:
        """Nothing is open."""
