import msgspec
import pytest

from backup_sentinel.kube.settings import ClusterSettings


def decode(text: str) -> ClusterSettings:
    return msgspec.json.decode(text, type=ClusterSettings)


def test_nothing_is_needed() -> None:
    settings = decode("{}")
    assert (settings.page_size, settings.watch_list, settings.poll_interval, settings.title) == (
        500,
        True,
        None,
        "local",
    )


def test_token_is_not_shown() -> None:
    settings = decode(
        '{"api_url":"https://api.example","token":"hunter2","proxy_url":"http://u:hunter2@proxy:3128"}'
    )
    assert "hunter2" not in f"{settings!r} {settings.token} {settings.proxy_url}"
    assert settings.token == "hunter2"
    assert settings.title == "api.example"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"in_cluster":true,"api_url":"https://a"}', "not several"),
        ('{"kubeconfig":"x","api_url":"https://a"}', "not several"),
        ('{"token":"hunter2"}', "belong to `api_url`"),
        ('{"api_url":"https://a","token":"hunter2","token_file":"f"}', "not both"),
        ('{"api_url":"https://a","client_key":"k"}', "go together"),
        ('{"api_url":"https://a","ca_file":"k","ca_data":"d"}', "not both"),
        ('{"api_url":"api.example"}', "must be an http"),
        ('{"api_url":"https://ann:hunter2@api.example"}', "neither user"),
        ('{"proxy_url":"socks5://p"}', "must be an http"),
        (
            '{"namespaces":["velero","../../secrets"]}',
            "holds `../../secrets`, which is no name of a namespace",
        ),
        ('{"namespaces":[""]}', "is no name of a namespace"),
        ('{"poll_interval":0}', "> 0"),
        ('{"page_size":0}', ">= 1"),
        ('{"page_size":100000}', "<= 5000"),
        ('{"apiurl":"x"}', "unknown field"),
    ],
)
def test_contradictions_are_refused(text: str, message: str) -> None:
    with pytest.raises(msgspec.ValidationError, match=message) as caught:
        decode(text)
    assert "hunter2" not in str(caught.value)


def test_a_namespace_that_is_named_twice_is_watched_once() -> None:
    assert decode('{"namespaces":["velero","backup","velero"]}').namespaces == ("velero", "backup")
