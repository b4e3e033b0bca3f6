"""From storage locations and repositories to rows, those with troubles first."""

from collections.abc import Iterable, Iterator, Sequence
from operator import itemgetter

from backup_sentinel.export.store import Place, PlaceKey, Stream
from backup_sentinel.export.store.installation import Installation
from backup_sentinel.model import Repository

from .choice import EVERYTHING, Choice
from .lens import Lens
from .rows import LocationRow, RepositoryRow
from .verdicts import Verdict

FEW_PLACES = 20
"""How many of the places that cannot be used are told of beside schedules."""


def find_locations(lens: Lens, choice: Choice = EVERYTHING) -> list[Place]:
    """Return the storage locations that are asked for, those that are not available first."""
    return sorted(_locations(lens, choice), key=lambda place: (place.available is not False, place.key))


def find_repositories(lens: Lens, choice: Choice = EVERYTHING) -> list[tuple[PlaceKey, Repository]]:
    """Return the repositories that are asked for, those that are not ready first."""
    return sorted(_repositories(lens, choice), key=lambda one: (one[1].ready is not False, one[0]))


def unavailable(lens: Lens, choice: Choice, judged: Sequence[Verdict]) -> list[Place]:
    """Return the locations that cannot be used; where some streams are asked for, those that these write to."""
    known = (
        (place_of(verdict.known, verdict.stream) for verdict in judged)
        if choice.narrow
        else _locations(lens, choice)
    )
    found = {place.key: place for place in known if place is not None and place.available is False}
    return [found[key] for key in sorted(found)]


def unready(lens: Lens, choice: Choice) -> list[tuple[PlaceKey, Repository]]:
    """Return the repositories that cannot be used; none where some streams are asked for: nothing tells whose they are."""
    if choice.narrow:
        return []
    found = (one for one in _repositories(lens, choice) if one[1].ready is False)
    return sorted(found, key=itemgetter(0))


def _locations(lens: Lens, choice: Choice) -> Iterator[Place]:
    for known in lens.store.installations():
        for place in known.places.values():
            if choice.takes_place(*place.key[:3]):
                yield place


def _repositories(lens: Lens, choice: Choice) -> Iterator[tuple[PlaceKey, Repository]]:
    for known in lens.store.installations():
        for key, repository in known.repositories.items():
            if choice.takes_place(*key[:3]):
                yield key, repository


def tell_locations(lens: Lens, places: Iterable[Place]) -> tuple[LocationRow, ...]:
    """Tell of storage locations."""
    return tuple(tell_location(lens, place) for place in places)


def tell_repositories(
    lens: Lens, repositories: Iterable[tuple[PlaceKey, Repository]]
) -> tuple[RepositoryRow, ...]:
    """Tell of repositories."""
    return tuple(_repository(lens, key, repository) for key, repository in repositories)


def place_of(known: Installation, stream: Stream) -> Place | None:
    """Return the location that a stream writes to, if it is known which."""
    key, name = stream.key, stream.location
    return (
        known.places.get(PlaceKey(key.cluster, key.operator, key.namespace, name))
        if name is not None
        else None
    )


def tell_location(lens: Lens, place: Place) -> LocationRow:
    """Tell of one storage location."""
    cluster, operator, namespace, name = place.key
    known = place.location
    return LocationRow(
        cluster=cluster,
        operator=operator,
        resource_namespace=namespace,
        location=name,
        exists=known is not None,
        available=place.available,
        reason=place.reason or None,
        default=known.default if known else None,
        read_only=known.read_only if known else None,
        provider=known.provider if known else None,
        last_validation=known.last_validation if known else None,
        last_sync=known.last_sync if known else None,
        message=lens.text(known.message) if known else None,
    )


def _repository(lens: Lens, key: PlaceKey, known: Repository) -> RepositoryRow:
    return RepositoryRow(
        cluster=key.cluster,
        operator=key.operator,
        resource_namespace=key.namespace,
        repository=key.name,
        ready=known.ready,
        location=known.location,
        last_maintenance=known.last_maintenance,
        message=lens.text(known.message),
    )
