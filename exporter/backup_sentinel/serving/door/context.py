"""Rules of TLS as Python's ssl can express them.

What it cannot express is refused where leaving it out would let somebody in or would use what the file forbids, and
noted where it makes no difference to that.
"""

import ssl

from .material import FlawError, Material, load_authorities, load_pair
from .settings import TLSSettings
from .suites import CURVES, SUITES, VERSIONS

_NOT_ASKED = {"", "NoClientCert", "RequestClientCert"}


def server_context(tls: TLSSettings, pem: Material) -> tuple[ssl.SSLContext, list[str]]:
    """Return a context for the server's side and notes about keys without effect. Raises FlawError.

    Sessions are not resumed and not renegotiated: each connection shows its certificate to the rules in force.
    """
    notes: list[str] = []
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.options |= ssl.OP_NO_TICKET | ssl.OP_NO_RENEGOTIATION
    context.num_tickets = 0
    context.set_alpn_protocols(["http/1.1"])
    if not tls.prefer_server_cipher_suites:
        context.options &= ~ssl.OP_CIPHER_SERVER_PREFERENCE
    _choose_versions(context, tls, notes)
    _choose_curves(context, tls.curve_preferences, notes)
    load_pair(context, pem)
    _ask_clients(context, tls, pem, notes)
    return context, notes


def _choose_versions(context: ssl.SSLContext, tls: TLSSettings, notes: list[str]) -> None:
    if tls.max_version not in VERSIONS:
        raise FlawError(
            "max_version", f"{tls.max_version} is not spoken any more (RFC 8996)", "write TLS12 or TLS13"
        )
    if tls.min_version not in VERSIONS:
        notes.append(f"min_version {tls.min_version}: TLS 1.2 is the lowest that is spoken (RFC 8996)")
    lowest, highest = VERSIONS.get(tls.min_version, ssl.TLSVersion.TLSv1_2), VERSIONS[tls.max_version]
    if lowest > highest:
        raise FlawError("min_version", f"{tls.min_version} is above max_version, {tls.max_version}")
    older = [SUITES[name] for name in tls.cipher_suites if SUITES[name]]
    if tls.cipher_suites and not older:
        lowest = ssl.TLSVersion.TLSv1_3  # as in Go: none is left for TLS 1.2
        if highest < lowest:
            raise FlawError(
                "cipher_suites", "none of these belongs to TLS 1.2, and max_version allows no newer one"
            )
    if older:
        context.set_ciphers(":".join(older))
    context.minimum_version, context.maximum_version = lowest, highest


def _choose_curves(context: ssl.SSLContext, names: tuple[str, ...], notes: list[str]) -> None:
    if len(names) > 1 and hasattr(context, "set_groups"):  # Python 3.15
        context.set_groups(":".join(CURVES[name] for name in names))
    elif names:
        context.set_ecdh_curve(CURVES[names[0]])
        if len(names) > 1:
            notes.append(
                f"curve_preferences: this Python can name one curve only, {names[0]}; the others are off"
            )


def _ask_clients(context: ssl.SSLContext, tls: TLSSettings, pem: Material, notes: list[str]) -> None:
    kind = tls.client_auth_type
    if kind in {"RequireAnyClientCert", "RequireClientCert"}:
        raise FlawError(
            "client_auth_type",
            f"{kind} takes any certificate, even one that a stranger made: this is not offered",
            "write RequireAndVerifyClientCert, with client_ca_file",
        )
    if tls.client_allowed_sans is not None:
        if kind != "RequireAndVerifyClientCert":
            raise FlawError(
                "client_allowed_sans",
                "names are only checked where client_auth_type is RequireAndVerifyClientCert",
            )
        if not tls.client_allowed_sans:
            raise FlawError("client_allowed_sans", "an empty list lets nobody in")
    if pem.client_ca_field and kind in {"", "NoClientCert"}:
        raise FlawError(
            pem.client_ca_field, "clients are not asked for certificates", "give client_auth_type as well"
        )
    if kind in _NOT_ASKED:
        if kind == "RequestClientCert":
            notes.append(
                "client_auth_type RequestClientCert: nothing depends on the certificate, so none is asked for"
            )
        return
    if pem.client_ca_field:
        load_authorities(context, pem.client_ca, pem.client_ca_field)
    else:
        context.load_default_certs(ssl.Purpose.CLIENT_AUTH)
        notes.append(
            "client_ca_file is not given: any certificate of an authority this system trusts is taken"
        )
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN  # as in Go: what is listed is trusted, root or not
    context.verify_mode = ssl.CERT_REQUIRED if kind == "RequireAndVerifyClientCert" else ssl.CERT_OPTIONAL
