"""What Go's YAML reader takes otherwise than ours; the files of other exporters rely on it."""

from typing import Any

import msgspec

from .settings import Headers, HTTPSettings, RateSettings, TLSSettings, WebSettings

_TRUE = frozenset({"y", "Y", "yes", "Yes", "YES", "on", "On", "ON"})
_FALSE = frozenset({"n", "N", "no", "No", "NO", "off", "Off", "OFF"})
_SECTIONS: dict[str, type[msgspec.Struct]] = {
    "tls_server_config": TLSSettings,
    "http_server_config": HTTPSettings,
    "rate_limit": RateSettings,
}
_FLAGS = (("tls_server_config", "prefer_server_cipher_suites"), ("http_server_config", "http2"))


def follow(value: Any) -> None:
    """Change the plain value of a file: a known key given as nothing is not given, and `yes` and `on` are flags.

    A user without a hash stays: it is a mistake, not the end of the need for passwords. An unknown key stays, too.
    """
    if not isinstance(value, dict):
        return
    _drop_nothing(value, WebSettings)
    for name, kind in _SECTIONS.items():
        _drop_nothing(value.get(name), kind)
    _drop_nothing((_part(value, "http_server_config") or {}).get("headers"), Headers)
    if value.get("tls_server_config") == {}:
        del value["tls_server_config"]
    for section, flag in _FLAGS:
        part = _part(value, section)
        if part is not None and isinstance(part.get(flag), str) and part[flag] in _TRUE | _FALSE:
            part[flag] = part[flag] in _TRUE


def _part(value: dict[str, Any], name: str) -> dict[str, Any] | None:
    part = value.get(name)
    return part if isinstance(part, dict) else None


def _drop_nothing(value: Any, kind: type[msgspec.Struct]) -> None:
    if isinstance(value, dict):
        for name in kind.__struct_encode_fields__:
            if name in value and value[name] is None:
                del value[name]
