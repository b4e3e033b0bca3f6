import socket

import pytest

from backup_sentinel.serving import ListenError, address, bind


def test_any_free_port() -> None:
    with bind("127.0.0.1:0") as bound:
        assert address(bound) == f"http://127.0.0.1:{bound.getsockname()[1]}"


def test_all_addresses() -> None:
    with bind(":0") as bound:
        assert address(bound) == f"http://localhost:{bound.getsockname()[1]}"
        socket.create_connection(("127.0.0.1", bound.getsockname()[1])).close()


@pytest.mark.skipif(not socket.has_dualstack_ipv6(), reason="this machine has no IPv6")
def test_ipv6() -> None:
    with bind("[::1]:0") as bound:
        assert address(bound) == f"http://[::1]:{bound.getsockname()[1]}"


@pytest.mark.parametrize("listen", ["", "localhost:http", "127.0.0.1:99999", "no.such.host.invalid:0"])
def test_no_address(listen: str) -> None:
    with pytest.raises(ListenError):
        bind(listen).close()


def test_taken() -> None:
    with bind("127.0.0.1:0") as bound, pytest.raises(ListenError, match="--listen"):
        bind(f"127.0.0.1:{bound.getsockname()[1]}")
