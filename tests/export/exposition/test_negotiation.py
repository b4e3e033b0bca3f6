"""Which format and which encoding a client gets for what it says it takes."""

import pytest

from backup_sentinel.export.exposition import Format, negotiate, wants_gzip

TEXT, OPENMETRICS = Format.TEXT, Format.OPENMETRICS
OM = "application/openmetrics-text"
PROTOBUF = "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited;q=0.7"
PROMETHEUS_2 = f"{OM};version=1.0.0,{OM};version=0.0.1;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1"
PROMETHEUS_3 = (
    f"{OM};version=1.0.0;escaping=allow-utf-8;q=0.6,{OM};version=0.0.1;q=0.5,"
    "text/plain;version=1.0.0;escaping=allow-utf-8;q=0.4,text/plain;version=0.0.4;q=0.3,*/*;q=0.2"
)


@pytest.mark.parametrize(
    ("accept", "form"),
    [
        # What Prometheus 2 and 3 send, and what browsers and curl do.
        (PROMETHEUS_2, OPENMETRICS),
        (PROMETHEUS_3, OPENMETRICS),
        (f"{PROTOBUF},text/plain;version=0.0.4;q=0.4,{OM};version=1.0.0;q=0.3,*/*;q=0.2", TEXT),
        ("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", TEXT),
        ("*/*", TEXT),
        ("", TEXT),
        # Quality, then order.
        (f"{OM};q=0.4,text/plain;q=0.5", TEXT),
        (f"{OM};q=0.5,text/plain;q=0.4", OPENMETRICS),
        (f"text/plain,{OM}", TEXT),
        (f"{OM},text/plain", OPENMETRICS),
        (f"{OM};q=0,text/plain;q=0.1", TEXT),
        (f"{OM};q=0", TEXT),
        (f"text/*;q=0.9,{OM};q=0.3", TEXT),
        # Versions.
        (OM, OPENMETRICS),
        (f"{OM};version=0.0.1", OPENMETRICS),
        (f'{OM}; Version="1.0.0"; charset=utf-8', OPENMETRICS),
        (f"{OM};version=2.0.0", TEXT),
        (f"{OM};version=2.0.0,{OM};version=1.0.0;q=0.2", OPENMETRICS),
        (f"text/plain;version=1.0.0;q=0.9,{OM};version=1.0.0;q=0.1", OPENMETRICS),
        # Letters and spaces do not matter; nonsense is passed over.
        (f"  {OM.upper()} ; q = 0.5 , TEXT/PLAIN ; q=0.4", OPENMETRICS),
        (f"{OM};q=high,text/plain;q=0.1", TEXT),
        (f"{OM};q=nan,text/plain;q=0.1", TEXT),
        (f"{OM};q=-1", TEXT),
        (f";;,=,;q,{OM}", OPENMETRICS),
        ("application/json", TEXT),
        ("\x00\xff" * 50, TEXT),
    ],
)
def test_the_format_is_the_one_the_client_likes_best(accept: str, form: Format) -> None:
    assert negotiate(accept) is form


@pytest.mark.parametrize(
    ("accept", "wanted"),
    [
        ("gzip", True),
        ("gzip, deflate, br", True),
        ("GZIP;q=0.1", True),
        ("x-gzip", True),
        ("*", True),
        ("br;q=1.0, *;q=0.1", True),
        ("", False),
        ("identity", False),
        ("deflate, br", False),
        ("gzip;q=0", False),
        ("gzip;q=0, *", False),
        ("*;q=0", False),
        ("gzip;q=none", False),
    ],
)
def test_gzip_is_for_clients_that_take_it(accept: str, wanted: bool) -> None:
    assert wants_gzip(accept) is wanted


def test_the_content_types_are_those_that_prometheus_knows() -> None:
    assert TEXT.content_type == "text/plain; version=0.0.4; charset=utf-8"
    assert OPENMETRICS.content_type == "application/openmetrics-text; version=1.0.0; charset=utf-8"
