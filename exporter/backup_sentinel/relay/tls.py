"""How channels check the other side and show who they are: one struct for all protocols."""

import ssl

import msgspec

from backup_sentinel.errors import SentinelError


class TLSError(SentinelError):
    """Certificates cannot be used; the text names the file and says why."""


class ClientTLS(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """TLS of a channel; TLS 1.2 is the least."""

    ca_file: str | None = None
    """Certificate authorities to trust (PEM); those of the system unless given."""
    cert_file: str | None = None
    """Client certificate and chain (PEM)."""
    key_file: str | None = None
    """Its key (PEM, without a password)."""
    insecure: bool = False
    """Do not check the receiver's certificate. Anybody in between can then read and change messages."""

    def __post_init__(self) -> None:
        if bool(self.cert_file) != bool(self.key_file):
            raise ValueError("`cert_file` and `key_file` go together")

    def context(self) -> ssl.SSLContext:
        """Return a context made of the files as they are now. Raises TLSError."""
        file = self.ca_file
        try:
            context = ssl.create_default_context(cafile=self.ca_file)
            if self.insecure:
                context.check_hostname = False
                context.verify_mode = ssl.CERT_NONE
            if self.cert_file and self.key_file:
                file = f"{self.cert_file} with {self.key_file}"
                # A password would be asked for on the terminal; an empty one makes it an error.
                context.load_cert_chain(self.cert_file, self.key_file, password="")
        except (OSError, ValueError) as error:
            why = getattr(error, "strerror", None) or getattr(error, "reason", None) or type(error).__name__
            raise TLSError(f"{file} cannot be used for TLS: {why}") from None
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        return context
