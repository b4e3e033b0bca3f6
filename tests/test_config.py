"""A mistake in the configuration is shown where it stands, with what to do; without a file everything has a default."""

from pathlib import Path

import pytest

from backup_sentinel.config import Config, load, parse
from backup_sentinel.errors import DocumentError
from backup_sentinel.export.settings import Promise
from backup_sentinel.fleet import SettingError
from backup_sentinel.relay.channels.kubernetes_event import KubernetesEventSettings
from backup_sentinel.relay.enrichers.root_cause import RootCauseSettings


def test_no_file_is_needed() -> None:
    config = load(None)
    assert config == Config()
    assert [cluster.name for cluster in config.clusters] == [""]
    assert (config.web.listen, config.log.level, config.log.format) == (":9950", "info", "json")
    assert config.export.tombstone_seconds == 7 * 86400


@pytest.mark.parametrize("text", ["", "# nothing\n", "---\n", "{}\n", "clusters: []\n"])
def test_what_is_left_empty_has_its_default(text: str) -> None:
    assert parse(text) == Config()


def test_a_whole_configuration_is_read() -> None:
    config = parse("""
log: {level: warning, format: text}
web: {listen: "127.0.0.1:0"}
clusters:
  - {name: prod, in_cluster: true}
  - {name: 1.10, api_url: "https://dr.example:6443", token_file: /token, namespaces: [velero]}
profiles: {folders: [/profiles]}
export:
  operators: [velero]
  restore_tests: {"1.10": prod}
  promises:
    - {schedule: "hourly-*", max_age: 2h30m, failures_tolerated: 3}
    - {action: export, max_age: 1w2d, partial_counts: never, start_grace: 5m, restore_test_max_age: 30d}
""")
    assert [cluster.name for cluster in config.clusters] == ["prod", "1.10"]
    hourly, export = config.export.promises
    assert hourly == Promise(schedule="hourly-*", max_age="2h30m", failures_tolerated=3)
    assert [export.seconds(field) for field in ("max_age", "start_grace", "restore_test_max_age")] == [
        9 * 86400,
        300,
        30 * 86400,
    ]
    assert hourly.seconds("start_grace") is None


TWO = "clusters: [{name: prod}, {name: dr}]\n"


@pytest.mark.parametrize(
    ("text", "place", "message", "hint"),
    [
        ("webb: {}\n", "1:1", "unknown field `webb`", "did you mean `web`?"),
        ("log:\n  level: warn\n", "2:10", "`warn` is not a valid value", "did you mean `warning`?"),
        ("log: yes\n", "1:6", "expected a mapping, got text", ""),
        ("web:\nlog: {}\n", "1:5", "expected a mapping, got nothing", ""),
        ("- a\n", "1:1", "expected a mapping, got a list", ""),
        ("log: {}\nlog: {}\n", "2:1", "`log` is given twice", "the first one is in line 1"),
        ("export: {operators: velero}\n", "1:21", "expected a list, got text", ""),
        ("export:\n  concurrent_lists: 0\n", "2:21", "expected a whole number >= 1", ""),
        ("export:\n  tombstone_seconds: -1\n", "2:22", "expected a number > 0.0", ""),
        ("export:\n  tombstone_seconds: a week\n", "2:22", "expected a number, got text", ""),
        (
            "clusters:\n  - {name: a}\n  - {label: b}\n",
            "3:5",
            "a cluster needs a name where there are several",
            "give each entry a `name`: it becomes the label `cluster` of its metrics",
        ),
        ("clusters:\n  - name: a\n  - name: a\n", "3:11", "the name `a` is taken by clusters[0]", ""),
        (
            TWO + "export: {restore_tests: {dr: production}}\n",
            "2:30",
            "no cluster is called `production`",
            "known are dr, prod",
        ),
        (
            TWO + "export: {restore_tests: {DR: prod}}\n",
            "2:26",
            "no cluster is called `DR`",
            "known are dr, prod",
        ),
        (
            "export: {restore_tests: {dr: prod}}\n",
            "1:26",
            "no cluster is called `dr`",
            "give the entries of `clusters` names",
        ),
        (
            "export:\n  promises:\n    - max-age: 26h\n",
            "3:7",
            "unknown field `max-age`",
            "did you mean `max_age`?",
        ),
        (
            "export:\n  promises:\n    - {schedule: a}\n    - {schedule: b, max_age: 26}\n",
            "4:30",
            "duration '26': a number has no unit, add one of ns, us, ms, s, m, h",
            "write for example 26h, 7d or 90m",
        ),
        (
            "export:\n  promises:\n    - start_grace: 0s\n",
            "3:20",
            "the duration '0s' is not above zero",
            "write for example 26h, 7d or 90m",
        ),
        (
            "export:\n  promises:\n    - partial_counts: sometimes\n",
            "3:23",
            "`sometimes` is not a valid value",
            "valid: always, never, without-failed-volumes",
        ),
        ("export:\n  promises:\n    - failures_tolerated: 0\n", "3:27", "expected a whole number >= 1", ""),
    ],
)
def test_a_mistake_is_shown_at_its_place_with_a_hint(text: str, place: str, message: str, hint: str) -> None:
    with pytest.raises(DocumentError) as caught:
        parse(text, "config.yaml")
    error = caught.value
    assert (f"{error.line}:{error.column}", error.message, error.hint) == (place, message, hint)
    lines = str(error).splitlines()
    assert lines[0] == f"config.yaml:{place}: {message}"
    assert lines[1].endswith(text.splitlines()[error.line - 1])
    assert lines[2].index("^") - lines[1].index("| ") - 2 == error.column - 1


def test_a_secret_is_not_shown_in_a_message() -> None:
    with pytest.raises(DocumentError) as caught:
        parse("clusters:\n  - {name: a, api_url: nonsense,\n     token: t0p-secret}\n")
    assert "t0p-secret" not in str(caught.value)


@pytest.mark.parametrize("content", [None, b"log: \xff\n"])
def test_a_file_that_cannot_be_read_is_named(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "config.yaml"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(DocumentError, match="cannot be read") as caught:
        load(str(path))
    assert str(caught.value).startswith(f"{path}: ")


def test_a_file_is_read_as_utf_8(tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    path.write_bytes("clusters: [{name: köln}]\n".encode())
    assert load(str(path)).clusters[0].name == "köln"


@pytest.mark.parametrize(
    "line",
    [
        "token: s3cr3t",
        "tokn: s3cr3t",
        "tokens: s3cr3t",
        "proxy_url: ftp://u:s3cr3t@h",
        "api_url: https://u:s3cr3t@h",
        "api_url: https://s3cr3t@h",
        "Authorization: Bearer s3cr3t",
    ],
)
def test_a_mistake_beside_a_secret_does_not_show_it(line: str) -> None:
    for text in (f"clusters:\n  - name: x\n    {line}\n", f"clusters: [{{name: x, {line}}}]\n"):
        with pytest.raises(DocumentError) as caught:
            parse(text, "f")
        assert "s3cr3t" not in str(caught.value)


def test_clusters_of_the_environment_are_known_to_the_relay(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CLUSTER_1_NAME", "dr")
    monkeypatch.setenv("CLUSTER_1_API_URL", "https://dr.example.org")
    relay = "relay: {channels: [{type: kubernetes_event, name: x}], enrichers: [{type: root_cause}]}\n"
    for clusters, wanted in (("", ["dr"]), ("clusters: [{name: prod}]\n", ["prod", "dr"])):
        config = parse(clusters + relay)
        for one in (*config.relay.channels, *config.relay.enrichers):
            assert isinstance(one, KubernetesEventSettings | RootCauseSettings)
            assert [cluster.name for cluster in one.clusters] == wanted
    monkeypatch.delenv("CLUSTER_1_API_URL")
    assert parse("relay: {channels: [{type: log, name: x}]}").relay.channels
    with pytest.raises(SettingError, match="CLUSTER_1_API_URL: is missing"):
        parse(relay)
