"""The keys of a web-config file, as in docs/web-configuration.md and web/tls_config.go of prometheus/exporter-toolkit.

A key given as nothing, or as "", counts as not given, as in Go. No `repr` shows a key, a certificate or a hash.
"""

from typing import Literal

import msgspec

ClientAuth = Literal[
    "",
    "NoClientCert",
    "RequestClientCert",
    "RequireAnyClientCert",
    "RequireClientCert",
    "VerifyClientCertIfGiven",
    "RequireAndVerifyClientCert",
]
"""The five policies of Go's tls.ClientAuthType; "" is NoClientCert, RequireClientCert an old name of RequireAnyClientCert."""

Version = Literal["TLS10", "TLS11", "TLS12", "TLS13"]


class TLSSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`tls_server_config`."""

    cert: str = ""
    """Certificate and chain, PEM; or `cert_file`."""
    key: str = ""
    """Private key, PEM without a password; or `key_file`."""
    client_ca: str = ""
    """Certificates that clients are verified by, PEM; or `client_ca_file`; without both those of the system."""
    cert_file: str = ""
    key_file: str = ""
    client_ca_file: str = ""
    client_auth_type: ClientAuth = ""
    """Only RequireAndVerifyClientCert keeps anybody out, says the toolkit."""
    client_allowed_sans: tuple[str, ...] | None = None
    """A client's certificate must have one of these as DNS name, e-mail address, IP address or URI, letter by letter."""
    min_version: Version = "TLS12"
    max_version: Version = "TLS13"
    cipher_suites: tuple[str, ...] = ()
    """Up to TLS 1.2; the suites of TLS 1.3 cannot be chosen, in Go either."""
    prefer_server_cipher_suites: bool = True
    """Whether the order above decides, or the client's. Go ignores it since 1.17."""
    curve_preferences: tuple[str, ...] = ()

    def __repr__(self) -> str:
        return "TLSSettings(...)"


class Headers(
    msgspec.Struct,
    frozen=True,
    forbid_unknown_fields=True,
    kw_only=True,
    rename={
        "strict_transport_security": "Strict-Transport-Security",
        "content_type_options": "X-Content-Type-Options",
        "frame_options": "X-Frame-Options",
        "xss_protection": "X-XSS-Protection",
        "content_security_policy": "Content-Security-Policy",
    },
):
    """`http_server_config.headers`: those that the toolkit allows, no others."""

    strict_transport_security: str = ""
    content_type_options: Literal["nosniff"] | None = None
    frame_options: Literal["deny", "sameorigin"] | None = None
    xss_protection: str = ""
    content_security_policy: str = ""


class HTTPSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`http_server_config`."""

    http2: bool = True
    """Accepted without effect: answers are HTTP/1.1."""
    headers: Headers = Headers()
    """Go along with every answer, and replace what the application says of them."""


class RateSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`rate_limit`: one token bucket for all clients."""

    interval: str = "0"
    """A Go duration: one request more each time. "0" is no limit."""
    burst: int = 0
    """Requests at once; at least 1 where there is a limit."""


class WebSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The root."""

    tls_server_config: TLSSettings | None = None
    http_server_config: HTTPSettings = HTTPSettings()
    basic_auth_users: dict[str, str] = {}
    """Name to bcrypt hash; without any, no password is asked for."""
    rate_limit: RateSettings = RateSettings()

    def __repr__(self) -> str:
        return "WebSettings(...)"
