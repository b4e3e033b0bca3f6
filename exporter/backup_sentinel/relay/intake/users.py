"""Who may send: tokens and passwords of the settings, compared in constant time."""

import base64
import binascii
import hmac

from backup_sentinel.relay.settings import AdminSettings, IntakeSettings
from backup_sentinel.secret import reveal


class Users:
    """Those who may send; without any, everybody."""

    def __init__(self, settings: IntakeSettings | AdminSettings) -> None:
        """Read every secret once. Raises SecretError for one that cannot be read."""
        self._settings = settings
        self._headers()

    @property
    def everybody(self) -> bool:
        """Whether nobody is asked."""
        return not self._settings.tokens and not self._settings.users

    def knows(self, authorization: str | None) -> bool:
        """Tell whether a header Authorization is that of one who may send. Raises SecretError."""
        if self.everybody:
            return True
        scheme, _, rest = (authorization or "").partition(" ")
        rest = rest.strip()
        if scheme.lower() == "basic":  # the same pair has many spellings in base64
            try:
                rest = base64.b64encode(base64.b64decode(rest, validate=True)).decode()
            except (binascii.Error, ValueError):
                return False
        given = f"{scheme.lower()} {rest}".encode()
        found = False
        for header in self._headers():
            found |= hmac.compare_digest(header, given)
        return found

    def _headers(self) -> list[bytes]:
        """Return the headers that are right; a file is read again each time, so that it may change."""
        headers = [f"bearer {reveal(one.token)}".encode() for one in self._settings.tokens]
        for user in self._settings.users:
            pair = f"{user.username}:{reveal(user.password)}".encode()
            headers.append(b"basic " + base64.b64encode(pair))
        return headers
