"""The real relay behind a web configuration file: TLS, client certificates, and a real Alertmanager that has one."""

from __future__ import annotations

import base64
import ssl
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import bcrypt
import pytest
import yaml

from relay.relay_process import Relay
from serving.certificates import Authority
from support.alertmanager import Alertmanager, oldest
from support.alertmanager import alert as fired
from support.process import lack, wait_until

TOKEN = "fake-intake-token"
ACCEPTED = 'backup_sentinel_relay_messages_total{result="accepted"}'


def alert(number: int) -> dict[str, Any]:
    return {"alerts": [{"status": "firing", "labels": {"alertname": "X", "number": str(number)}}]}


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority.create(tmp_path_factory.mktemp("relay-tls") / "ca")


@pytest.fixture(scope="module")
def relay(tmp_path_factory: pytest.TempPathFactory, authority: Authority) -> Iterator[Relay]:
    """A relay that wants a token, and a certificate that the authority signed."""
    folder = tmp_path_factory.mktemp("relay-tls")
    pair = authority.sign("relay", names="DNS:localhost,IP:127.0.0.1", usage="serverAuth")
    wanted = {
        "cert_file": str(pair.cert),
        "key_file": str(pair.key),
        "client_ca_file": str(authority.root.cert),
        "client_auth_type": "RequireAndVerifyClientCert",
    }
    client = authority.client(authority.sign("sender"))
    relay = guarded(folder, {"tls_server_config": wanted}, client, intake={"tokens": [{"token": TOKEN}]})
    with relay:
        yield relay


def refused(relay: Relay, context: ssl.SSLContext) -> bool:
    """Tell whether nobody answers a message that is sent so."""
    mine, relay.context = relay.context, context
    try:
        relay.ask("/alert", alert(1), {"Authorization": f"Bearer {TOKEN}"})
    except OSError:  # in TLS 1.3 the client hears of it when it reads
        return True
    finally:
        relay.context = mine
    return False


def test_certificate_and_token_are_both_wanted(relay: Relay) -> None:
    before = relay.value(ACCEPTED)
    assert relay.ask("/alert", alert(2)).status == 401
    assert relay.ask("/alert", alert(2), {"Authorization": f"Bearer {TOKEN}"}).status == 200
    assert relay.value(ACCEPTED) == before + 1


def test_whoever_has_no_certificate_of_the_authority_is_not_heard(
    relay: Relay, authority: Authority, tmp_path: Path
) -> None:
    before = relay.value(ACCEPTED)
    other = Authority.create(tmp_path / "other")
    stranger = authority.client()
    stranger.load_cert_chain(*other.sign("sender"))
    assert refused(relay, authority.client())
    assert refused(relay, stranger)
    assert refused(relay, ssl.create_default_context()), (
        "the relay's own certificate is not from anybody known"
    )
    plain = relay.url.replace("https:", "http:")
    with pytest.raises(OSError):
        urllib.request.urlopen(f"{plain}/-/healthy", timeout=10)
    assert relay.value(ACCEPTED) == before


@pytest.fixture
def alertmanager(relay: Relay, authority: Authority, tmp_path: Path) -> Iterator[Alertmanager]:
    binary = oldest("prometheus-alertmanager") or lack("prometheus-alertmanager of Debian is not installed")
    pair = authority.sign("alertmanager")
    webhook = {
        "url": f"{relay.url}/alertmanager",
        "http_config": {
            "authorization": {"credentials": TOKEN},
            "tls_config": {
                "ca_file": str(authority.root.cert),
                "cert_file": str(pair.cert),
                "key_file": str(pair.key),
            },
        },
    }
    config = {
        "route": {"receiver": "relay", "group_wait": "100ms", "group_interval": "300ms"},
        "receivers": [{"name": "relay", "webhook_configs": [webhook]}],
    }
    with Alertmanager(tmp_path / "alertmanager", config, binary=binary) as alertmanager:
        yield alertmanager


def test_an_alertmanager_with_a_certificate_is_heard(alertmanager: Alertmanager, relay: Relay) -> None:
    alertmanager.post([fired("KubeBackupFailed", "critical", schedule="shop")])
    [line] = wait_until(
        lambda: [line for line in relay.lines() if line["labels"]["alertname"] == "KubeBackupFailed"] or None,
        "it is delivered",
    )
    assert (line["status"], line["receiver"], line["labels"]["schedule"]) == ("firing", "relay", "shop")


def test_users_of_the_web_configuration_file_guard_the_intake(authority: Authority, tmp_path: Path) -> None:
    pair = authority.sign("guarded", names="IP:127.0.0.1", usage="serverAuth")
    hashed = bcrypt.hashpw(b"fake-password", bcrypt.gensalt(4)).decode()
    web = {
        "tls_server_config": {"cert_file": str(pair.cert), "key_file": str(pair.key)},
        "basic_auth_users": {"alertmanager": hashed},
    }
    relay = guarded(tmp_path, web, authority.client())
    relay.headers["Authorization"] = f"Basic {base64.b64encode(b'alertmanager:fake-password').decode()}"
    with relay:
        assert relay.ask("/alert", alert(1)).json["status"] == "accepted"
        for headers in ({"Authorization": ""}, {"Authorization": f"Bearer {TOKEN}"}):
            assert relay.ask("/alert", alert(2), headers).status == 401
        assert relay.value(ACCEPTED) == 1


def guarded(folder: Path, web: dict[str, Any], context: ssl.SSLContext, **settings: Any) -> Relay:
    """Return a relay with a web configuration file."""
    file = folder / "web.yaml"
    file.write_text(yaml.safe_dump(web))
    relay = Relay(folder, **settings)
    relay.web["config_file"] = str(file)
    relay.url = relay.url.replace("http:", "https:")
    relay.context = context
    return relay
