"""promtool takes the files that we take, and refuses those that we refuse, but for a list that is spelled out."""

import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from backup_sentinel.errors import DocumentError
from backup_sentinel.serving import FrontDoor
from serving.certificates import Authority, Pair
from serving.kit import write
from support.process import TOOLS

HASH = "$2y$10$X0h1gDsPszWURQaxFh.zoubFi6DXncSjhoQNJgRrnGs7EsimhC7zG"
TLS = "tls_server_config:\n  cert_file: server.pem\n  key_file: server.key\n"
CA = "  client_ca_file: ca.pem\n"

BOTH = [
    "",
    TLS,
    *(
        TLS + CA + f"  client_auth_type: {kind}\n"
        for kind in ("RequestClientCert", "VerifyClientCertIfGiven")
    ),
    TLS + CA + "  client_auth_type: RequireAndVerifyClientCert\n  client_allowed_sans: [a, 10.0.0.7]\n",
    TLS + "  client_auth_type: NoClientCert\n",
    TLS + "  min_version: TLS10\n  max_version: TLS13\n",
    TLS + "  min_version: TLS13\n  curve_preferences: [CurveP256, CurveP384, CurveP521, X25519]\n",
    TLS + "  prefer_server_cipher_suites: no\n  cipher_suites:\n"
    "  - TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256\n  - TLS_AES_128_GCM_SHA256\n",
    "tls_server_config: {cert: %cert%, key: %key%}\n",
    (
        "http_server_config:\n  http2: off\n  headers:\n    X-Frame-Options: deny\n    X-XSS-Protection: 1\n"
        "    X-Content-Type-Options: nosniff\n    Strict-Transport-Security: max-age=1\n"
        "    Content-Security-Policy: \"default-src 'self'\"\n"
    ),
    f"basic_auth_users:\n  alice: {HASH}\n  bob: {HASH}\n",
    "rate_limit:\n  interval: 1m30s\n  burst: 5\n",
    "rate_limit: {interval: 0, burst: 0}\n",
]
NEITHER = [
    "a word",
    "unknown: 1",
    "tls_server_config: {cert_file: server.pem}",
    "tls_server_config: {cert_file: nowhere.pem, key_file: server.key}",
    "tls_server_config: {cert_file: server.pem, key_file: ca.key}",
    TLS + CA,
    TLS + "  client_auth_type: x\n",
    TLS + "  client_auth_type: RequireAndVerifyClientCert\n  client_ca_file: nowhere\n",
    TLS + "  min_version: TLS111\n",
    TLS + "  cipher_suites: [TLS_RSA_WITH_RC4_128_SHA]\n",
    TLS + "  curve_preferences: [CurveP257]\n",
    "http_server_config: {headers: {Content-Type: a}}",
    "http_server_config: {headers: {X-Frame-Options: maybe}}",
    "http_server_config: {headers: {X-Content-Type-Options: sniff}}",
    "basic_auth_users: {john: doe}",
    "basic_auth_users: {john: }",
    "rate_limit: {interval: 1 fortnight, burst: 1}",
    "rate_limit: {burst: many}",
]
ONLY_WE_REFUSE = [
    TLS + "  client_auth_type: RequireAnyClientCert\n",
    TLS + "  max_version: TLS11\n",
    TLS + "  min_version: TLS13\n  max_version: TLS12\n",
    TLS + "  client_auth_type: RequireAndVerifyClientCert\n  client_allowed_sans: []\n",
    TLS + "  client_auth_type: RequireAndVerifyClientCert\n  client_ca_file: server.key\n",
    "tls_server_config: {min_version: TLS12}",
    "tls_server_config: {client_allowed_sans: [a]}",
    "rate_limit: {interval: 1s, burst: 0}",
    "rate_limit: {interval: 1, burst: 1}",
]


@pytest.fixture(scope="module")
def promtool(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a promtool that knows the keys of today."""
    found = TOOLS / "promtool" if (TOOLS / "promtool").is_file() else Path(shutil.which("promtool") or "")
    reason = "promtool is neither built (make tools) nor installed"
    if found.name:
        newest = write(
            tmp_path_factory.mktemp("promtool") / "web.yml", "rate_limit: {interval: 1s, burst: 1}\n"
        )
        if accepts(found, newest):
            return found
        reason = f"{found} is older than `rate_limit`; build a newer one with: make tools"
    if os.environ.get("CI") == "true":
        pytest.fail(reason, pytrace=False)
    pytest.skip(reason)


def accepts(tool: Path, file: Path) -> bool:
    return (
        subprocess.run([tool, "check", "web-config", file], capture_output=True, check=False).returncode == 0
    )


def we_accept(file: Path) -> bool:
    try:
        FrontDoor.load(str(file))
    except DocumentError:
        return False
    return True


@pytest.fixture
def folder(tmp_path: Path, authority: Authority, pair: Pair) -> Path:
    for name, path in (
        ("server.pem", pair.cert),
        ("server.key", pair.key),
        ("ca.pem", authority.root.cert),
        ("ca.key", authority.root.key),
    ):
        (tmp_path / name).write_bytes(path.read_bytes())
    return tmp_path


@pytest.mark.parametrize(
    ("text", "theirs", "ours"),
    [
        *((text, True, True) for text in BOTH),
        *((text, False, False) for text in NEITHER),
        *((text, True, False) for text in ONLY_WE_REFUSE),
    ],
)
def test_same_verdict(promtool: Path, folder: Path, pair: Pair, text: str, theirs: bool, ours: bool) -> None:
    def quoted(path: Path) -> Any:
        return '"' + path.read_text().replace("\n", "\\n") + '"'

    written = text.replace("%cert%", quoted(pair.cert)).replace("%key%", quoted(pair.key))
    file = write(folder / "web.yml", written)
    assert (accepts(promtool, file), we_accept(file)) == (theirs, ours)
