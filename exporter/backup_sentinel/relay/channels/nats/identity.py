"""Who we are to a server, in the words of the library."""

from typing import Any

import nkeys
from nats.aio.client import RawCredentials

from backup_sentinel.errors import SentinelError
from backup_sentinel.secret import reveal

from .settings import NatsSettings


class CredentialsError(SentinelError):
    """Credentials are not what they should be; the text does not show them."""


def identity_of(settings: NatsSettings) -> dict[str, Any]:
    """Return what `Client.connect` needs to log in, read anew. Raises SecretError, CredentialsError."""
    if settings.username is not None and settings.password is not None:
        return {"user": settings.username, "password": reveal(settings.password)}
    if settings.token is not None:
        return {"token": reveal(settings.token)}
    if settings.credentials is not None:
        text = reveal(settings.credentials)
        if "BEGIN NATS USER JWT" not in text or "BEGIN USER NKEY SEED" not in text:
            raise CredentialsError(f"`credentials` of channel {settings.name} is no .creds file")
        return {"user_credentials": RawCredentials(text)}
    if settings.nkey_seed is not None:
        return {"nkeys_seed_str": _check(reveal(settings.nkey_seed), settings.name)}
    return {}


def _check(seed: str, channel: str) -> str:
    try:
        nkeys.from_seed(bytearray(seed.strip().encode())).wipe()
    except Exception:  # noqa: BLE001 - the library raises many kinds, and says things about the seed
        raise CredentialsError(f"`nkey_seed` of channel {channel} is no seed of an NKey") from None
    return seed


__all__ = ["CredentialsError", "identity_of"]
