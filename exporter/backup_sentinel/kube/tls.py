"""TLS towards an API server: one context for each cluster, because each has a certificate authority of its own."""

import os
import ssl
import tempfile
from pathlib import Path

from backup_sentinel.errors import AccessError

from .credentials import Credentials


def context(credentials: Credentials) -> ssl.SSLContext:
    """Build the context that checks the server and shows our client certificate. Raises AccessError."""
    try:
        built = ssl.create_default_context(cadata=credentials.ca or None)
        if credentials.insecure:
            built.check_hostname = False
            built.verify_mode = ssl.CERT_NONE
        # As client-go does: authorities of clusters often lack the key identifiers that strict mode wants
        # (EKS among them), and any certificate of the bundle is an anchor. Python 3.13 changed both defaults.
        built.verify_flags &= ~ssl.VERIFY_X509_STRICT
        built.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
        if credentials.certificate and credentials.key:
            _show(built, credentials.certificate, credentials.key)
    except (ssl.SSLError, ValueError) as error:
        raise AccessError(f"certificates for {credentials.server} cannot be used: {error}") from error
    return built


def _show(built: ssl.SSLContext, certificate: str, key: str) -> None:
    # The ssl module reads a key only from a file. mkstemp makes it readable for nobody else.
    descriptor, path = tempfile.mkstemp(prefix="backup-sentinel-")
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(f"{certificate.rstrip()}\n{key.rstrip()}\n")
        # Without a password OpenSSL would ask for one on the terminal.
        built.load_cert_chain(path, password="")
    finally:
        Path(path).unlink()
