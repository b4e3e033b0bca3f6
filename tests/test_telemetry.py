"""What the process tells about itself: closed label values, counters at zero, one line per event."""

import io
import json
import logging
import re
import sys
from collections.abc import Iterator

import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse_text

from backup_sentinel import __version__
from backup_sentinel.errors import ProblemReason
from backup_sentinel.telemetry import Telemetry, set_up_logging


def samples(telemetry: Telemetry, family: str) -> dict[tuple[str, ...], float]:
    """Return the values of a family by those of its labels, in the order of their names."""
    return {
        tuple(sample.labels[name] for name in sorted(sample.labels)): sample.value
        for metric in parse_text(telemetry.text().decode())
        for sample in metric.samples
        if sample.name == family
    }


def test_every_reason_of_a_problem_is_there_at_zero() -> None:
    assert samples(Telemetry(), "backup_sentinel_problems_total") == {
        (reason,): 0 for reason in ProblemReason
    }


def test_an_unknown_phase_is_a_problem_and_counts_for_its_operator() -> None:
    telemetry = Telemetry()
    telemetry.problem(ProblemReason.UNKNOWN_PHASE, "velero")
    telemetry.problem(ProblemReason.FUTURE_TIME, "velero")
    problems = samples(telemetry, "backup_sentinel_problems_total")
    assert {reason: count for (reason,), count in problems.items() if count} == {
        "unknown_phase": 1,
        "future_time": 1,
    }
    assert samples(telemetry, "backup_sentinel_unmapped_phases_total") == {("velero",): 1}


@pytest.mark.parametrize(
    ("method", "path", "labels"),
    [
        ("GET", "/metrics", ("/metrics", "GET", "200")),
        ("HEAD", "/-/ready", ("/-/ready", "HEAD", "200")),
        ("GET", "/api/v1/schedules", ("/api", "GET", "200")),
        ("GET", "/", ("/", "GET", "200")),
        ("GET", "/schedule", ("/schedule", "GET", "200")),
        ("GET", "/wp-login.php", ("other", "GET", "200")),
        ("GET", "/metrics/", ("other", "GET", "200")),
        ("PROPFIND", '/"\n', ("other", "other", "200")),
    ],
)
def test_requests_have_closed_labels_whatever_clients_try(
    method: str, path: str, labels: tuple[str, ...]
) -> None:
    telemetry = Telemetry()
    telemetry.request(method, path, 200, 0.002)
    assert samples(telemetry, "backup_sentinel_http_requests_total") == {labels: 1}
    assert samples(telemetry, "backup_sentinel_http_request_duration_seconds_sum") == {labels[:2]: 0.002}


def test_both_formats_hold_the_same_families_and_openmetrics_has_no_end_yet() -> None:
    telemetry = Telemetry()
    telemetry.request("GET", "/metrics", 200, 0.002)
    plain = {metric.name for metric in parse_text(telemetry.text().decode())}
    body = telemetry.openmetrics()
    assert b"# EOF" not in body
    rich = parse_openmetrics(body.decode() + "# EOF\n")  # type: ignore[no-untyped-call]
    assert {metric.name for metric in rich} == plain
    assert {"backup_sentinel_build_info", "process_resident_memory_bytes"} <= plain


def test_counters_have_no_series_of_their_creation() -> None:
    assert not re.search(rb"_created\b", Telemetry().text() + Telemetry().openmetrics())


def test_the_version_is_told_and_instances_do_not_share_counters() -> None:
    one, other = Telemetry(), Telemetry()
    one.problem(ProblemReason.BAD_TIME, "velero")
    assert samples(other, "backup_sentinel_problems_total")["bad_time",] == 0
    assert samples(one, "backup_sentinel_build_info") == {(__version__,): 1}


# Log -------------------------------------------------------------------------------------------------------


@pytest.fixture(autouse=True)
def _keep_logging() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)


def logged(form: str, level: str = "info") -> io.StringIO:
    stream = io.StringIO()
    set_up_logging(level, form, stream)
    return stream


def test_a_line_of_json_has_time_level_logger_message_and_fields() -> None:
    stream = logged("json")
    logging.getLogger("backup_sentinel.export").warning(
        "cannot read %s", "x\ny", extra={"cluster": "köln", "why": ProblemReason.BAD_TIME, "other": {1}}
    )
    [line] = stream.getvalue().splitlines()
    told = json.loads(line)
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", told.pop("time"))
    assert told == {
        "level": "warning",
        "logger": "backup_sentinel.export",
        "message": "cannot read x\ny",
        "cluster": "köln",
        "why": "bad_time",
        "other": "{1}",
    }


def test_a_line_for_people_has_the_fields_after_the_message() -> None:
    stream = logged("text")
    logging.getLogger("a").error("no answer", extra={"cluster": "prod"})
    assert re.fullmatch(r'\d\d:\d\d:\d\d error   no answer cluster="prod"\n', stream.getvalue())


@pytest.mark.parametrize("form", ["json", "text"])
def test_an_exception_is_told_with_its_line(form: str) -> None:
    stream = logged(form)
    try:
        raise ValueError("broken")  # noqa: TRY301 - it is this line that is looked for
    except ValueError:
        logging.getLogger("a").exception("a defect")
    assert "ValueError: broken" in stream.getvalue()
    assert len(stream.getvalue().splitlines()) == 1 or form == "text"


def test_lines_below_the_level_and_of_each_request_are_left_out() -> None:
    stream = logged("text", "warning")
    logging.getLogger("a").info("no")
    logging.getLogger("a").warning("yes")
    set_up_logging("debug", "text", stream)
    logging.getLogger("aiohttp.access").info("no")
    logging.getLogger("uvicorn.access").info("no")
    assert [line.split()[-1] for line in stream.getvalue().splitlines()] == ["yes"]


def test_setting_up_twice_writes_each_line_once() -> None:
    first = logged("text")
    second = logged("text")
    logging.getLogger("a").info("once")
    assert (first.getvalue(), second.getvalue().count("once")) == ("", 1)


def test_the_log_goes_to_standard_error_unless_said_otherwise(capsys: pytest.CaptureFixture[str]) -> None:
    set_up_logging("info", "json", sys.stderr)
    logging.getLogger("a").info("hello")
    assert json.loads(capsys.readouterr().err)["message"] == "hello"
