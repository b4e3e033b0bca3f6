"""From storage locations and repositories to rows."""

from backup_sentinel.export.store import Stream
from backup_sentinel.export.store.installation import Installation
from backup_sentinel.export.store.places import Place, PlaceKey
from backup_sentinel.model import Repository

from .choice import EVERYTHING, Choice
from .lens import Lens
from .rows import LocationRow, RepositoryRow


def tell_locations(lens: Lens, choice: Choice = EVERYTHING) -> list[LocationRow]:
    """Tell of the storage locations, those that are not available first."""
    rows = [
        tell_location(lens, place)
        for known in lens.store.installations()
        for place in known.places.values()
        if choice.takes_place(*place.key[:3])
    ]
    return sorted(
        rows,
        key=lambda row: (
            row.available is not False,
            row.cluster,
            row.operator,
            row.resource_namespace,
            row.location,
        ),
    )


def tell_repositories(lens: Lens, choice: Choice = EVERYTHING) -> list[RepositoryRow]:
    """Tell of the repositories, those that are not ready first."""
    rows = [
        _repository(lens, key, repository)
        for known in lens.store.installations()
        for key, repository in known.repositories.items()
        if choice.takes_place(*key[:3])
    ]
    return sorted(
        rows,
        key=lambda row: (
            row.ready is not False,
            row.cluster,
            row.operator,
            row.resource_namespace,
            row.repository,
        ),
    )


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
