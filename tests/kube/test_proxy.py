import pytest

from backup_sentinel.kube.proxy import find

PROXY = "http://proxy.example:3128"


@pytest.mark.parametrize(
    ("url", "exempt", "direct"),
    [
        ("https://api.example", "", False),
        ("https://10.96.0.1:443", "10.96.0.0/12", True),
        ("https://10.96.0.1:443", "10.0.0.0/8, .svc", True),
        ("https://11.0.0.1", "10.0.0.0/8", False),
        ("https://[fd00::1]:443", "fd00::/8", True),
        ("https://kubernetes.default.svc", ".svc", True),
        ("https://kubernetes.default.svc", "*.svc", True),
        ("https://api.example", "example", True),
        ("https://example", ".example", False),
        ("https://apiexample", "example", False),
        ("https://api.example:6443", "api.example:6443", True),
        ("https://api.example:443", "api.example:6443", False),
        ("https://api.example", "*", True),
        ("https://localhost:6443", "", True),
        ("https://127.0.0.1:6443", "", True),
    ],
)
def test_exemptions(url: str, exempt: str, direct: bool) -> None:
    environ = {"HTTPS_PROXY": PROXY, "NO_PROXY": exempt}
    assert find(url, environ) == (None if direct else PROXY)


def test_variables() -> None:
    assert find("https://api.example", {}) is None
    assert find("https://api.example", {"https_proxy": "proxy:3128"}) == "http://proxy:3128"
    assert find("http://api.example", {"HTTPS_PROXY": PROXY}) is None
