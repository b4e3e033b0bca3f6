import pytest

from backup_sentinel.errors import SentinelError
from backup_sentinel.fleet import SettingError, environment
from backup_sentinel.kube.settings import ClusterSettings

SECRET = "t0p-s3cret-one"
URL = "https://a.example:6443"


def read(**variables: str) -> tuple[ClusterSettings, ...]:
    return environment.read({f"CLUSTER_{name}": value for name, value in variables.items()})


def test_as_a_kasten_alerter_has_them() -> None:
    first, second = environment.read(
        {
            "PATH": "/bin",
            "CLUSTER_1_NAME": "prod",
            "CLUSTER_1_LABEL": "Production (EU)",
            "CLUSTER_1_IN_CLUSTER": "true",
            "CLUSTER_2_NAME": "lab",
            "CLUSTER_2_API_URL": URL,
            "CLUSTER_2_TOKEN": f" {SECRET}\n",
            "CLUSTER_2_IN_CLUSTER": "false",
        }
    )
    assert first == ClusterSettings(name="prod", label="Production (EU)", in_cluster=True)
    assert second == ClusterSettings(name="lab", api_url=URL, token=SECRET)
    assert (first.title, second.title) == ("Production (EU)", "lab")


def test_ours() -> None:
    [found] = read(
        **{"1_NAME": "a", "1_API_URL": URL, "1_TOKEN_FILE": "/t", "1_CA_FILE": "/ca.crt", "1_INSECURE": "yes"}
    )
    assert found == ClusterSettings(name="a", api_url=URL, token_file="/t", ca_file="/ca.crt", insecure=True)


def test_any_integers_in_their_order() -> None:
    numbers = ["10", "2", "0", "-1", "007"]
    found = read(**{f"{n}_{key}": v for n in numbers for key, v in (("NAME", f"n{n}"), ("API_URL", URL))})
    assert [cluster.name for cluster in found] == ["n-1", "n0", "n2", "n007", "n10"]


@pytest.mark.parametrize("word", ["true", "TRUE", "1", "yes", "Y", "on", " True "])
def test_yes(word: str) -> None:
    [found] = read(**{"1_NAME": "a", "1_IN_CLUSTER": word})
    assert found.in_cluster


@pytest.mark.parametrize("word", ["false", "False", "0", "no", "n", "OFF", "", " "])
def test_no(word: str) -> None:
    [found] = read(**{"1_NAME": "a", "1_API_URL": URL, "1_IN_CLUSTER": word})
    assert not found.in_cluster


@pytest.mark.parametrize(
    "variables",
    [
        {},
        {"1_NAME": "", "1_API_URL": " ", "1_TOKEN": ""},
        {"1_SERVICE_HOST": "10.0.0.1", "1_SERVICE_PORT": "443", "1_PORT": "tcp://10.0.0.1:443"},
        {"1_PORT_443_TCP_ADDR": "10.0.0.1"},
        {"NAME": "x", "X_NAME": "x", "1_": "x", "1.5_NAME": "x"},
    ],
)
def test_none(variables: dict[str, str]) -> None:
    assert read(**variables) == ()


A = {"1_NAME": "a", "1_API_URL": URL}


@pytest.mark.parametrize(
    ("variables", "variable", "message"),
    [
        (
            {"3_API_URL": URL, "3_TOKEN": SECRET},
            "3_NAME",
            "is missing, but CLUSTER_3_API_URL, CLUSTER_3_TOKEN is",
        ),
        ({"1_NAME": "a"}, "1_API_URL", "set it, or CLUSTER_1_IN_CLUSTER=true"),
        ({"1_NAME": "a", "1_TOKEN": SECRET}, "1_API_URL", "is missing"),
        ({"1_NAME": "a", "1_IN_CLUSTER": SECRET}, "1_IN_CLUSTER", "must be true or false"),
        (A | {"1_INSECURE": "maybe"}, "1_INSECURE", "must be true or false"),
        (A | {"1_IN_CLUSTER": "1"}, "1_API_URL", "does not go together with CLUSTER_1_IN_CLUSTER"),
        ({"1_NAME": "a", "1_IN_CLUSTER": "1", "1_TOKEN": SECRET}, "1_TOKEN", "its own service account"),
        (A | {"1_TOKEN": SECRET, "1_TOKEN_FILE": "/t"}, "1_TOKEN_FILE", "with CLUSTER_1_TOKEN"),
        (A | {"1_TOKEN": f"{SECRET} {SECRET}"}, "1_TOKEN", "holds more than a token"),
        (A | {"1_TOKEN": f"{SECRET}ü"}, "1_TOKEN", "holds more than a token"),
        (A | {"1_TOKN": SECRET}, "1_TOKN", "did you mean CLUSTER_1_TOKEN?"),
        (A | {"1_API_URI": URL}, "1_API_URI", "did you mean CLUSTER_1_API_URL?"),
        (A | {"1_API_URL": "a.example"}, "1_API_URL", "must be an http:// or https:// URL"),
        (A | {"1_API_URL": f"https://u:{SECRET}@a.example"}, "1_API_URL", "must hold neither user"),
        (A | {"1_API_URL": f"https://u:{SECRET}℀@a.example"}, "1_API_URL", "is not a URL"),
        (A | {"1_API_URL": "https://a.example:99999"}, "1_API_URL", "is not a URL"),
        (A | {"1_NAME": "a\nb"}, "1_NAME", "one line"),
        (A | {"1_NAME": "a" * 254}, "1_NAME", "at most 253"),
        (A | {"1_LABEL": "\x00"}, "1_LABEL", "one line"),
        (A | {"2_NAME": "a", "2_API_URL": URL}, "2_NAME", "the name `a` is taken by CLUSTER_1_NAME"),
    ],
)
def test_refused(variables: dict[str, str], variable: str, message: str) -> None:
    with pytest.raises(SettingError) as caught:
        read(**variables)
    error = caught.value
    assert isinstance(error, SentinelError)
    assert error.where == f"CLUSTER_{variable}"
    assert message in str(error)
    assert SECRET not in f"{error!s} {error!r} {error.__cause__}"


def test_token_is_not_shown() -> None:
    found = read(**A, **{"1_TOKEN": SECRET})
    assert SECRET not in f"{found!r} {found}"
    assert found[0].token == SECRET
