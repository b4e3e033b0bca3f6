"""The only door to the `kubernetes` package: a process that reads a request and writes credentials.

    {"kubeconfig": "<files>", "context": "<name>" | null, "scratch": "<directory>"}  on standard input
    {"credentials": {...}}  or  {"error": "<text>"}                                  on standard output

The package logs where it should raise: a plugin that fails leaves a configuration without credentials
(`KubeConfigLoader._load_from_exec_plugin`). Every such case is refused here, by name.
"""

import json
import logging
import os
import sys
import tempfile
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from kubernetes.config import ConfigException
from kubernetes.config.kube_config import KubeConfigLoader, KubeConfigMerger

from backup_sentinel.kube.secret import redact

WAYS = (
    "exec",
    "auth-provider",
    "token",
    "tokenFile",
    "username",
    "client-certificate",
    "client-certificate-data",
)


class LoadError(Exception):
    """The kubeconfig does not lead to credentials."""


class Memory(logging.Handler):
    """Keeps what the package logs, so that it can be said in the error."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Keep one line."""
        self.lines.append(record.getMessage())


def load(kubeconfig: str, context: str | None, scratch: str, memory: Memory) -> dict[str, Any]:
    """Return the fields of `credentials.Credentials`; raises LoadError, ConfigException, OSError."""
    merged = KubeConfigMerger(kubeconfig).config  # type: ignore[no-untyped-call]
    if merged is None:
        raise LoadError(f"{kubeconfig} is empty")
    loader = KubeConfigLoader(  # type: ignore[no-untyped-call]
        config_dict=merged, active_context=context, config_base_path=None, temp_file_path=scratch
    )
    current = loader.current_context
    chosen = current["context"]
    user = _entry(merged, "users", chosen.get("user"), "user")
    cluster = _entry(merged, "clusters", chosen.get("cluster"), "cluster")
    if user is None and chosen.get("user") and not _known(merged, chosen["user"]):
        raise LoadError(f"user {chosen['user']!r} of context {current['name']!r} does not exist")
    token_file = _token_file(user)
    # A bag instead of the package's Configuration, which would mix in proxies of the environment.
    found = SimpleNamespace(api_key={}, host=None, ssl_ca_cert=None, cert_file=None, key_file=None)
    if token_file and not user.value.get("token"):
        user.value.pop("tokenFile")
    loader.load_and_set(found)  # type: ignore[no-untyped-call]
    authorization = None if token_file else found.api_key.get("BearerToken")
    if not found.host:
        raise LoadError(f"cluster {chosen.get('cluster')!r} of context {current['name']!r} has no server")
    if user is not None and not (authorization or token_file or found.cert_file):
        _refuse(user.value, current["name"], memory)
    expiry = getattr(loader, "expiry", None)
    return {
        "server": found.host,
        "authorization": " ".join(authorization.split()) if authorization else None,
        "token_file": token_file,
        "ca": _text(found.ssl_ca_cert),
        "certificate": _text(found.cert_file),
        "key": _text(found.key_file),
        "expires": expiry.timestamp() if expiry else None,
        "insecure": bool(cluster.value.get("insecure-skip-tls-verify")),
        "proxy": cluster.value.get("proxy-url"),
        "server_name": cluster.value.get("tls-server-name"),
        "namespace": chosen.get("namespace"),
    }


def _entry(merged: Any, section: str, name: str | None, key: str) -> Any:
    """Return a named entry as the package's node, which knows the file it came from; None where there is none."""
    if not name or not merged.safe_get(section):
        return None
    entry = merged[section].get_with_name(name, safe=True)
    return entry[key] if entry is not None and entry.safe_get(key) else None


def _known(merged: Any, user: str) -> bool:
    """Tell whether the user is listed; it may be there and hold nothing, which is anonymous access."""
    listed = merged.safe_get("users") or []
    return any(entry.value.get("name") == user for entry in listed)


def _token_file(user: Any) -> str | None:
    """Return the path of a token file, which wins over `token` as in client-go, and which we read ourselves."""
    if user is None or not user.value.get("tokenFile"):
        return None
    return str(Path(user.path or ".").absolute().parent / user.value["tokenFile"])


def _refuse(user: dict[str, Any], context: str, memory: Memory) -> None:
    way = next((way for way in WAYS if user.get(way)), None)
    if way is None:
        return
    said = redact(" ".join(memory.lines)) or "it said nothing"
    if way == "exec":
        raise LoadError(
            f"credential plugin {user[way].get('command')!r} of context {context!r} gave nothing: {said}"
        )
    if way == "auth-provider":
        name = user[way].get("name")
        raise LoadError(
            f"auth-provider {name!r} of context {context!r} gave nothing: {said}; use a credential plugin"
        )
    raise LoadError(f"`{way}` of the user of context {context!r} gave nothing: {said}")


def _text(path: str | None) -> str | None:
    return Path(path).read_text("utf-8") if path else None


def _answer(request: dict[str, Any]) -> dict[str, Any]:
    memory = Memory()
    logging.basicConfig(handlers=[memory], level=logging.WARNING, force=True)
    tempfile.tempdir = request["scratch"]
    try:
        return {"credentials": load(request["kubeconfig"], request["context"], request["scratch"], memory)}
    except (LoadError, ConfigException) as error:
        return {"error": redact(str(error), 600)}
    except Exception as error:  # noqa: BLE001 - whatever a library makes of a broken file is one answer
        return {"error": f"cannot load the kubeconfig: {type(error).__name__}: {redact(str(error))}"}


def main() -> None:
    """Answer one request. Plugins find standard input empty, and what they print is not our answer."""
    request = json.load(sys.stdin)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    with os.fdopen(os.dup(1), "w", encoding="utf-8") as output:
        os.dup2(2, 1)
        json.dump(_answer(request), output)


if __name__ == "__main__":
    main()
