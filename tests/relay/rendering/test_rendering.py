"""Templates: strict about names, lenient about labels, and closed to everything else."""

from __future__ import annotations

import re
from importlib.resources import files

import msgspec
import pytest

from backup_sentinel.errors import DeliveryError, DeliveryReason
from backup_sentinel.relay.intake import read
from backup_sentinel.relay.message import Delivery, Status
from backup_sentinel.relay.rendering import Rendering, RenderingError, samples
from backup_sentinel.relay.rendering.rendering import LONGEST
from backup_sentinel.relay.settings import IntakeSettings

ESCAPES = (
    "{{ ''.__class__ }}",
    "{{ ''.__class__.__mro__[1].__subclasses__() }}",
    "{{ self.__init__.__globals__ }}",
    "{{ labels.__init__.__globals__ }}",
    "{{ cycler.__init__.__globals__.os.popen('id').read() }}",
    "{{ ''|attr('__class__') }}",
    "{{ '{0.__class__}'.format('') }}",
    "{% set f = ''.format %}{{ f.__self__.__class__ }}",
    "{{ '%s'|attr('for'~'mat')|attr('__globals__') }}",
    "{{ alerts.append(1) }}",
    "{{ labels.update(a='b') }}",
    "{% include '/etc/passwd' %}",
    "{% import 'os' as os %}",
    "{% extends '/etc/passwd' %}",
)


@pytest.mark.parametrize("source", ESCAPES)
def test_nothing_leads_out_of_the_sandbox(source: str) -> None:
    with pytest.raises(RenderingError):
        Rendering().compile(source, "test")


def test_an_unknown_name_is_an_error_at_start_and_a_label_that_is_not_there_is_empty() -> None:
    with pytest.raises(RenderingError, match="the template test: UndefinedError: 'titel' is undefined"):
        Rendering().compile("{{ titel }}", "test")
    with pytest.raises(RenderingError, match="the template test, line 2: "):
        Rendering().compile("\n{% iff %}", "test")
    template = Rendering().compile("[{{ labels.nowhere }}{{ alerts[0].annotations['x'] }}]", "test")
    assert template.render(samples()[0]) == "[]"


def test_a_partial_and_a_failed_backup_can_have_their_own_words() -> None:
    template = Rendering().compile("{% if type == 'warning' %}partial{% else %}failed{% endif %}", "test")
    assert template.render(samples()[0]) == "failed"


def test_in_html_values_are_escaped() -> None:
    source = "<p>{{ annotations.summary }}</p>"
    assert "<marks>" in Rendering().compile(source, "test").render(samples()[0])
    html = Rendering().compile(source, "test", html=True).render(samples()[0])
    assert html.startswith("<p>")
    assert "&lt;marks&gt;" in html


SHIPPED = sorted(file.name for file in files("backup_sentinel.relay").joinpath("templates").iterdir())


@pytest.mark.parametrize("name", SHIPPED)
def test_the_largest_groups_are_told(name: str) -> None:
    """What a request may hold at most becomes a message, not a dead letter."""
    sample = samples()[0]
    [alert] = sample.message.alerts
    alert = msgspec.structs.replace(
        alert, annotations={**alert.annotations, "description": "What to do. <Look>\n" * 50}
    )
    many = [
        msgspec.structs.replace(alert, labels={**alert.labels, "schedule": f"s-{n}"}, fingerprint=f"{n:016x}")
        for n in range(IntakeSettings().max_body_bytes // len(msgspec.json.encode(alert)))
    ]
    over = [msgspec.structs.replace(one, status=Status.RESOLVED) for one in many]
    for alerts in (many, over):
        message = msgspec.structs.replace(sample.message, alerts=tuple(alerts))
        text = Rendering().shipped(name).render(msgspec.structs.replace(sample, message=message))
        assert len(text) < LONGEST
        if name in {"email.html", "email.txt"}:
            assert "s-0" in text
            assert f"{len(alerts) - 100} more alerts are not shown" in text


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ("2026-01-02T03:04:05Z", "2026-01-02 03:04 UTC"),
        ("2026-01-02T03:04:05.678+02:00", "2026-01-02 03:04 +02:00"),
        ("2026-01-02T03:04:05", "2026-01-02T03:04:05"),
        ("2026-01-02 03:04:05+02:00", "2026-01-02 03:04:05+02:00"),
        ("yesterday, at five past three", "yesterday, at five past three"),
        ("Thu, 02 Jan 2026 03:04:05 GMT", "Thu, 02 Jan 2026 03:04:05 GMT"),
        ("1767323045", "1767323045"),
        ("soon", "soon"),
        ("<b>", "&lt;b&gt;"),
    ],
)
def test_a_time_in_a_mail_is_for_people_and_what_is_none_stays_as_it_was_posted(
    said: str, shown: str
) -> None:
    body = {"labels": {"alertname": "X"}, "startsAt": said, "endsAt": said}
    for status, word in (("firing", "since"), ("resolved", "until")):
        message = read(msgspec.json.encode({"alerts": [{**body, "status": status}]}), 0.0)
        mail = Rendering().shipped("email.html").render(Delivery(id="x", message=message, channel="mail"))
        assert re.findall(rf" · {word} (.*?)(?: · |<|$)", mail, re.MULTILINE) == [shown]


def test_braces_in_an_annotation_are_text() -> None:
    assert "{{ braces }}" in Rendering().compile("{{ annotations.summary }}", "t").render(samples()[0])


def test_a_text_without_end_is_cut_off() -> None:
    template = Rendering().compile("{% for alert in alerts %}{{ labels.schedule }}{% endfor %}", "test")
    assert template.render(samples()[0]) == "shop"
    with pytest.raises(RenderingError, match="more than"):
        Rendering().compile("{% for i in range(99999) %}{{ 'x' * 100 }}{% endfor %}", "test")


def test_a_failure_at_delivery_is_final() -> None:
    template = Rendering().compile("{{ 1 / (alerts | length - 2000) }}", "test")
    sample = samples()[0]
    many = sample.message.alerts * 2000
    message = type(sample.message)(id="x", received=0.0, group_key="x", alerts=many)
    with pytest.raises(DeliveryError) as error:
        template.render(type(sample)(id="x", message=message, channel="x"))
    assert (error.value.reason, error.value.retry) == (DeliveryReason.TEMPLATE, False)


def test_samples_show_what_there_is() -> None:
    messages = [sample.message for sample in samples()]
    assert {message.status for message in messages} == set(Status)
    assert min(len(message.alerts) for message in messages) == 1
    assert max(len(message.alerts) for message in messages) > 2
