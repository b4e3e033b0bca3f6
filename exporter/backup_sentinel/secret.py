"""Text that must not be seen: in settings as text, as a file or as a variable, and in memory as a string that does not print itself."""

import base64
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, get_args, get_origin, get_type_hints
from urllib.parse import unquote, urlsplit

import msgspec

from .errors import SentinelError

MASK = "***"
_SHORTEST, _SHORTEST_PART = 4, 8
"""Characters of a secret, and of a part of one, that are hidden in texts; fewer are words of everybody."""


class SecretError(SentinelError):
    """A secret cannot be read; the text says where from and why, and never what it is."""


class Secret(str):
    """A string whose `repr`, `str` and formatted form are `***`; `reveal` gives the text.

    It is a `str`, so that a field annotated `str` decodes from plain text without a hook.
    """

    __slots__ = ()

    def __repr__(self) -> str:
        return repr(MASK)

    def __str__(self) -> str:
        return MASK

    def __format__(self, spec: str) -> str:
        return format(MASK, spec)

    def reveal(self) -> str:
        """Return the text itself, as an ordinary string."""
        return str.__str__(self)


class SecretSource(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Where a secret is: exactly one of a file and a variable of the environment."""

    file: str | None = None
    """Path; read at each use, so that a mounted Secret may be rotated. A line break at the end does not count."""
    env: str | None = None
    """Name of a variable of the environment."""

    def __post_init__(self) -> None:
        if (self.file is None) is (self.env is None):
            raise ValueError("give `file` or `env`, and only one of them")

    def read(self) -> str:
        """Return the text. Raises SecretError where there is none."""
        if self.env is not None:
            text = os.environ.get(self.env, "")
            if not text:
                raise SecretError(f"the environment has no {self.env}")
            return text
        try:
            text = Path(str(self.file)).read_text(encoding="utf-8").rstrip("\r\n")
        except (OSError, UnicodeDecodeError) as error:
            why = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
            raise SecretError(f"the secret file {self.file} cannot be read: {why}") from None
        if not text:
            raise SecretError(f"the secret file {self.file} is empty")
        return text


SecretText = Annotated[str | SecretSource, msgspec.Meta(extra={"secret": True})]
"""The type of a setting that is secret: text, `{file: PATH}` or `{env: NAME}`."""


class SecretKeeper(msgspec.Struct, frozen=True):
    """Settings with fields of `SecretText`: their text is hidden as soon as it is read, and `repr` shows no values."""

    def __post_init__(self) -> None:
        hints = get_type_hints(type(self), include_extras=True)
        for name in self.__struct_fields__:
            value = getattr(self, name)
            hidden = _hide(value, hints[name])
            if hidden is not value:
                msgspec.structs.force_setattr(self, name, hidden)

    def __repr__(self) -> str:
        return f"{type(self).__name__}(...)"

    def secrets(self) -> Iterator[str]:
        """Yield every secret text that can be read now, for masking; those that cannot are left out."""
        for name in self.__struct_fields__:
            yield from _found(getattr(self, name))


def reveal(secret: str | SecretSource) -> str:
    """Return the text of a secret. Raises SecretError."""
    if isinstance(secret, SecretSource):
        return secret.read()
    return secret.reveal() if isinstance(secret, Secret) else secret


def mask(text: str, secrets: Iterator[str]) -> str:
    """Return the text with `***` in place of each of the secrets, and of the parts by which others quote them.

    Secrets of fewer than four characters stay.
    """
    known = {secret for secret in secrets if len(secret) >= _SHORTEST}
    known |= {part for secret in known for part in _parts(secret) if len(part) >= _SHORTEST_PART}
    for secret in sorted(known, key=len, reverse=True):
        text = text.replace(secret, MASK)
    return text


def _parts(secret: str) -> Iterator[str]:
    """Yield what follows the scheme of a header; of a URL what a server repeats: path, query, and the pieces of both."""
    yield secret.partition(" ")[2].strip()
    try:
        url = urlsplit(secret)
        password = url.password
    except ValueError:
        return
    if url.netloc:
        yield url.path
        yield url.query
        login = f"{unquote(url.username or '')}:{unquote(password or '')}"
        yield base64.b64encode(login.encode()).decode()
        for piece in (*url.path.split("/"), *re.split("[&=]", url.query), password or ""):
            yield piece
            yield unquote(piece)


def _hide(value: Any, hint: Any) -> Any:
    if getattr(hint, "__metadata__", None) and any(
        isinstance(note, msgspec.Meta) and (note.extra or {}).get("secret") for note in hint.__metadata__
    ):
        return Secret(str.__str__(value)) if isinstance(value, str) else value
    arguments = get_args(hint)
    if isinstance(value, dict) and get_origin(hint) is dict:
        return {key: _hide(item, arguments[1]) for key, item in value.items()}
    if isinstance(value, tuple) and get_origin(hint) is tuple:
        return tuple(_hide(item, arguments[0]) for item in value)
    for part in arguments if isinstance(value, str | dict | tuple) else ():
        hidden = _hide(value, part)
        if hidden is not value:
            return hidden
    return value


def _found(value: Any) -> Iterator[str]:
    if isinstance(value, Secret | SecretSource):
        try:
            yield reveal(value)
        except SecretError:
            return
    elif isinstance(value, SecretKeeper):
        yield from value.secrets()
    elif isinstance(value, dict | tuple):
        for item in value.values() if isinstance(value, dict) else value:
            yield from _found(item)
