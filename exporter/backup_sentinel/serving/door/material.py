"""Certificates and keys in PEM, put into a context; what is wrong with them is said of the key that named them."""

import contextlib
import os
import re
import ssl
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

_CERTIFICATE = re.compile(rb"-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----")
_KEY = re.compile(rb"-----BEGIN (?:[A-Z0-9]+ )*PRIVATE KEY-----")


class FlawError(Exception):
    """A key of `tls_server_config` cannot be followed: which one, why, and what to do."""

    def __init__(self, field: str, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.field = field
        self.message = message
        self.hint = hint


class Material(NamedTuple):
    """Contents in PEM, wherever they came from, with the key of the file that named them."""

    cert: bytes
    cert_field: str
    key: bytes
    key_field: str
    client_ca: bytes
    client_ca_field: str

    def __repr__(self) -> str:
        return "Material(...)"


def load_pair(context: ssl.SSLContext, pem: Material) -> None:
    """Load the certificate that this side shows, and its key. Raises FlawError."""
    load_authorities(ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), pem.cert, pem.cert_field)
    if not _KEY.search(pem.key):
        raise FlawError(pem.key_field, "there is no private key in PEM form in it")
    try:
        with _as_file(pem.cert) as cert, _as_file(pem.key) as key:
            context.load_cert_chain(cert, key, password=_no_password)
    except ssl.SSLError as error:
        reason = error.reason or "unreadable"
        if reason == "KEY_VALUES_MISMATCH":
            raise FlawError(
                pem.key_field, "the key does not belong to the certificate", "were both renewed?"
            ) from None
        field = pem.cert_field if reason.startswith(("EE_", "CA_")) else pem.key_field
        raise FlawError(
            field, f"OpenSSL refuses certificate and key: {reason.lower().replace('_', ' ')}"
        ) from None


def _no_password() -> str:
    raise FlawError("key_file", "the key is under a password, and nobody is there to type it")


def load_authorities(context: ssl.SSLContext, content: bytes, field: str) -> None:
    """Load the certificates that the other side is verified by. Raises FlawError that names `field`."""
    found = _CERTIFICATE.findall(content)
    if not found:
        raise FlawError(field, "there is no certificate in PEM form in it")
    try:
        context.load_verify_locations(cadata=b"\n".join(found).decode("ascii"))
    except (ssl.SSLError, UnicodeDecodeError):
        raise FlawError(field, "a certificate in it cannot be read") from None


@contextlib.contextmanager
def _as_file(content: bytes) -> Iterator[str]:
    """Give a content a path, as `load_cert_chain` takes nothing else: in memory on Linux, so that no disk sees a key."""
    if sys.platform == "linux":
        with open(os.memfd_create("pem"), "wb") as file:  # noqa: PTH123 - a number, not a path
            file.write(content)
            file.flush()
            yield f"/proc/self/fd/{file.fileno()}"
    else:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, "pem")
            path.touch(mode=0o600)
            path.write_bytes(content)
            yield str(path)
