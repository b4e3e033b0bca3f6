"""Profiles from the package, from folders of users and from the configuration become one list, sorted by operator."""

from collections.abc import Collection, Iterable, Iterator, Mapping
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path

import yaml

from backup_sentinel.document import Document, nearest
from backup_sentinel.errors import DocumentError
from backup_sentinel.export.cron import DIALECTS

from .compile import Profile, compile_profile

_PACKAGE = "backup_sentinel.export.profiles"
_FOLDER = "profiles"
_ENDINGS = (".yaml", ".yml")


def load_profiles(
    folders: Iterable[Path | str] = (),
    operators: Collection[str] = (),
    dialects: Mapping[str, str] | None = None,
    *,
    inline: Iterable[Document | dict[str, object]] = (),
    packaged: bool = True,
) -> list[Profile]:
    """Return the compiled profiles: packaged ones, those of folders, those written inline.

    `operators` names the ones to use, all where it is empty; `dialects` replaces the cron dialect of an operator. An
    inline profile is best given as the part of the document it stands in, so that errors point into that file.
    Raise DocumentError where a profile is wrong, is not named as its file, or describes an operator a second time,
    and for a name in `operators` or `dialects` that no profile has, or a dialect that nobody speaks.
    """
    shipped = _shipped() if packaged else {}
    own: dict[str, Document] = {}
    for document, stem in _own(folders, inline):
        operator = _operator(document)
        _named(document, operator, stem)
        if operator in own or operator in shipped:
            other = own[operator].file if operator in own else f"{_FOLDER}/{shipped[operator].name}"
            hint = f"the first is in {other or 'the configuration'}; give yours another name"
            raise document.error(f"the operator `{operator}` is described twice", ("operator",), hint=hint)
        own[operator] = document
    for name in (*operators, *(dialects or {})):
        if name not in own and name not in shipped:
            raise DocumentError(f"no profile is named `{name}`", hint=nearest(name, {**shipped, **own}))
    for name, dialect in (dialects or {}).items():
        if dialect not in DIALECTS:
            raise DocumentError(
                f"`{dialect}`, for `{name}`, is no dialect of crons", hint=nearest(dialect, DIALECTS)
            )
    # A profile of somebody's own is always compiled, so that a wrong one is refused; of ours only what is used.
    documents = own | {
        operator: Document(entry.read_text("utf-8"), f"{_FOLDER}/{entry.name}")
        for operator, entry in shipped.items()
        if not operators or operator in operators
    }
    profiles = {
        operator: compile_profile(document, (dialects or {}).get(operator))
        for operator, document in sorted(documents.items())
    }
    return [profile for name, profile in profiles.items() if not operators or name in operators]


def load_file(path: Path) -> Profile:
    """Return the compiled profile of one file; raise DocumentError where it is wrong, named otherwise or cannot be read."""
    document = _read(path)
    _named(document, _operator(document) or path.stem, path.stem)
    return compile_profile(document)


def _named(document: Document, operator: str, stem: str | None) -> None:
    """Raise DocumentError where a file is not named after its operator."""
    if stem is not None and stem != operator:
        raise document.error(
            f"the file is named `{stem}`", ("operator",), hint="operator and file have one name"
        )


def _operator(document: Document) -> str:
    value = document.value.get("operator") if isinstance(document.value, dict) else None
    return value if isinstance(value, str) else ""


def _shipped() -> dict[str, Traversable]:
    """Return the files of the packaged profiles by operator, which is what a file is named after."""
    return {
        entry.name.rpartition(".")[0]: entry
        for entry in files(_PACKAGE).iterdir()
        if entry.name.endswith(_ENDINGS)
    }


def _own(
    folders: Iterable[Path | str], inline: Iterable[Document | dict[str, object]]
) -> Iterator[tuple[Document, str | None]]:
    """Give each document of the user's, and the name its file has."""
    for folder in folders:
        yield from ((_read(path), path.stem) for path in _files(Path(folder)))
    for given in inline:
        if isinstance(given, Document):
            yield given, None
        else:
            text = yaml.safe_dump(given, sort_keys=False, allow_unicode=True)
            yield Document(text, "<inline profile>"), None


def _files(folder: Path) -> list[Path]:
    """List the profiles of a folder; a mounted ConfigMap has hidden folders, which are left alone."""
    try:
        entries = sorted(folder.iterdir())
    except OSError as error:
        raise DocumentError(
            f"the folder of profiles cannot be read: {error.strerror}", file=str(folder)
        ) from None
    return [
        path
        for path in entries
        if path.suffix in _ENDINGS and not path.name.startswith(".") and path.is_file()
    ]


def _read(path: Path) -> Document:
    try:
        return Document(path.read_text("utf-8"), str(path))
    except OSError as error:
        raise DocumentError(f"cannot be read: {error.strerror}", file=str(path)) from None
    except UnicodeDecodeError:
        raise DocumentError("is not UTF-8", file=str(path)) from None
