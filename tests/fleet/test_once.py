"""Clusters of Secrets for those who look once and go."""

from functools import partial

import pytest

from backup_sentinel import app
from backup_sentinel.config import Config, SecretSettings
from backup_sentinel.demo.apiserver import SimulatedApiServer
from backup_sentinel.fleet import SecretSource
from backup_sentinel.kube.settings import ClusterSettings
from fleet.conftest import HOME, manifest
from fleet.test_kubeconfig import config


async def test_a_kubeconfig_is_there_for_the_whole_look(
    home: SimulatedApiServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    home.cluster.put(manifest("prod", kubeconfig=config({"server": home.url})))
    monkeypatch.setattr(app, "SecretSource", partial(SecretSource, ClusterSettings(api_url=home.url)))
    wanted = Config(
        clusters=(ClusterSettings(name="home", api_url=home.url),),
        secrets=SecretSettings(enabled=True, namespaces=(HOME,)),
    )
    async with app.read_once(wanted, patience=30) as pipeline:
        assert {name: facts.up for name, facts in pipeline.store.clusters.items()} == {
            "home": True,
            "prod": True,
        }
